"""Every guard's state: folded in a turn, committed, then shown."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog

from config.schema import Config, GuardSpec
from daemon.baselines import accepted
from daemon.explain import explain
from daemon.guard import Decision, Evidence, GuardState, Phase, advance, phase
from daemon.guard.asking import pair_anew, soon_asked
from daemon.guard.messages import Note, OpenIncident, Page, RunProbe, SwitchCircuit
from daemon.journal import Journal
from daemon.ladder import Ladder
from daemon.metrics import Metrics
from daemon.news import About, News
from daemon.turn import Turn
from probes.model import Purpose, Run

log = structlog.get_logger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: A guard's state, just committed.
Folded = tuple[GuardSpec, GuardState]
#: Makes what a guard is told, from the turn and the guard's state.
Telling = Callable[[Turn, GuardState], Evidence]
#: Carries out a circuit's switch within the turn, at somebody's word.
SwitchesCircuit = Callable[[Turn, SwitchCircuit, str, datetime], None]


class States:
    """Owns the guards' states; every method may be called from any thread."""

    def __init__(
        self,
        config: Config,
        journal: Journal,
        metrics: Metrics,
        clock: Callable[[], datetime],
        switch_circuit: SwitchesCircuit,
        news: News | None = None,
    ) -> None:
        self._config = config
        self._journal = journal
        self._metrics = metrics
        self._ladder = Ladder(metrics)
        self._clock = clock
        self._switch_circuit = switch_circuit
        self._news = news or News()
        self._states: dict[str, GuardState] = {}
        self._settling = threading.Lock()
        #: Set whenever a turn may have left decisions to apply.
        self.wake = threading.Event()

    def __getitem__(self, guard: str) -> GuardState:
        return self._states[guard]

    def load(self, config: Config) -> None:
        """Read the state of every guard that the configuration names, and forget the others.

        Asks anew for what a dead daemon still owed: proofs, and a suspicion's confirmation.
        """
        gone = self._config.guards.keys() - config.guards.keys()
        # States first, and never fewer than the configuration names: the judging thread goes on.
        loaded = self._read(config)
        with self._settling:
            newer = {
                name: state
                for name, state in self._states.items()
                if name in loaded
                and (state.updated_at or EPOCH) > (loaded[name].updated_at or EPOCH)
            }
            self._states = {**self._states, **loaded, **newer}
        self._config = config
        for guard in gone:
            self._metrics.forget_guard(guard)
        self.show()

    def see(self, config: Config) -> None:
        """Go by a configuration whose guards are those that were loaded."""
        self._config = config

    def _read(self, config: Config) -> dict[str, GuardState]:
        now = self._clock()
        states: dict[str, GuardState] = {}
        with self._journal.turn() as turn:
            for name, spec in config.guards.items():
                state = states[name] = turn.guard_state(name)
                kill = state.kill
                if kill is not None and kill.written_at is not None and kill.verified_at is None:
                    turn.add_order(name, RunProbe(spec.proof, Purpose.PROOF), now)
                # What a dead daemon had asked for is lost with its workers: to wait it out would
                # leave users in a broken widget for half a minute more.
                if kill is None and state.suspicion is not None:
                    turn.add_order(name, pair_anew(spec, state.suspicion, now), now)
        return states

    def fold(self, turn: Turn, spec: GuardSpec, telling: Telling) -> Folded:
        """Tell a guard something, and commit with the turn what follows from it."""
        # An operator may have set its mode since the caller looked: that word holds.
        spec = self._config.guards.get(spec.name, spec)
        state = turn.guard_state(spec.name)
        told = telling(turn, state)
        wall = now = self._clock()
        if state.updated_at is not None and now < state.updated_at:
            # The wall clock was set back; a guard's own time always goes on.
            now = state.updated_at + timedelta(microseconds=1)
        after, decisions = advance(spec, state, told, now)
        turn.save_guard(spec.name, after, told, now)
        # Acts are due by the wall clock: by the guard's, they would wait until it has caught up.
        turn.add_decisions(spec.name, after, _earlier(decisions, now - wall), wall)
        for decision in decisions:
            match decision:
                case SwitchCircuit():
                    self._switch_circuit(turn, decision, f"guard {spec.name}", wall)
                case OpenIncident():
                    runs = turn.runs_seen(spec, now, after.counts_since)
                    told_why = explain(
                        spec, after, runs, now, baselines=accepted(turn, spec.probes)
                    )
                    turn.note(spec.name, decision.incident.id, wall, told_why.text())
                case Note():
                    log.info("guard", guard=spec.name, note=decision.text)
                case Page():
                    urgency = decision.severity
                    log.error("page", guard=spec.name, severity=urgency, why=decision.text)
                    self._metrics.pages.labels(spec.name, str(urgency)).inc()
        return spec, after

    def settle(self, folded: list[Folded]) -> None:
        """After the commit: show the new states, and wake whoever applies decisions."""
        for spec, state in folded:
            with self._settling:
                shown = self._states.get(spec.name, GuardState.new())
                # Another thread may have committed after us and settled before us.
                if (shown.updated_at or EPOCH) > (state.updated_at or EPOCH):
                    continue
                self._states[spec.name] = state
            self._tell(spec.name, shown, state)
            before, kill = shown.kill, state.kill
            self._ladder.climbed(spec.name, before, kill)
            if kill is not None and kill.verified_at is not None:
                fresh = before is None or before.verified_at is None
                if fresh and kill.first_failed_at is not None:
                    took = kill.verified_at - kill.first_failed_at
                    self._metrics.kill_verified(spec.name, took.total_seconds())
        if folded:
            self.show()
            self.wake.set()

    def _tell(self, guard: str, before: GuardState, after: GuardState) -> None:
        self._news.tell(About.GUARD, guard)
        for incident in {before.incident, after.incident} - {None}:
            if incident is not None and before.incident != after.incident:
                self._news.tell(About.INCIDENT, guard, incident.id)

    def proof_came_in(self, spec: GuardSpec, run: Run) -> None:
        """Measure what a proof's page was told, whatever the proof concludes."""
        self._ladder.told(spec, self._states[spec.name], run)

    def phases(self) -> dict[str, Phase]:
        """Derive every guard's phase, now."""
        now = self._clock()
        guards = self._config.guards.items()
        return {name: phase(spec, self._states[name], now) for name, spec in guards}

    def fast_probes(self) -> frozenset[str]:
        """Name the probes that run at their fast pace.

        Those of guards that are suspicious or on probation, and every one that just failed.
        """
        fast: set[str] = set()
        for name, spec in self._config.guards.items():
            state = self._states[name]
            if state.suspicion is not None or state.probation is not None:
                fast.update(spec.probes)
            elif state.kill is None:
                fast.update(state.failing)
        return frozenset(fast)

    def probes_asked_soon(self) -> frozenset[str]:
        """Name the probes that a guard will ask for as soon as it knows a little more.

        Those that confirm a failure, and the proof of an act.
        """
        now = self._clock()
        asked = (
            soon_asked(spec, self._states[name], now) for name, spec in self._config.guards.items()
        )
        return frozenset(probe for probes in asked for probe in probes)

    def show(self) -> None:
        """Put every guard's phase into the metrics; some change with time alone."""
        for name, label in self.phases().items():
            self._metrics.guard_is(name, label)


def _earlier(decisions: tuple[Decision, ...], by: timedelta) -> list[Decision]:
    return [
        replace(each, not_before=each.not_before - by)
        if isinstance(each, RunProbe) and each.not_before is not None
        else each
        for each in decisions
    ]
