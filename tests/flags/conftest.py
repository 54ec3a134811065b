"""A store on a SQLite file of the test's own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from flags.stores.sql import SqlFlagStore

FLAG = "representative_status_enabled"
TIMEOUT_S = 0.2


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'flags.sqlite'}"


@pytest.fixture
def store(url: str) -> Iterator[SqlFlagStore]:
    """Tables, and one flag that is off."""
    opened = SqlFlagStore(url, TIMEOUT_S)
    opened.create_tables()
    opened.create(FLAG)
    yield opened
    opened.close()


@pytest.fixture
def other(url: str, store: SqlFlagStore) -> Iterator[SqlFlagStore]:
    """Another handle on the same file, as another process has it."""
    opened = SqlFlagStore(url, TIMEOUT_S)
    yield opened
    opened.close()


@pytest.fixture
def locked(tmp_path: Path, store: SqlFlagStore) -> Callable[[str], AbstractContextManager[None]]:
    """Hold a lock: IMMEDIATE stops writers, EXCLUSIVE readers too."""

    @contextmanager
    def lock(mode: str) -> Iterator[None]:
        connection = sqlite3.connect(tmp_path / "flags.sqlite", isolation_level=None)
        connection.execute(f"BEGIN {mode}")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")
            connection.close()

    return lock
