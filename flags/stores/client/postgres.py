"""flipper-client's PostgreSQL table as a flag store: a name of 40 characters, an item in bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, LargeBinary, String, column, select, table, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from flags.model import FlagError, StoreUnavailable, UnknownFlag
from flags.stores.client.base import ClientFlagStore
from flags.stores.database import Database

#: The library's column is varchar(40).
NAME_LENGTH = 40


class PostgresFlagStore(ClientFlagStore):
    """Flags in a PostgreSQL table that applications share by flipper-client, which creates it.

    Raises:
        FlagError: the URL is none of PostgreSQL's; it is never in the message.
    """

    #: The library connects anew for its read and for its write.
    settle_s = 0.06

    def __init__(
        self,
        url: str,
        table_name: str = "feature_flags",
        name_column: str = "name",
        item_column: str = "item",
        timeout_s: float = 5,
    ) -> None:
        super().__init__()
        if not _is_postgres(url):
            raise FlagError(
                "cannot use store.url: write it as postgresql://user:password@host:port/database"
            )
        self._database = Database(url, timeout_s)
        self._name = column(name_column, String)
        self._item = column(item_column, LargeBinary)
        self._table = table(table_name, self._name, self._item)

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def _check_name(self, name: str) -> None:
        if len(name) > NAME_LENGTH:
            raise FlagError(
                f"{name!r} has {len(name)} characters, and flipper-client's table holds names of "
                f"at most {NAME_LENGTH}: choose a shorter name, or a store of another kind"
            )

    def _read(self, name: str) -> bytes | None:
        with self._begin("read", name) as connection:
            raw = connection.scalar(select(self._item).where(self._name == name))
        return None if raw is None else bytes(raw)

    def _scan(self) -> list[tuple[str, bytes]]:
        with self._begin("read", "*") as connection:
            rows = connection.execute(select(self._name, self._item)).all()
        return [(name, bytes(raw)) for name, raw in rows]

    def _edit(self, name: str, change: Callable[[bytes], bytes]) -> None:
        with self._begin("write", name) as connection:
            mine = self._name == name
            raw = connection.scalar(select(self._item).where(mine).with_for_update())
            if not raw:
                raise UnknownFlag(name)
            after = {self._item.name: change(bytes(raw))}
            connection.execute(update(self._table).where(mine).values(after))

    def _add(self, name: str, raw: bytes) -> bool:
        row = {self._name.name: name, self._item.name: raw}
        with self._begin("create", name) as connection:
            added = insert(self._table).values(row).on_conflict_do_nothing()
            return connection.scalar(added.returning(self._name)) is not None

    @contextmanager
    def _begin(self, operation: str, name: str) -> Iterator[Connection]:
        try:
            with self._database.begin(writes=operation != "read") as connection:
                yield connection
        except SQLAlchemyError as cause:
            # The driver's own text: SQLAlchemy's holds the statement and its values.
            raise StoreUnavailable(operation, name, getattr(cause, "orig", None) or cause) from None


def _is_postgres(url: str) -> bool:
    try:
        return make_url(url).drivername in ("postgres", "postgresql", "postgresql+psycopg")
    except (ArgumentError, ValueError):
        return False
