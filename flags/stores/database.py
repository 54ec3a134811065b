"""A SQLite or PostgreSQL database that answers within a time-out, whatever its server does."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, QueuePool, create_engine, event, func, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from flags.model import FlagError

#: Past the time-out that the server itself enforces, before the line is cut.
_GRACE_S = 0.5
#: Monotonic time at which the operation of this thread must have ended.
_deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)


class Database:
    """Transactions on a pool of connections; any thread may begin one.

    On PostgreSQL a write is READ COMMITTED (after waiting for a row lock the next statement sees
    what the lock's last holder committed) and a read is REPEATABLE READ (one snapshot, no locks).
    On SQLite a write takes the file's only write lock before it reads anything.

    Raises:
        FlagError: the URL is none, or its driver is not installed; it is never in the message.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        try:
            parsed = _with_driver(make_url(url))
            self._sqlite = parsed.get_backend_name() == "sqlite"
            engine = create_engine(parsed, **_arguments(parsed, timeout_s))
        except (ArgumentError, ImportError) as cause:
            raise _unusable(str(cause).splitlines()[0]) from None
        except ValueError:
            # Its text can hold a part of the URL that was meant as the password.
            raise _unusable("its port is no number") from None
        self.engine: Engine = engine
        if self._sqlite:
            event.listen(engine, "connect", _autocommit)
            event.listen(engine, "begin", _begin_sqlite)
            self._reader = engine.execution_options(writes=False)
            self._writer = engine.execution_options(writes=True)
        else:
            event.listen(engine, "do_connect", _connect_bounded)
            self._reader = engine.execution_options(isolation_level="REPEATABLE READ")
            self._writer = engine.execution_options(isolation_level="READ COMMITTED")

    @contextmanager
    def begin(self, *, writes: bool) -> Iterator[Connection]:
        """Commit at the end of the block, or roll back where it raises.

        Raises:
            SQLAlchemyError: no answer in time, or a refusal.
        """
        token = _deadline.set(time.monotonic() + self._timeout_s + _GRACE_S)
        try:
            with (self._writer if writes else self._reader).begin() as connection:
                if not self._sqlite:
                    self._limit(connection)
                yield connection
        finally:
            _deadline.reset(token)

    def close(self) -> None:
        """Close every connection that is not in use."""
        self.engine.dispose()

    def _limit(self, connection: Connection) -> None:
        # Set per transaction and not by libpq's `options`: pgbouncer refuses those.
        limit_ms = str(max(1, int(self._timeout_s * 1000)))
        names = ("statement_timeout", "lock_timeout")
        connection.execute(select(*(func.set_config(name, limit_ms, True) for name in names)))


def _with_driver(url: URL) -> URL:
    if url.drivername in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite" or url.drivername == "postgresql+psycopg":
        return url
    url.get_dialect()  # says which dialect or driver it does not know
    raise ArgumentError("Ruby Flipper's tables are served on SQLite, and PostgreSQL by psycopg")


def _arguments(url: URL, timeout_s: float) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        arguments: dict[str, Any] = {"connect_args": {"timeout": timeout_s}}
    else:
        line = {
            "application_name": "tripflag",
            "connect_timeout": math.ceil(timeout_s),
            "tcp_user_timeout": int(timeout_s * 1000),
            "keepalives_idle": max(1, math.ceil(timeout_s)),
            "keepalives_interval": 1,
            "keepalives_count": 3,
            # pgbouncer gives the next transaction another server, without our statements.
            "prepare_threshold": None,
        }
        arguments = {
            "connect_args": {key: value for key, value in line.items() if key not in url.query},
            "pool_pre_ping": True,  # the first call after a server's return finds dead lines
            "use_native_hstore": False,  # spares a query per engine; nothing here is one
        }
    dialect: Any = url.get_dialect()
    if issubclass(dialect.get_pool_class(url), QueuePool):
        arguments["pool_timeout"] = timeout_s
    return arguments


def _unusable(detail: str) -> FlagError:
    return FlagError(
        f"cannot use store.url: {detail}. Write it as postgresql://user:password@host/name or "
        "sqlite:////absolute/path"
    )


# --- SQLite ---------------------------------------------------------------------------------


def _autocommit(connection: Any, _: Any) -> None:
    # The driver's own transactions leave the SELECT outside them: a read-modify-write then loses
    # other writers' updates without any error.
    connection.isolation_level = None


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock before it reads; readers must not wait for one another.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


# --- PostgreSQL -----------------------------------------------------------------------------


class _BoundedConnection(psycopg.Connection[Any]):
    """Gives up at the operation's deadline, also when the server holds the line and says nothing.

    Neither `statement_timeout` (the server is frozen) nor `tcp_user_timeout` (its kernel still
    acknowledges) ends such a wait.
    """

    def wait(self, gen: Any, *arguments: Any, **named: Any) -> Any:
        """Run psycopg's exchange with the server until it ends or the deadline passes."""
        return super().wait(self._until_deadline(gen), *arguments, **named)

    def _until_deadline(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if time.monotonic() > _deadline.get():
                    self.close()
                    raise psycopg.OperationalError("the server did not answer in time")
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value


def _connect_bounded(_: Any, __: Any, arguments: list[Any], named: dict[str, Any]) -> Any:
    if time.monotonic() > _deadline.get():
        # Connecting anew after a ping that took all the time would take as long again.
        raise psycopg.OperationalError("the server did not answer in time")
    return _BoundedConnection.connect(*arguments, **named)
