"""Durable history and outbox: SQLite in WAL mode, every turn one transaction.

A decision is a committed row before it is an act. Everything that a turn concludes is committed
together or not at all, so `kill -9` at any instruction loses no decision and repeats none.
"""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import sleep
from typing import IO, Any

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.util import CommandError
from sqlalchemy import Connection, Select, Table, create_engine, delete, event, func, select
from sqlalchemy.exc import DBAPIError

from daemon.guard import Evidence
from daemon.tables import DECISIONS, EVIDENCE, RUNS
from daemon.turn import EVIDENCE_JSON, Pending, Turn, pending_of

#: Milliseconds that a transaction waits for another one's lock. Ours are short; this is for
#: somebody's open `sqlite3` shell.
BUSY_MS = 10_000
#: Connections kept open; more are made where more are wanted. A limit would let whoever reads, such
#: as the web's slow pages, make the thread that judges wait, and in the end lose its run.
CONNECTIONS = 20
#: What does not stay for ever.
PRUNED = (RUNS, EVIDENCE, DECISIONS)
#: Rows deleted in one turn, which takes about 0.1 s; and how long others then have, who look
#: whether the lock is free every 25 ms or so.
PRUNED_AT_ONCE = 500
LET_OTHERS_S = 0.06


class JournalError(Exception):
    """The journal cannot be opened or written: what, why, and the remedy."""


class Journal:
    """One open journal file; one daemon at a time.

    Raises:
        JournalError: the file is not a journal, cannot be opened, or another daemon has it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = _lock(path)
        self._mine = threading.local()
        self.engine = create_engine(
            f"sqlite:///{path}",
            connect_args={"timeout": BUSY_MS / 1000},
            pool_size=CONNECTIONS,
            max_overflow=-1,
        )
        event.listen(self.engine, "connect", _prepare)
        event.listen(self.engine, "begin", _begin)
        try:
            _migrate(self)
        except CommandError as cause:
            self.close()
            raise JournalError(
                f"cannot use {path} as the journal: {cause}. A newer Tripflag wrote it: run that "
                "one, or give journal.path a new name; it was left as it is"
            ) from cause
        except DBAPIError as cause:
            self.close()
            raise JournalError(
                f"cannot use {path} as the journal: {cause.orig}. Give journal.path a new name, or "
                "restore the file from a backup; it was left as it is"
            ) from cause

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """Open one transaction, committed on leaving and rolled back on any exception.

        Raises:
            JournalError: the disk is full, the file is gone, or the lock cannot be had.
        """
        engine = self.engine.execution_options(writes=True)
        try:
            with engine.begin() as connection:
                yield Turn(connection)
        except DBAPIError as cause:
            raise JournalError(
                f"cannot write the journal {self.path}: {cause.orig}. Free disk space or mend the "
                "file's permissions; nothing of this turn was kept"
            ) from cause
        self._mine.committed = self.committed + 1

    @property
    def committed(self) -> int:
        """How many turns the calling thread has committed."""
        return int(getattr(self._mine, "committed", 0))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open one transaction that only reads.

        Raises:
            JournalError: the file is gone or cannot be read.
        """
        try:
            with self.engine.begin() as connection:
                yield connection
        except DBAPIError as cause:
            raise JournalError(
                f"cannot read the journal {self.path}: {cause.orig}. Check that the file is there "
                "and readable; nothing was changed"
            ) from cause

    def pending(self, now: datetime) -> tuple[tuple[Pending, ...], datetime | None]:
        """Return the due decisions, oldest first, and when the next of the others is due."""
        waiting = DECISIONS.c.state == "pending"
        with self.reading() as connection:
            due = connection.execute(
                select(DECISIONS).where(waiting, DECISIONS.c.due_at <= now).order_by(DECISIONS.c.id)
            ).all()
            later = connection.scalar(
                select(func.min(DECISIONS.c.due_at)).where(waiting, DECISIONS.c.due_at > now)
            )
        return tuple(pending_of(row) for row in due), later

    def told(self, guard: str) -> list[tuple[datetime, Evidence]]:
        """Return everything that a guard was told, in order; folding it gives its state."""
        query = select(EVIDENCE.c.at, EVIDENCE.c.doc).where(EVIDENCE.c.guard == guard)
        with self.reading() as connection:
            rows = connection.execute(query.order_by(EVIDENCE.c.id)).all()
        return [(at, EVIDENCE_JSON.validate_json(doc)) for at, doc in rows]

    def size_bytes(self) -> int:
        """Size on disk, write-ahead log included."""
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def prune(self, before: datetime) -> int:
        """Delete runs and evidence older than `before`; decisions, flips and incidents stay.

        In many short turns, oldest first: what comes in meanwhile is judged between them.
        """
        runs, *_ = [self._prune(table, before) for table in PRUNED]
        return runs

    def _prune(self, table: Table, before: datetime) -> int:
        gone = 0
        while True:
            with self.turn() as turn:
                old = _old(table, before).limit(PRUNED_AT_ONCE)
                at_once = turn.db.execute(delete(table).where(table.c.id.in_(old))).rowcount
            gone += at_once
            if at_once < PRUNED_AT_ONCE:
                return gone
            sleep(LET_OTHERS_S)

    def close(self) -> None:
        """Close every connection and let another daemon in."""
        self.engine.dispose()
        self._lock.close()


def _old(table: Table, before: datetime) -> Select[tuple[Any]]:
    """Name the rows of one of `PRUNED` that are older than `before`, the oldest first."""
    row = table.c
    if table is RUNS:
        return select(row.id).where(row.started_at < before).order_by(row.started_at)
    if table is EVIDENCE:
        return select(row.id).where(row.at < before).order_by(row.id)
    done = (row.kind == "run_probe") & (row.state != "pending")
    return select(row.id).where(done, row.decided_at < before).order_by(row.id)


def _lock(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.with_name(path.name + ".lock").open("w")
    except OSError as cause:
        raise JournalError(
            f"cannot open the journal {path}: {cause.strerror}. Make its folder writable for this "
            "user, or set journal.path elsewhere"
        ) from cause
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as cause:
        file.close()
        raise JournalError(
            f"another daemon uses the journal {path}: stop it, or set another journal.path"
        ) from cause
    return file


def _prepare(connection: Any, _: Any) -> None:
    # The driver's own transaction mode runs the SELECT of a read-modify-write outside the
    # transaction and loses updates silently; hence autocommit here and BEGIN IMMEDIATE below.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    # FULL, not NORMAL: an acknowledged flip must survive a power cut.
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(journal: Journal) -> None:
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with journal.engine.execution_options(writes=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
