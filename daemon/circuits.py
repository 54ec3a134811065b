"""The circuits' states: folded inside a turn, shown after its commit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

import structlog
from pydantic import TypeAdapter
from sqlalchemy import insert, select, update

from config.schema import CircuitSpec, Config
from daemon.audit import AuditEntry, Signed
from daemon.circuit import (
    Asked,
    Change,
    CircuitPhase,
    CircuitState,
    Next,
    keep_open,
    let_go,
    next_change_at,
    pass_time,
    phase,
    take_run,
)
from daemon.guard.messages import SwitchCircuit
from daemon.journal import Journal
from daemon.metrics import Metrics
from daemon.news import About, News
from daemon.tables import CIRCUITS
from daemon.turn import Turn
from flags.mirror import Mirror
from probes.model import Run

log = structlog.get_logger(__name__)

STATE_JSON = TypeAdapter(CircuitState)

#: Checks, inside the transaction that writes, that a person saw what is there; raises if not.
Expect = Callable[[CircuitState], None]


def utc_now() -> datetime:
    """Read the clock: aware UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Circuit:
    """A circuit as configured, and its last committed state."""

    spec: CircuitSpec
    state: CircuitState

    def phase(self, now: datetime) -> CircuitPhase:
        """Derive what it is at `now`."""
        return phase(self.spec, self.state, now)


def flag_name(circuit: str) -> str:
    """Name the flag that shows a circuit to applications: on while they must go round it."""
    return f"circuit.{circuit}"


class Circuits:
    """Owns the circuits' states. Every method may be called from any thread.

    Args:
        mirror: where applications read the circuits as flags; None: nowhere.
    """

    def __init__(
        self,
        config: Config,
        journal: Journal,
        metrics: Metrics,
        clock: Callable[[], datetime] = utc_now,
        mirror: Mirror | None = None,
        news: News | None = None,
    ) -> None:
        self._specs: Mapping[str, CircuitSpec] = config.circuits
        self._journal = journal
        self._metrics = metrics.circuits
        self._clock = clock
        self._mirror = mirror
        self._news = news or News()
        self._shown: Mapping[str, Circuit] = MappingProxyType({})
        self._showing = threading.Lock()
        #: Per thread, because a turn is: what another thread's open turn did is not committed.
        self._mine = threading.local()

    # --- life -------------------------------------------------------------------------------

    def start(self) -> None:
        """Show every circuit as it was last committed."""
        self._show()

    def saved(self) -> Mapping[str, CircuitState]:
        """Read every circuit's last committed state, also of those that are not configured.

        Raises:
            JournalError: it cannot be read.
        """
        with self._journal.reading() as connection:
            rows = connection.execute(select(CIRCUITS.c.circuit, CIRCUITS.c.doc)).all()
        return {name: STATE_JSON.validate_json(doc) for name, doc in rows}

    def reload(self, config: Config, saved: Mapping[str, CircuitState]) -> None:
        """Take a new configuration; states of circuits that stay are kept.

        Args:
            saved: read just before, so that nothing can fail here.
        """
        with self._showing:
            # Of those that stay something may have been shown since.
            shown = {name: circuit.state for name, circuit in self._shown.items()}
            self._take(config.circuits, {**saved, **shown})

    # --- what came in -----------------------------------------------------------------------

    def take(self, turn: Turn, run: Run) -> None:
        """Fold a new run into every circuit that its probe judges, as a part of a turn."""
        now = self._clock()
        for spec in self._specs.values():
            if spec.probe == run.probe:
                state = _saved(turn, spec.name)
                self._keep(turn, spec, state, take_run(spec, state, run, now), now)

    def switch(self, turn: Turn, order: SwitchCircuit, by: str, now: datetime) -> None:
        """Carry out what a guard decided, as a part of its turn.

        Args:
            by: the guard, as `guard NAME`: it lets go of what it keeps open itself, and of nothing
                else.
        """
        spec = self._specs.get(order.circuit)
        if spec is None:
            log.warning("circuit is no longer configured", circuit=order.circuit, guard=by)
            return
        self._ask(turn, spec, order.open, Asked(by, True, order.reason, now))

    def ask(
        self, name: str, open_it: bool, signed: Signed, expect: Expect | None = None
    ) -> Circuit:
        """Carry out a person's command, sign it, and show what it did.

        Raises:
            KeyError: no such circuit.
            CircuitRefuses: it makes no sense now, or has no reason; nothing was changed.
            JournalError: nothing was changed.
            What `expect` raises: nothing was changed.
        """
        spec = self._specs[name]
        asked = Asked(signed.by, False, signed.reason, self._clock())
        with self._journal.turn() as turn:
            if expect is not None:
                expect(_saved(turn, name))
            state = self._ask(turn, spec, open_it, asked, signed.request_id)
        self.shown()
        return Circuit(spec, state)

    def pass_time(self) -> None:
        """Make half-open what was open for long enough, and show every circuit anew."""
        if not self._shown:
            return
        now = self._clock()
        for name, circuit in self._shown.items():
            due = next_change_at(circuit.spec, circuit.state)
            if due is not None and due <= now:
                with self._journal.turn() as turn:
                    state = _saved(turn, name)
                    self._keep(turn, circuit.spec, state, pass_time(circuit.spec, state, now), now)
        self._show()

    def shown(self) -> None:
        """After the commit of a turn of this thread's: show what it made of the circuits."""
        if getattr(self._mine, "dirty", False):
            self._show()
            self._mine.dirty = False

    # --- read side --------------------------------------------------------------------------

    def states(self) -> Mapping[str, Circuit]:
        """Return every configured circuit as last committed, by name."""
        return self._shown

    def fast_probes(self) -> frozenset[str]:
        """Name the probes of circuits that are being tried again: what they say is waited for."""
        now = self._clock()
        tried = (c for c in self._shown.values() if c.phase(now) is CircuitPhase.HALF_OPEN)
        return frozenset(circuit.spec.probe for circuit in tried)

    # --- folding ----------------------------------------------------------------------------

    def _ask(
        self, turn: Turn, spec: CircuitSpec, open_it: bool, asked: Asked, request_id: str = ""
    ) -> CircuitState:
        state = _saved(turn, spec.name)
        after = (keep_open if open_it else let_go)(spec, state, asked)
        return self._keep(turn, spec, state, after, asked.at, request_id)

    def _keep(
        self,
        turn: Turn,
        spec: CircuitSpec,
        before: CircuitState,
        after: Next,
        now: datetime,
        request_id: str = "",
    ) -> CircuitState:
        state, changes = after
        if state != before:
            _save(turn, spec.name, state, now)
            self._mine.dirty = True
        for change in changes:
            log.info("circuit", circuit=spec.name, state=change.after.value, note=change.text)
            # A trial that fails again and again, all night, changes nothing for applications.
            if change.asked is not None or change.before.go_round is not change.after.go_round:
                turn.add_audit(_audited(spec.name, change, now, request_id))
        return state

    def _show(self) -> None:
        with self._showing:  # read inside, so that what is shown last was read last
            self._take(self._specs, self.saved())

    def _take(self, specs: Mapping[str, CircuitSpec], saved: Mapping[str, CircuitState]) -> None:
        now = self._clock()
        gone = self._shown.keys() - specs.keys()
        before, self._specs = self._shown, specs
        circuits = {
            name: Circuit(spec, saved.get(name, CircuitState())) for name, spec in specs.items()
        }
        self._shown = MappingProxyType(circuits)
        for name, circuit in circuits.items():
            known = before.get(name, circuit).state.openings
            label = circuit.phase(now)
            self._metrics.circuit_is(name, label, circuit.state.openings - known)
            if self._mirror is not None:
                self._mirror.show(flag_name(name), label.go_round)
            if before.get(name, circuit).state != circuit.state:
                self._news.tell(About.CIRCUIT, name)
        for name in gone:
            self._metrics.forget_circuit(name)
            if self._mirror is not None:
                self._mirror.forget(flag_name(name))


def _saved(turn: Turn, name: str) -> CircuitState:
    doc = turn.db.scalar(select(CIRCUITS.c.doc).where(CIRCUITS.c.circuit == name))
    return CircuitState() if doc is None else STATE_JSON.validate_json(doc)


def _save(turn: Turn, name: str, state: CircuitState, now: datetime) -> None:
    values = {"updated_at": now, "doc": STATE_JSON.dump_json(state).decode()}
    row = CIRCUITS.c.circuit == name
    if turn.db.execute(update(CIRCUITS).where(row).values(**values)).rowcount == 0:
        turn.db.execute(insert(CIRCUITS).values(circuit=name, **values))


def _audited(circuit: str, change: Change, now: datetime, request_id: str) -> AuditEntry:
    person = None if change.asked is None or change.asked.guard else change.asked.by
    return AuditEntry(
        id=0,
        at=now,
        # As for flags: it means that no person decided, also where the circuit's own probe did.
        actor=person or "guard",
        action="circuit",
        flag=flag_name(circuit),
        before=change.before.value,
        after=change.after.value,
        reason=change.text,
        request_id=request_id if person else "",
        subject=f"circuit {circuit}",
    )
