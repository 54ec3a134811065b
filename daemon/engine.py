"""One turn: run -> verdict -> guard -> journal in one transaction; then apply what is pending.

Two threads may be here at once: one takes runs, one applies the outbox. They meet only in the
journal, whose transactions exclude each other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog

from config.schema import Config, GuardSpec
from daemon.guard import Decision, Evidence, GuardState, Phase, advance, phase
from daemon.guard.messages import (
    FlagSeen,
    Flip,
    FlipApplied,
    FlipFailed,
    Note,
    OperatorAsked,
    RunProbe,
)
from daemon.journal import Journal
from daemon.ladder import Ladder
from daemon.ledger import Drift, Ledger
from daemon.metrics import Metrics
from daemon.rules import judge, judge_control, judge_proof, lookback
from daemon.turn import Pending, Turn
from flags.gates import flag_of
from flags.mirror import Mirror
from flags.model import Flag, FlagChanged, FlagError, Gates, Snapshot, UnknownFlag
from flags.switch import Switch
from probes.model import Purpose, Run

log = structlog.get_logger(__name__)

#: A run asked for, but not started for so long, would answer a question nobody asks any more.
PERISHED_S = 30.0
#: Past its time-out, a run that has not been judged by then never will be: the pool has killed it
#: and handed over what it had long before.
LOST_S = 60.0
#: A store that comes back finds its flip written within this time.
RETRY_CAP_S = 0.5
RETRY_FIRST_S = 0.1

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc_now() -> datetime:
    """Read the clock: aware UTC."""
    return datetime.now(UTC)


class Engine:
    """Owns the guards' states. Every method may be called from any thread."""

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
        self._ledger = Ledger(journal, switch)
        #: What applications read: the flags as last read or written.
        self.mirror = mirror or Mirror()
        self._metrics = metrics
        self._ladder = Ladder(metrics)
        self._dispatch = dispatch
        self._clock = clock
        self._states: dict[str, GuardState] = {}
        #: When each guard's latest proof went to the pool.
        self._proof_sent: dict[str, datetime] = {}
        self._applying = threading.Lock()
        self._settling = threading.Lock()
        self.wake = threading.Event()
        #: What keeps us from being ready, by part.
        self.problems: dict[str, str] = {}

    # --- life -------------------------------------------------------------------------------

    def start(self) -> None:
        """Load every guard's state and ask anew for proofs that a dead daemon still owed."""
        self._states = self._load_states(self.config)
        self.show()
        self.wake.set()

    def reload(self, config: Config) -> None:
        """Take a new configuration; states of guards that stay are kept."""
        gone_guards = self.config.guards.keys() - config.guards.keys()
        gone_probes = self.config.probes.keys() - config.probes.keys()
        # States first, and never fewer than the configuration names: the judging thread goes on.
        loaded = self._load_states(config)
        with self._settling:
            newer = {
                name: state
                for name, state in self._states.items()
                if name in loaded
                and (state.updated_at or EPOCH) > (loaded[name].updated_at or EPOCH)
            }
            self._states = {**self._states, **loaded, **newer}
        self.config = config
        for guard in gone_guards:
            self._metrics.forget_guard(guard)
            self.problems.pop(f"guard {guard}", None)
        for probe in gone_probes:
            self._metrics.forget_probe(probe)
        self.show()

    def _load_states(self, config: Config) -> dict[str, GuardState]:
        now = self._clock()
        states: dict[str, GuardState] = {}
        with self._journal.turn() as turn:
            for name, spec in config.guards.items():
                state = states[name] = turn.guard_state(name)
                kill = state.kill
                if kill is not None and kill.written_at is not None and kill.verified_at is None:
                    turn.add_order(name, RunProbe(spec.proof, Purpose.PROOF), now)
        return states

    # --- what came in -----------------------------------------------------------------------

    def take_run(self, run: Run) -> None:
        """Commit a run and everything that follows from it; a run already known is a no-op."""
        if run.probe not in self.config.probes:
            return  # its probe left the configuration while it was under way
        folded: list[tuple[GuardSpec, GuardState]] = []
        with self._journal.turn() as turn:
            if not turn.add_run(run):
                return
            for guard, evidence in self._concerned(run):
                folded.append((guard, self._fold(turn, guard, evidence)))
        target = self.config.targets[self.config.probes[run.probe].target]
        self._metrics.run_came_in(run, target.base_url)
        for name, spec in self.config.guards.items():
            if run.purpose is Purpose.PROOF and run.probe == spec.proof:
                self._ladder.told(spec, self._states[name], run)
        self._settle(folded)

    def tell(self, guard: str, evidence: Evidence) -> GuardState:
        """Commit what a guard is told and what follows from it.

        Raises:
            KeyError: no such guard.
            GuardRefuses: an operator's command that makes no sense now; nothing was changed.
        """
        spec = self.config.guards[guard]
        with self._journal.turn() as turn:
            state = self._fold(turn, spec, lambda _turn, _state: evidence)
        self._settle([(spec, state)])
        return state

    def ask(self, guard: str, asked: OperatorAsked) -> GuardState:
        """Carry out an operator's command, and apply at once what it decides."""
        state = self.tell(guard, asked)
        self.apply_pending()
        return self._states.get(guard, state)

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
            if self._states[name].flag_value is not flag.exposing:
                who, what = (drifted.who, drifted.what) if drifted else ("", "")
                self.tell(name, FlagSeen(flag.exposing, read_at, False, who, what))

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

    def chase_proofs(self) -> None:
        """Ask anew for a proof whose run never came to be judged.

        A turn that failed, for example on a busy disk, drops its run; and a kill waits for its
        proof alone, so nothing else would ever notice.
        """
        now = self._clock()
        for name, spec in self.config.guards.items():
            kill, sent = self._states[name].kill, self._proof_sent.get(name)
            if kill is None or kill.written_at is None or kill.verified_at is not None:
                continue
            limit_s = self.config.probes[spec.proof].timeout_s + LOST_S
            if sent is not None and (now - sent).total_seconds() > limit_s:
                log.warning("proof lost, asked anew", guard=name)
                self._proof_sent[name] = now
                with self._journal.turn() as turn:
                    turn.add_order(name, RunProbe(spec.proof, Purpose.PROOF), now)
                self.wake.set()

    # --- what is asked for ------------------------------------------------------------------

    def apply_pending(self) -> datetime | None:
        """Apply every due decision, oldest first; return when the next one is due."""
        with self._applying:
            while True:
                due, later = self._journal.pending(self._clock())
                for decision in due:
                    if isinstance(decision.order, Flip):
                        self._apply_flip(decision, decision.order)
                    else:
                        self._apply_run(decision, decision.order)
                if not due:
                    return later

    def _apply_run(self, decision: Pending, order: RunProbe) -> None:
        now = self._clock()
        due = order.not_before or decision.decided_at
        late_s = (now - due).total_seconds()
        known = order.probe in self.config.probes
        alive = known and (late_s <= PERISHED_S or order.purpose is Purpose.PROOF)
        with self._journal.turn() as turn:
            turn.finish(decision.id, "applied" if alive else "expired", now)
        if alive:
            if order.purpose is Purpose.PROOF and decision.guard is not None:
                self._proof_sent[decision.guard] = now
            self._dispatch(order)

    def _apply_flip(self, decision: Pending, order: Flip) -> None:
        with self._journal.turn() as turn:
            if turn.newer_flip(decision.id, order.flag):
                turn.finish(decision.id, "superseded", self._clock())
                return
        # No poll may compare until the record of the write is there too.
        with self._ledger.writing():
            try:
                before = self._ledger.remember(decision, order, self._clock())
                after = self._ledger.write(decision, order, before)
            except FlagChanged as cause:
                self._flip_lost(decision, order, cause)
            except FlagError as cause:
                self._flip_failed(decision, order, cause)
            else:
                self._flip_applied(decision, order, before, after)

    def _flip_lost(self, decision: Pending, order: Flip, cause: FlagChanged) -> None:
        """Someone wrote the flag after this was decided: theirs is newer, and stands."""
        now = self._clock()
        log.warning("flip lost to another writer", flag=order.flag, error=str(cause))
        exposing = flag_of(order.flag, cause.found).exposing
        seen = FlagSeen(exposing, now, decided=True, what=f"now {cause.found}")
        spec = self.config.guards.get(decision.guard or "")
        folded = []
        with self._journal.turn() as turn:
            turn.superseded(decision.id, str(cause), now)
            if spec is not None:
                folded.append((spec, self._fold(turn, spec, lambda _turn, _state: seen)))
        self._settle(folded)

    def _flip_applied(self, decision: Pending, order: Flip, before: Snapshot, after: Flag) -> None:
        now = self._clock()
        # Applications first: a journal that is busy must not keep a kill from them.
        self.mirror.take_one(after, now)
        with self._journal.turn() as turn:
            turn.finish(decision.id, "applied", now)
            self._ledger.record(turn, decision, order, before.gates, after.gates, now)
            turn.add_flip(
                {
                    "decision_id": decision.id,
                    "guard": decision.guard,
                    "flag": order.flag,
                    "before": self._switch.state_of(before),
                    "after": after.state.value,
                    "reason": order.reason,
                    "by": order.by,
                    "decided_at": decision.decided_at,
                    "applied_at": now,
                    "snapshot": before.to_json(),
                }
            )
            folded = []
            for spec, evidence in self._owners(decision, order, after.exposing, now):
                folded.append((spec, self._fold(turn, spec, evidence)))
        took_s = (now - decision.decided_at).total_seconds()
        self._metrics.flip_written(order.flag, after.exposing, order.by, took_s)
        log.info("flip written", flag=order.flag, to=after.state.value, by=order.by, took_s=took_s)
        self._settle(folded)

    def _flip_failed(self, decision: Pending, order: Flip, cause: FlagError) -> None:
        now = self._clock()
        wait_s = min(RETRY_CAP_S, RETRY_FIRST_S * 2**decision.attempts)
        log.error("flip failed", flag=order.flag, error=str(cause), retry_s=wait_s)
        folded = []
        with self._journal.turn() as turn:
            turn.postpone(decision.id, now + timedelta(seconds=wait_s), str(cause))
            spec = self.config.guards.get(decision.guard or "")
            # Told once: the retries that follow change nothing that the guard knows.
            if spec is not None and decision.attempts == 0:
                failed = FlipFailed(order.to, order.restore, str(cause), decision.attempts + 1)
                folded.append((spec, self._fold(turn, spec, lambda _turn, _state: failed)))
        self._settle(folded)

    # --- folding ----------------------------------------------------------------------------

    def _concerned(self, run: Run) -> list[tuple[GuardSpec, Callable[..., Evidence]]]:
        concerned: list[tuple[GuardSpec, Callable[..., Evidence]]] = []
        for guard in self.config.guards.values():
            if run.purpose is Purpose.CONTROL and run.probe == guard.control:
                concerned.append((guard, lambda _turn, _state: judge_control(run)))
            elif run.purpose is Purpose.PROOF and run.probe == guard.proof:
                concerned.append((guard, lambda _turn, _state, g=guard: judge_proof(g, run)))
            elif run.purpose.counts and run.probe in guard.probes:
                concerned.append(
                    (guard, lambda turn, state, g=guard: _verdict(turn, state, g, run))
                )
        return concerned

    def _owners(
        self, decision: Pending, order: Flip, exposing: bool, now: datetime
    ) -> list[tuple[GuardSpec, Callable[..., Evidence]]]:
        spec = self.config.guards.get(decision.guard or "")
        if spec is not None:
            applied = FlipApplied(exposing, order.restore)
            return [(spec, lambda _turn, _state: applied)]

        def seen(turn: Turn, _: GuardState) -> Evidence:
            newest = not turn.newer_flip(decision.id, order.flag)
            return FlagSeen(exposing, now, decided=newest)

        return [(guard, seen) for guard in self.config.guards.values() if guard.flag == order.flag]

    def _fold(self, turn: Turn, spec: GuardSpec, evidence: Callable[..., Evidence]) -> GuardState:
        state = turn.guard_state(spec.name)
        told = evidence(turn, state)
        wall = now = self._clock()
        if state.updated_at is not None and now < state.updated_at:
            # The wall clock was set back; a guard's own time always goes on.
            now = state.updated_at + timedelta(microseconds=1)
        after, decisions = advance(spec, state, told, now)
        turn.save_guard(spec.name, after, told, now)
        # Acts are due by the wall clock: by the guard's, they would wait until it has caught up.
        turn.add_decisions(spec.name, after, _earlier(decisions, now - wall), wall)
        for decision in decisions:
            if isinstance(decision, Note):
                log.info("guard", guard=spec.name, note=decision.text)
        return after

    def _settle(self, folded: list[tuple[GuardSpec, GuardState]]) -> None:
        """After the commit: show the new states, and wake whoever applies decisions."""
        for spec, state in folded:
            with self._settling:
                shown = self._states.get(spec.name, GuardState.new())
                # Another thread may have committed after us and settled before us.
                if (shown.updated_at or EPOCH) > (state.updated_at or EPOCH):
                    continue
                self._states[spec.name] = state
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

    # --- read side --------------------------------------------------------------------------

    def state(self, guard: str) -> GuardState:
        """Return a guard's last committed state."""
        return self._states[guard]

    def phases(self) -> dict[str, Phase]:
        """Derive every guard's phase, now."""
        now = self._clock()
        guards = self.config.guards.items()
        return {name: phase(spec, self._states[name], now) for name, spec in guards}

    def fast_probes(self) -> frozenset[str]:
        """Name the probes that run at their fast pace: those of suspicious guards."""
        suspicious = (
            spec
            for name, spec in self.config.guards.items()
            if self._states[name].suspicion is not None
        )
        return frozenset(probe for spec in suspicious for probe in spec.probes)

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


def _verdict(turn: Turn, state: GuardState, guard: GuardSpec, run: Run) -> Evidence:
    recent = turn.recent_runs(guard.probes, state.counts_since or EPOCH, lookback(guard))
    return judge(guard, recent, run)
