"""An engine on real files: journal, flag store, metrics. Only clock and pool are ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from sqlalchemy import Table, select

from daemon.engine import Engine
from daemon.guard import Phase, advance
from daemon.guard.messages import OperatorAsked, RunProbe
from daemon.guard.state import GuardState
from daemon.journal import Journal
from daemon.metrics import Metrics
from daemon.tables import FLIPS
from flags.model import FlagState, Gates
from flags.stores.base import ENABLED
from flags.stores.sql import SqlFlagStore
from flags.switch import Switch
from probes.model import Outcome, Purpose, Run
from tests.daemon.build import FLAG, T0, config, run

GUARD = "shield"


class Desk:
    """Everything that one daemon holds open; `reopen` is its successor on the same files."""

    def __init__(self, folder: Path, *, gates: Gates = ENABLED, **guard_changes: Any) -> None:
        self.folder = folder
        self.config = config(folder, **guard_changes)
        self.now: datetime = T0
        self.dispatched: list[RunProbe] = []
        store = self._store()
        store.create_tables()
        store.create(FLAG)
        store.replace_gates(FLAG, gates)
        store.close()
        self._open()

    def _store(self) -> SqlFlagStore:
        return SqlFlagStore(self.config.store.url, self.config.store.timeout_s)

    def _open(self) -> None:
        self.journal = Journal(self.config.journal.path)
        self.store = self._store()
        self.metrics = Metrics(CollectorRegistry(), self.config.metrics.duration_buckets_s)
        self.engine = Engine(
            self.config,
            self.journal,
            Switch(self.store),
            self.metrics,
            self.dispatched.append,
            lambda: self.now,
        )
        self.engine.start()

    def close(self) -> None:
        self.store.close()
        self.journal.close()

    def reopen(self) -> None:
        """Die, and start anew on the same files."""
        self.close()
        self.dispatched.clear()
        self._open()

    # --- when -------------------------------------------------------------------------------

    def wait(self, seconds: float = 1) -> Desk:
        self.now += timedelta(seconds=seconds)
        return self

    def run_now(self, outcome: Outcome = Outcome.FAILED, **more: Any) -> Run:
        """Build a run that starts now."""
        return run(outcome, (self.now - T0).total_seconds(), **more)

    def take(self, outcome: Outcome, **more: Any) -> Desk:
        """A run comes in a second from now, and what follows from it is applied."""
        one = self.run_now(outcome, **more)
        self.wait()
        self.engine.take_run(one)
        self.engine.apply_pending()
        return self

    def fails(self, times: int = 1, **more: Any) -> Desk:
        for _ in range(times):
            self.take(Outcome.FAILED, **more)
        return self

    def passes(self, times: int = 1, **more: Any) -> Desk:
        for _ in range(times):
            self.take(Outcome.PASSED, **more)
        return self

    def control(self, outcome: Outcome = Outcome.PASSED) -> Desk:
        return self.take(outcome, probe="control", purpose=Purpose.CONTROL, exposed=False)

    def proof(self, *, told: bool = False, outcome: Outcome = Outcome.PASSED) -> Desk:
        return self.take(outcome, probe="proof", purpose=Purpose.PROOF, exposed=told)

    def trip(self) -> Desk:
        """Fail, pass the control, and be confirmed."""
        return self.fails().control().fails(self.config.guards[GUARD].confirmations)

    def ask(self, verb: Any, reason: str = "because") -> Desk:
        self.wait()
        self.engine.ask(GUARD, OperatorAsked(verb, "ann", reason))
        return self

    def store_locked(self, mode: str = "EXCLUSIVE") -> AbstractContextManager[None]:
        """Hold a lock on the flags' file: IMMEDIATE stops writers, EXCLUSIVE readers too."""
        return _locked(self.folder / "flags.sqlite", mode)

    def journal_locked(self) -> AbstractContextManager[None]:
        """Keep writers away from the journal."""
        return _locked(self.config.journal.path, "IMMEDIATE")

    # --- then -------------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        return self.engine.phases()[GUARD]

    @property
    def gates(self) -> Gates:
        return self.store.gates(FLAG)

    @property
    def flag_state(self) -> FlagState:
        (flag,) = self.store.flags()
        return flag.state

    def rows(self, table: Table) -> list[dict[str, Any]]:
        with self.journal.engine.begin() as connection:
            query = select(table).order_by(*table.primary_key.columns)
            return [dict(row._mapping) for row in connection.execute(query)]

    @property
    def flips(self) -> list[tuple[str, str, str]]:
        """The audit's flips: before, after, by whom."""
        return [(row["before"], row["after"], row["by"]) for row in self.rows(FLIPS)]

    def saved(self) -> GuardState:
        with self.journal.turn() as turn:
            return turn.guard_state(GUARD)

    def replayed(self) -> GuardState:
        """Fold anew everything that the guard was ever told."""
        state = GuardState.new()
        for at, evidence in self.journal.told(GUARD):
            state, _ = advance(self.config.guards[GUARD], state, evidence, at)
        return state

    def sample(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


@contextmanager
def _locked(path: Path, mode: str) -> Iterator[None]:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute(f"BEGIN {mode}")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()
