"""The journal of a running daemon, read from outside: what its guards were told and became."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter
from sqlalchemy import create_engine, func, select

from config.schema import Config, GuardSpec
from daemon.circuit import CircuitPhase, CircuitState
from daemon.circuit import phase as circuit_phase
from daemon.guard import Decision, Evidence, GuardState, Phase, advance, phase
from daemon.tables import CIRCUITS, EVIDENCE, GUARDS, KNOWN_FLAGS, RUNS
from daemon.turn import EVIDENCE_JSON, STATE_JSON
from flags.model import Gates
from probes.model import Run

#: A busy daemon commits so often that one look may fall between two turns.
AGREE_S = 3.0
CIRCUIT_JSON = TypeAdapter(CircuitState)


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that a guard was told, and what followed from it."""

    at: datetime
    evidence: Evidence
    before: GuardState
    after: GuardState
    phase: Phase
    decisions: tuple[Decision, ...]

    @property
    def kills(self) -> bool:
        """True where the guard itself decided to act."""
        kill = self.after.kill
        return kill is not None and kill.by == "guard" and self._is_new

    @property
    def _is_new(self) -> bool:
        was, is_now = self.before.kill, self.after.kill
        return is_now is not None and (was is None or was.decided_at != is_now.decided_at)


class Reading:
    """Follows every guard of one journal by folding what it was told, as the daemon does."""

    def __init__(self, journal: Path, config: Config) -> None:
        self.specs: Mapping[str, GuardSpec] = config.guards
        self._config = config
        self._engine = create_engine(f"sqlite:///file:{journal}?mode=ro&uri=true")
        self._states = {name: GuardState.new() for name in self.specs}
        self._last = dict.fromkeys(self.specs, 0)
        self.told: dict[str, list[Told]] = {name: [] for name in self.specs}
        #: Phases in the order in which each guard came into them.
        self.passed: dict[str, list[tuple[datetime, Phase]]] = {name: [] for name in self.specs}

    def begin(self) -> None:
        """Forget what was; the phases of now count as come into."""
        self.catch_up()
        now = datetime.now(UTC)
        self.told = {name: [] for name in self.specs}
        self.passed = {name: [(now, self.phase(name))] for name in self.specs}

    def catch_up(self) -> None:
        """Fold everything that came in since."""
        for name, spec in self.specs.items():
            rows = select(EVIDENCE).where(
                EVIDENCE.c.guard == name, EVIDENCE.c.id > self._last[name]
            )
            with self._engine.connect() as db:
                found = db.execute(rows.order_by(EVIDENCE.c.id)).all()
            for row in found:
                evidence = EVIDENCE_JSON.validate_json(row.doc)
                before = self._states[name]
                after, decisions = advance(spec, before, evidence, row.at)
                self._states[name], self._last[name] = after, row.id
                label = phase(spec, after, row.at)
                self.told[name].append(Told(row.at, evidence, before, after, label, decisions))
                self._pass(name, row.at, label)
            now = datetime.now(UTC)
            self._pass(name, now, phase(spec, self._states[name], now))

    def _pass(self, name: str, at: datetime, label: Phase) -> None:
        if not self.passed[name] or self.passed[name][-1][1] is not label:
            self.passed[name].append((at, label))

    def state(self, name: str) -> GuardState:
        """Return a guard's state as far as it was read."""
        return self._states[name]

    def phase(self, name: str) -> Phase:
        """Return a guard's phase now."""
        return phase(self.specs[name], self._states[name], datetime.now(UTC))

    def came_into(self, name: str, wanted: Phase, nth: int) -> datetime | None:
        """Say when a guard came into a phase for the nth time since `begin`."""
        times = [at for at, label in self.passed[name] if label is wanted]
        return times[nth - 1] if len(times) >= nth else None

    def is_true(self) -> bool:
        """Say whether the states folded here are those that the daemon committed."""
        until = time.monotonic() + AGREE_S
        while time.monotonic() < until:
            with self._engine.connect() as db:
                docs = {row.guard: row.doc for row in db.execute(select(GUARDS)).all()}
            self.catch_up()
            # Something may have come in between; then the next look is right.
            if all(
                name not in docs or STATE_JSON.validate_json(docs[name]) == state
                for name, state in self._states.items()
            ):
                return True
        return False

    def runs(self, since: datetime) -> list[Run]:
        """Return the runs that began since, oldest first."""
        newest = select(RUNS.c.doc).where(RUNS.c.started_at >= since).order_by(RUNS.c.started_at)
        with self._engine.connect() as db:
            return [Run.from_json(doc) for doc in db.scalars(newest)]

    def has_run(self, run: str) -> bool:
        """Say whether a run came in."""
        with self._engine.connect() as db:
            wanted = select(func.count()).select_from(RUNS).where(RUNS.c.id == run)
            return db.scalar(wanted) == 1

    def knows(self, flag: str, gates: Gates) -> bool:
        """Say whether the daemon has seen these gates of a flag."""
        with self._engine.connect() as db:
            doc = db.scalar(select(KNOWN_FLAGS.c.gates).where(KNOWN_FLAGS.c.flag == flag))
        return doc is not None and Gates.of(*map(tuple, json.loads(doc))) == gates

    def circuit(self, name: str) -> CircuitPhase:
        """Return a circuit's phase now."""
        with self._engine.connect() as db:
            doc = db.scalar(select(CIRCUITS.c.doc).where(CIRCUITS.c.circuit == name))
        state = CircuitState() if doc is None else CIRCUIT_JSON.validate_json(doc)
        return circuit_phase(self._config.circuits[name], state, datetime.now(UTC))

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()
