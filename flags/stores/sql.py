"""Ruby Flipper's ActiveRecord tables as a store for flipper-client.

Source: flippercloud/flipper, `lib/generators/flipper/templates/migration.erb` and
`adapters/active_record.rb`: disabling deletes every gate row of the feature (no "false" row is
ever written); enabling deletes them and inserts boolean "true".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from flipper.contrib.storage import FeatureFlagStoreItem
from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    delete,
    event,
    insert,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from flags.gates import flag_of
from flags.model import Flag, FlagChanged, FlagError, Gates, StoreUnavailable, UnknownFlag
from flags.stores.base import DISABLED, ENABLED, FlagStore, item_of

_metadata = MetaData()

_FEATURES = Table(
    "flipper_features",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String, nullable=False, unique=True),
    Column("created_at", DateTime, nullable=False),
    Column("updated_at", DateTime, nullable=False),
)

_GATES = Table(
    "flipper_gates",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("feature_key", String, nullable=False),
    Column("key", String, nullable=False),
    Column("value", Text),
    Column("created_at", DateTime, nullable=False),
    Column("updated_at", DateTime, nullable=False),
    UniqueConstraint("feature_key", "key", "value"),
)


class SqlFlagStore(FlagStore):
    """Flags in a SQL database that Ruby Flipper shares.

    Every method raises `StoreUnavailable` within `timeout_s` of a dead or locked database, and
    those that need a flag raise `UnknownFlag` and create nothing.

    Raises:
        FlagError: the URL is none, or its driver is not installed; it is never in the message.
    """

    def __init__(self, url: str, timeout_s: float = 5) -> None:
        try:
            sqlite = make_url(url).get_backend_name() == "sqlite"
            arguments: dict[str, Any] = {"timeout": timeout_s} if sqlite else {}
            self._engine: Engine = create_engine(url, connect_args=arguments)
        except (ArgumentError, ImportError) as cause:
            raise FlagError(
                f"cannot use store.url: {str(cause).splitlines()[0]}. Write it as "
                "dialect+driver://user:password@host/name, or sqlite:////absolute/path, and "
                "install its driver"
            ) from None
        if sqlite:
            event.listen(self._engine, "connect", _autocommit)
            event.listen(self._engine, "begin", _begin_sqlite)

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
        """Write exactly these gates in one transaction and return what they were before it."""
        with self._begin("write", feature_name) as connection:
            before = _read(connection, feature_name)
            if expected is not None and before not in (expected, wanted):
                raise FlagChanged(feature_name, expected, before)
            connection.execute(delete(_GATES).where(_GATES.c.feature_key == feature_name))
            now = _now()
            rows = [
                {
                    "feature_key": feature_name,
                    "key": key,
                    "value": value,
                    "created_at": now,
                    "updated_at": now,
                }
                for key, value in wanted.rows
            ]
            if rows:
                connection.execute(insert(_GATES), rows)
            return before

    def flags(self) -> tuple[Flag, ...]:
        """Read every flag with its gates, sorted by name."""
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
            connection.execute(
                insert(_FEATURES).values(key=feature_name, created_at=now, updated_at=now)
            )
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
        self._engine.dispose()

    @contextmanager
    def _begin(self, operation: str, flag: str) -> Iterator[Connection]:
        try:
            engine = self._engine.execution_options(writes=operation != "read")
            with engine.begin() as connection:
                yield connection
        except SQLAlchemyError as cause:
            root = getattr(cause, "orig", None) or cause
            raise StoreUnavailable(operation, flag, root) from cause


def _autocommit(connection: Any, _: Any) -> None:
    # The driver's own transactions leave the SELECT outside them: a read-modify-write then loses
    # other writers' updates without any error.
    connection.isolation_level = None


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock before it reads; readers must not wait for one another.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _exists(connection: Connection, name: str) -> bool:
    found = connection.scalar(select(_FEATURES.c.id).where(_FEATURES.c.key == name))
    return found is not None


def _read(connection: Connection, name: str) -> Gates:
    if not _exists(connection, name):
        raise UnknownFlag(name)
    rows = connection.execute(
        select(_GATES.c.key, _GATES.c.value).where(_GATES.c.feature_key == name)
    )
    return Gates.of(*((key, value) for key, value in rows if value is not None))


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
