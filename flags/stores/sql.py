"""Ruby Flipper's ActiveRecord tables as a store for flipper-client.

Source: flippercloud/flipper, `lib/generators/flipper/templates/migration.erb` and
`adapters/active_record.rb`: disabling deletes every gate row of the feature (no "false" row is
ever written); enabling deletes them and inserts boolean "true". Column types as Rails 6.1 and
later make them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from flipper.contrib.storage import FeatureFlagStoreItem
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from config.schema import AfterWrite
from flags.gates import flag_of
from flags.model import Flag, FlagChanged, FlagError, Gates, StoreUnavailable, UnknownFlag
from flags.stores.after_write import AfterWriter
from flags.stores.base import DISABLED, ENABLED, FlagStore, item_of
from flags.stores.database import Database

_metadata = MetaData()
_ID = BigInteger().with_variant(Integer, "sqlite")
_TIME = DateTime().with_variant(postgresql.TIMESTAMP(precision=6), "postgresql")

_FEATURES = Table(
    "flipper_features",
    _metadata,
    Column("id", _ID, primary_key=True),
    Column("key", String, nullable=False, unique=True),
    Column("created_at", _TIME, nullable=False),
    Column("updated_at", _TIME, nullable=False),
)

_GATES = Table(
    "flipper_gates",
    _metadata,
    Column("id", _ID, primary_key=True),
    Column("feature_key", String, nullable=False),
    Column("key", String, nullable=False),
    Column("value", Text),
    Column("created_at", _TIME, nullable=False),
    Column("updated_at", _TIME, nullable=False),
    UniqueConstraint("feature_key", "key", "value"),
)


class SqlFlagStore(FlagStore):
    """Flags in a SQLite or PostgreSQL database that Ruby Flipper shares.

    Every method raises `StoreUnavailable` within about `timeout_s` of a dead, frozen or locked
    database, and the first call after its return works. Those that need a flag raise `UnknownFlag`
    and create nothing. Isolation: see `Database`. On PostgreSQL the role needs SELECT and UPDATE
    on `flipper_features` (for its row lock), and SELECT, INSERT and DELETE on `flipper_gates`.

    Raises:
        FlagError: a URL is none, or its driver is not installed; it is never in the message.
    """

    def __init__(
        self, url: str, timeout_s: float = 5, after_write: AfterWrite | None = None
    ) -> None:
        self._after = AfterWriter(after_write or AfterWrite(), timeout_s)
        self._database = Database(url, timeout_s)

    @property
    def cache_problem(self) -> str | None:
        """Why the application's cache may still hold an old value; None: it was told."""
        return self._after.cache_problem

    @property
    def event_problem(self) -> str | None:
        """Why the last change is not in the application's audit table; None: nothing is missing."""
        return self._after.event_problem

    @property
    def after_write_problem(self) -> str | None:
        """Whatever the application was not told of our last write."""
        return self.cache_problem or self.event_problem

    def create_tables(self) -> None:
        """Create Flipper's two tables where they are absent; for an embedded target only."""
        with self._begin("create tables for", "flipper") as connection:
            _metadata.create_all(connection)

    def gates(self, feature_name: str) -> Gates:
        """Read a flag's gate rows exactly as they are."""
        with self._begin("read", feature_name) as connection:
            return _read(connection, feature_name)

    def replace_gates(
        self, feature_name: str, wanted: Gates, expected: Gates | None = None
    ) -> Gates:
        """Write exactly these gates in one transaction and return what they were before it.

        The feature's row stays locked from the comparison to the commit. The application's cache
        forgets the flag also when nothing had to be written: an earlier attempt may have died
        between its commit and that.
        """
        with self._begin("write", feature_name) as connection:
            before = _read(connection, feature_name, lock=True)
            if expected is not None and before not in (expected, wanted):
                raise FlagChanged(feature_name, expected, before)
            now = _now()
            connection.execute(delete(_GATES).where(_GATES.c.feature_key == feature_name))
            if wanted.rows:
                connection.execute(_add(connection, _GATES), _rows(feature_name, wanted, now))
            self._after.note(connection, feature_name, before, wanted, now)
        self._after.forget(feature_name)
        return before

    def last_writer(self, feature_name: str) -> str | None:
        """Who wrote the flag last, where vets-api's audit table is there and the option is on."""
        with self._begin("read", feature_name) as connection:
            return self._after.last_writer(connection, feature_name)

    def flags(self) -> tuple[Flag, ...]:
        """Read every flag with its gates, sorted by name; tell caches what they still miss."""
        self._after.catch_up()
        with self._begin("read", "*") as connection:
            names = connection.scalars(select(_FEATURES.c.key).order_by(_FEATURES.c.key)).all()
            rows: dict[str, list[tuple[str, str]]] = {name: [] for name in names}
            columns = select(_GATES.c.feature_key, _GATES.c.key, _GATES.c.value)
            for name, key, value in connection.execute(columns):
                if name in rows and value is not None:
                    rows[name].append((key, value))
        return tuple(flag_of(name, Gates.of(*gates)) for name, gates in rows.items())

    # --- AbstractFeatureFlagStore -----------------------------------------------------------

    def create(
        self, feature_name: str, is_enabled: bool = False, client_data: dict[str, Any] | None = None
    ) -> FeatureFlagStoreItem:
        """Add a feature, off or on. An existing one is left as it is, gates and all."""
        if client_data:
            raise FlagError("Ruby Flipper's tables have no place for client data")
        with self._begin("create", feature_name) as connection:
            if _exists(connection, feature_name):
                return item_of(flag_of(feature_name, _read(connection, feature_name)))
            now = _now()
            row = {"key": feature_name, "created_at": now, "updated_at": now}
            connection.execute(_add(connection, _FEATURES), row)
        if is_enabled:
            self.replace_gates(feature_name, ENABLED)
        return item_of(flag_of(feature_name, ENABLED if is_enabled else DISABLED))

    def delete(self, feature_name: str) -> None:
        """Remove a feature and its gates."""
        with self._begin("delete", feature_name) as connection:
            connection.execute(delete(_GATES).where(_GATES.c.feature_key == feature_name))
            connection.execute(delete(_FEATURES).where(_FEATURES.c.key == feature_name))

    def close(self) -> None:
        """Close every connection."""
        self._database.close()
        self._after.close()

    @contextmanager
    def _begin(self, operation: str, flag: str) -> Iterator[Connection]:
        try:
            with self._database.begin(writes=operation != "read") as connection:
                yield connection
        except SQLAlchemyError as cause:
            root = getattr(cause, "orig", None) or cause
            raise StoreUnavailable(operation, flag, root) from cause


def _add(connection: Connection, table: Table) -> Any:
    # Another writer, who does not know our lock, may have added the very same row: that is what
    # was wanted.
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table).on_conflict_do_nothing()


def _rows(feature: str, gates: Gates, now: datetime) -> list[dict[str, Any]]:
    times = {"created_at": now, "updated_at": now}
    return [
        {"feature_key": feature, "key": key, "value": value, **times} for key, value in gates.rows
    ]


def _exists(connection: Connection, name: str, *, lock: bool = False) -> bool:
    found = select(_FEATURES.c.id).where(_FEATURES.c.key == name)
    return connection.scalar(found.with_for_update() if lock else found) is not None


def _read(connection: Connection, name: str, *, lock: bool = False) -> Gates:
    if not _exists(connection, name, lock=lock):
        raise UnknownFlag(name)
    rows = connection.execute(
        select(_GATES.c.key, _GATES.c.value).where(_GATES.c.feature_key == name)
    )
    return Gates.of(*((key, value) for key, value in rows if value is not None))


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
