"""One turn: run -> verdict -> guard -> journal in one transaction; then apply what is pending.

Two threads may be here at once: one takes runs, one applies the outbox. They meet only in the
journal, whose transactions exclude each other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import structlog

from config.schema import AccessibilityViolations, Config, GuardSpec
from daemon.circuits import Circuits
from daemon.guard import Evidence, GuardState, Phase, is_due
from daemon.guard.messages import FlagSeen, Flip, OperatorAsked, RunProbe, TimePassed
from daemon.journal import Journal
from daemon.ledger import Drift, Ledger
from daemon.metrics import Metrics
from daemon.outbox import Outbox
from daemon.rules import judge, judge_control, judge_proof, lookback
from daemon.states import EPOCH, Folded, States, Telling
from daemon.turn import Turn
from flags.gates import flag_of
from flags.mirror import Mirror
from flags.model import FlagChanged, FlagError, Gates, UnknownFlag
from flags.switch import Switch
from probes.model import Purpose, Run

log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """Read the clock: aware UTC."""
    return datetime.now(UTC)


class Engine:
    """Takes what comes in. Every method may be called from any thread."""

    def __init__(
        self,
        config: Config,
        journal: Journal,
        switch: Switch,
        metrics: Metrics,
        dispatch: Callable[[RunProbe], None],
        clock: Callable[[], datetime] = utc_now,
        mirror: Mirror | None = None,
    ) -> None:
        self.config = config
        self._journal = journal
        self._switch = switch
        self._metrics = metrics
        self._clock = clock
        #: What applications read: the flags as last read or written.
        self.mirror = mirror or Mirror()
        self.circuits = Circuits(config, journal, metrics, clock, self.mirror)
        self._ledger = Ledger(journal, switch)
        self._states = States(config, journal, metrics, clock, self.circuits.switch)
        self._outbox = Outbox(
            config, journal, self._ledger, self._states, self.mirror, metrics, dispatch, clock
        )
        #: What keeps us from being ready, by part.
        self.problems: dict[str, str] = {}

    @property
    def wake(self) -> threading.Event:
        """Set whenever there may be decisions to apply."""
        return self._states.wake

    # --- life -------------------------------------------------------------------------------

    def start(self) -> None:
        """Load every guard's state and ask anew for proofs that a dead daemon still owed."""
        self.circuits.start()
        self._states.load(self.config)
        self.wake.set()

    def reload(self, config: Config) -> None:
        """Take a new configuration; states of guards that stay are kept."""
        gone_guards = self.config.guards.keys() - config.guards.keys()
        gone_probes = self.config.probes.keys() - config.probes.keys()
        self._states.load(config)
        self.config = self._outbox.config = config
        self.circuits.reload(config)
        for guard in gone_guards:
            self.problems.pop(f"guard {guard}", None)
        for probe in gone_probes:
            self._metrics.forget_probe(probe)

    # --- what came in -----------------------------------------------------------------------

    def take_run(self, run: Run) -> None:
        """Commit a run and everything that follows from it; a run already known is a no-op."""
        if run.probe not in self.config.probes:
            return  # its probe left the configuration while it was under way
        with self._journal.turn() as turn:
            if not turn.add_run(run):
                return
            self.circuits.take(turn, run)
            folded = [
                self._states.fold(turn, guard, telling) for guard, telling in self._concerned(run)
            ]
        self.circuits.shown()
        target = self.config.targets[self.config.probes[run.probe].target]
        self._metrics.run_came_in(run, target.base_url)
        for spec in self.config.guards.values():
            if run.purpose is Purpose.PROOF and run.probe == spec.proof:
                self._states.proof_came_in(spec, run)
        self._settle(folded)

    def _concerned(self, run: Run) -> list[tuple[GuardSpec, Telling]]:
        concerned: list[tuple[GuardSpec, Telling]] = []
        for guard in self.config.guards.values():
            if run.purpose is Purpose.CONTROL and run.probe == guard.control:
                concerned.append((guard, partial(_controlled, run)))
            elif run.purpose is Purpose.PROOF and run.probe == guard.proof:
                concerned.append((guard, partial(_proven, guard, run)))
            elif run.purpose.counts and run.probe in guard.probes:
                concerned.append((guard, partial(_verdict, guard, run)))
        return concerned

    def tell(self, guard: str, evidence: Evidence) -> GuardState:
        """Commit what a guard is told and what follows from it.

        Raises:
            KeyError: no such guard.
            GuardRefuses: an operator's command that makes no sense now; nothing was changed.
        """
        spec = self.config.guards[guard]
        with self._journal.turn() as turn:
            folded = self._states.fold(turn, spec, lambda _turn, _state: evidence)
        self._settle([folded])
        return folded[1]

    def _settle(self, folded: list[Folded]) -> None:
        self.circuits.shown()
        self._states.settle(folded)

    def pass_time(self) -> None:
        """Tell circuits and guards that it is time, each only where that changes something."""
        self.circuits.pass_time()
        now = self._clock()
        for name, spec in self.config.guards.items():
            if is_due(spec, self._states[name], now):
                self.tell(name, TimePassed())

    # --- what operators ask -----------------------------------------------------------------

    def ask(self, guard: str, asked: OperatorAsked) -> GuardState:
        """Carry out an operator's command, and apply at once what it decides."""
        self.tell(guard, asked)
        self.apply_pending()
        return self._states[guard]

    def flip(self, flag: str, to: bool, by: str, reason: str, request_id: str = "") -> None:
        """Turn a flag on or off at an operator's word. Its guard adopts that as a decision.

        Raises: as `put` does.
        """
        seen = self._switch.flag(flag).gates
        self.put(flag, self._switch.aim(flag, to, seen), seen, by, reason, request_id)

    def put(
        self, flag: str, wanted: Gates, seen: Gates, by: str, reason: str, request_id: str = ""
    ) -> None:
        """Write exact gates at an operator's word, if the flag still has those that were seen.

        Returns once it is written, or decided but not yet taken by the store.

        Raises:
            UnknownFlag: nothing was created.
            FlagChanged: someone was there first; nothing was written.
            StoreUnavailable: nothing was decided.
        """
        found = self._switch.flag(flag).gates
        if not self._switch.same(seen, found) and not self._switch.same(wanted, found):
            raise FlagChanged(flag, seen, found)
        to = flag_of(flag, wanted).exposing
        order = Flip(flag, to, by, reason, False, wanted.rows, seen.rows, request_id)
        with self._journal.turn() as turn:
            number = turn.add_order(None, order, self._clock())
        self.apply_pending()
        with self._journal.turn() as turn:
            lost = turn.lost_to_another(number)
        if lost is not None:
            raise FlagChanged(flag, seen, self._switch.flag(flag).gates)

    def accept_violations(self, probe: str, by: str, reason: str) -> int:
        """Make what axe last found on a probe's page its baseline, and return how many that are.

        From now on only others count as new, in rules with `new_only`.

        Raises:
            LookupError: axe has not looked at this probe's page lately.
        """
        now = self._clock()
        with self._journal.turn() as turn:
            found = turn.newest_violations(probe)
            if found is None:
                raise LookupError(
                    f"axe has not looked at {probe} lately: set accessibility: true and run it once"
                )
            turn.accept_violations(probe, {(v.rule, v.target) for v in found}, by, reason, now)
        log.info("violations accepted", probe=probe, count=len(found), by=by, reason=reason)
        return len(found)

    def apply_pending(self) -> datetime | None:
        """Apply every due decision, oldest first; return when the next one is due."""
        return self._outbox.apply_pending()

    def chase_proofs(self) -> None:
        """Ask anew for a proof whose run never came to be judged."""
        self._outbox.chase_proofs()

    # --- flags that others wrote ------------------------------------------------------------

    def poll_flags(self) -> None:
        """Read the store and tell guards about values that they did not write."""
        read_at = self._clock()
        try:
            read, stamp = self._ledger.read()
        except FlagError as cause:
            self._metrics.store_up.set(0)
            if "store" not in self.problems:
                log.warning("flag store unreadable", error=str(cause))
            self.problems["store"] = str(cause)
            self.mirror.lost(str(cause), read_at)
            return
        self.mirror.take(read, read_at)
        self._metrics.after_write_up.set(self._switch.after_write_problem is None)
        self._metrics.store_up.set(1)
        self.problems.pop("store", None)
        flags = {flag.name: flag for flag in read}
        guarded = {spec.flag for spec in self.config.guards.values()}
        compared = self._ledger.adopt(read, stamp, guarded, read_at)
        drifts = {drift.flag.name: drift for drift in compared.drifts}
        for drift in drifts.values():
            self._adopt(drift)
        for name, spec in self.config.guards.items():
            flag = flags.get(spec.flag)
            part = f"guard {name}"
            if flag is None:
                if part not in self.problems:
                    log.error("guarded flag is not in the store", guard=name, flag=spec.flag)
                self.problems[part] = str(UnknownFlag(spec.flag))
                continue
            self.problems.pop(part, None)
            if spec.flag in compared.unsettled:
                continue  # the value may be the one before a write of ours: no decision of anybody
            drifted = drifts.get(spec.flag)
            state = self._states[name]
            # On a ramp any other share than ours is a person's decision, if still on for some.
            overtaken = state.probation is not None and drifted is not None
            if overtaken or state.flag_value is not flag.exposing:
                who, what = (drifted.who, drifted.what) if drifted else ("", "")
                self.tell(name, FlagSeen(flag.exposing, read_at, overtaken, who, what))

    def _adopt(self, drift: Drift) -> None:
        """Say what someone else wrote; repeat our write where theirs only lost it."""
        name = drift.flag.name
        log.warning("flag drifted", flag=name, who=drift.who, what=drift.what)
        self._metrics.drifts.labels(name, "lost_update" if drift.repeat else "adopted").inc()
        if drift.repeat is not None:
            reason = "another writer's update of the flag's metadata had undone our write"
            to = flag_of(name, drift.repeat).exposing
            rows, expected = drift.repeat.rows, drift.flag.gates.rows
            order = Flip(name, to, "guard", reason, False, rows, expected)
            with self._journal.turn() as turn:
                turn.add_order(None, order, self._clock())
            self.wake.set()
            return
        text = f"{name} was written past us by {drift.who or 'someone'}: {drift.what}"
        now = self._clock()
        with self._journal.turn() as turn:
            for guard, spec in self.config.guards.items():
                if spec.flag == name:
                    turn.note(guard, None, now, text)

    # --- read side --------------------------------------------------------------------------

    def state(self, guard: str) -> GuardState:
        """Return a guard's last committed state."""
        return self._states[guard]

    def phases(self) -> dict[str, Phase]:
        """Derive every guard's phase, now."""
        return self._states.phases()

    def fast_probes(self) -> frozenset[str]:
        """Name the probes that run at their fast pace."""
        return self._states.fast_probes() | self.circuits.fast_probes()

    def show(self) -> None:
        """Put every guard's phase into the metrics; some change with time alone."""
        self._states.show()


def _controlled(run: Run, _turn: Turn, _state: GuardState) -> Evidence:
    return judge_control(run)


def _proven(guard: GuardSpec, run: Run, turn: Turn, state: GuardState) -> Evidence:
    decided_at = state.kill.decided_at if state.kill else run.started_at
    seen = turn.runs_seen(guard, run.started_at, None)
    return judge_proof(guard, run, [each for each in seen if each.started_at < decided_at])


def _verdict(guard: GuardSpec, run: Run, turn: Turn, state: GuardState) -> Evidence:
    recent = turn.recent_runs(guard.probes, state.counts_since or EPOCH, lookback(guard))
    looks = any(isinstance(rule, AccessibilityViolations) for rule in guard.rules)
    return judge(guard, recent, run, turn.baselines(guard.probes) if looks else {})
