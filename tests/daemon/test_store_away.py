"""A flag store that dies in the middle of a flip, and what is true when it comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
import redis
from prometheus_client import CollectorRegistry

from config.schema import AfterWrite, RedisStore, SqlStore, StoreSpec
from daemon.engine import Engine
from daemon.guard import Phase
from daemon.guard.messages import OperatorAsked
from daemon.history import audit, flips, pending_flips
from daemon.journal import Journal
from daemon.metrics import Metrics
from flags.stores.open import open_store
from flags.stores.sql import SqlFlagStore
from flags.switch import Switch
from tests.daemon.build import FLAG, config
from tests.servers import Postgres, Redis, Server

GUARD = "shield"
DEADLINE_S = 20.0


class Stage:
    """An engine whose applying thread runs, on a store that can be stopped."""

    def __init__(self, folder: Path, spec: StoreSpec, server: Server) -> None:
        self.server = server
        self.store = open_store(spec)
        if isinstance(self.store, SqlFlagStore):
            self.store.create_tables()
        self.store.create(FLAG, True)
        whole = config(folder).model_copy(update={"store": spec})
        self.journal = Journal(whole.journal.path)
        self.metrics = Metrics(CollectorRegistry(), whole.metrics.duration_buckets_s)
        switch = Switch(self.store)
        self.engine = Engine(whole, self.journal, switch, self.metrics, lambda _order: None)
        self.engine.start()
        self.engine.poll_flags()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._apply)
        self._thread.start()

    def _apply(self) -> None:
        while not self._ends.is_set():
            self.engine.wake.clear()
            self.engine.apply_pending()
            self.engine.wake.wait(0.02)

    def trip(self) -> None:
        """Ask for the kill, as a person; the applying thread writes it."""
        self.engine.tell(GUARD, OperatorAsked("trip", "ann", "wrong names"))

    def phase(self) -> Phase:
        return self.engine.phases()[GUARD]

    def exposing(self) -> bool:
        return Switch(self.store).flag(FLAG).exposing

    def close(self) -> None:
        self._ends.set()
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()
        self.store.close()
        self.journal.close()


def until(what: str, holds: Callable[[], object], within_s: float = DEADLINE_S) -> float:
    """Wait until something is true; return how long it took."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > within_s:
            pytest.fail(f"not within {within_s:g} s: {what}")
        time.sleep(0.01)
    return time.monotonic() - began


@contextmanager
def stage_on(folder: Path, spec: StoreSpec, server: Server) -> Iterator[Stage]:
    stage = Stage(folder, spec, server)
    try:
        yield stage
    finally:
        stage.close()


def killed_in_the_middle(stage: Stage, in_flight: Callable[[], object]) -> None:
    """Trip while writes wait, kill the server under the write, bring it back."""
    stage.trip()
    until("the write waits in the server", in_flight)
    with stage.server.away():
        until("the guard says so", lambda: stage.phase() is Phase.KILL_FAILED)
        (owed,) = pending_flips(stage.journal)
        assert owed.error is not None
        assert "cannot" in owed.error
        stage.engine.poll_flags()
        assert "store" in stage.engine.problems
        assert stage.metrics.registry.get_sample_value("tripflag_store_up") == 0
    took_s = until("the flip lands", lambda: not pending_flips(stage.journal))
    assert took_s < 1.0  # retries are at most 0.5 s apart
    assert not stage.exposing()
    # Shown once it is written down, not before.
    until("the guard shows it", lambda: stage.phase() is Phase.KILLED_UNVERIFIED)
    assert [(row.before, row.after) for row in flips(stage.journal)] == [("on", "off")]
    assert [row.actor for row in audit(stage.journal)] == ["ann"]
    stage.engine.poll_flags()
    assert stage.engine.problems == {}


def test_postgresql_killed_in_the_middle_of_a_flip_loses_nothing(
    tmp_path: Path, postgres_server: Postgres, postgres_url: str
) -> None:
    url = postgres_url.replace("postgresql://", "postgresql+psycopg://")
    # Long enough that the write still waits for the lock when the server dies.
    spec = SqlStore(url=url, timeout_s=10)
    with (
        stage_on(tmp_path, spec, postgres_server) as stage,
        closing(psycopg.connect(postgres_url)) as other,
    ):
        other.execute("SELECT * FROM flipper_features FOR UPDATE")

        def waits() -> bool:
            with psycopg.connect(postgres_url) as third:
                row = third.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
            return row is not None and row[0] > 0

        killed_in_the_middle(stage, waits)


def test_redis_killed_in_the_middle_of_a_flip_loses_nothing(
    tmp_path: Path, redis_server: Redis, redis_url: str
) -> None:
    spec = RedisStore(kind="redis", url=redis_url, timeout_s=10)
    with stage_on(tmp_path, spec, redis_server) as stage:
        other = redis.Redis.from_url(redis_url)
        # Reads go on, so the snapshot is taken; the write waits.
        other.execute_command("CLIENT", "PAUSE", "20000", "WRITE")

        def waits() -> bool:
            return int(other.info("clients")["blocked_clients"]) > 0

        killed_in_the_middle(stage, waits)
        other.close()


def test_a_cache_that_missed_a_kill_is_shown_until_it_was_told(
    tmp_path: Path, redis_server: Redis, redis_url: str
) -> None:
    after = AfterWrite(redis_url=redis_url)
    spec = SqlStore(url=f"sqlite:///{tmp_path}/flags.sqlite", after_write=after)
    with stage_on(tmp_path, spec, redis_server) as stage:

        def shown() -> float | None:
            stage.engine.poll_flags()
            return stage.metrics.registry.get_sample_value("tripflag_store_after_write_up")

        assert shown() == 1
        with redis_server.away():
            stage.trip()
            until("the flip lands", lambda: flips(stage.journal))
            assert not stage.exposing()
            assert shown() == 0
        assert shown() == 1
