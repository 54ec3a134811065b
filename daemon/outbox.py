"""Apply what was decided: oldest first, at least once, never after a newer decision."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from config.schema import Config, GuardSpec
from daemon.guard import Evidence, GuardState
from daemon.guard.messages import FlagSeen, Flip, FlipApplied, FlipFailed, RunProbe
from daemon.journal import Journal
from daemon.ledger import Ledger
from daemon.metrics import Metrics
from daemon.news import About, News
from daemon.states import Folded, States, Telling
from daemon.turn import Pending, Turn
from flags.gates import flag_of
from flags.mirror import Mirror
from flags.model import Flag, FlagChanged, FlagError, Snapshot
from probes.model import Purpose

log = structlog.get_logger(__name__)

#: A run asked for, but not started for so long, would answer a question nobody asks any more.
PERISHED_S = 30.0
#: Past its time-out, a run that has not been judged by then never will be: the pool has killed it
#: and handed over what it had long before.
LOST_S = 60.0
#: A store that comes back finds its flip written within this time.
RETRY_CAP_S = 0.5
RETRY_FIRST_S = 0.1


class Outbox:
    """Applies pending decisions: runs go to the pools, flips to the store."""

    def __init__(
        self,
        config: Config,
        journal: Journal,
        ledger: Ledger,
        states: States,
        mirror: Mirror,
        metrics: Metrics,
        dispatch: Callable[[RunProbe], None],
        clock: Callable[[], datetime],
        news: News | None = None,
    ) -> None:
        self.config = config
        self._journal = journal
        self._ledger = ledger
        self._states = states
        self._mirror = mirror
        self._metrics = metrics
        self._dispatch = dispatch
        self._clock = clock
        self._news = news or News()
        #: When each guard's latest proof went to the pool.
        self._proof_sent: dict[str, datetime] = {}
        self._applying = threading.Lock()

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
                self._states.wake.set()

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
                after = self._ledger.write(decision, order, before, self._actor(decision))
            except FlagChanged as cause:
                self._lost(decision, order, cause)
            except FlagError as cause:
                self._failed(decision, order, cause)
            else:
                self._applied(decision, order, before, after)

    def _actor(self, decision: Pending) -> str:
        """The probes' own id, to which a ramp gives the flag first."""
        spec = self.config.guards.get(decision.guard or "")
        return "" if spec is None else self.config.actor_of(spec) or ""

    def _lost(self, decision: Pending, order: Flip, cause: FlagChanged) -> None:
        """Someone wrote the flag after this was decided: theirs is newer, and stands."""
        now = self._clock()
        log.warning("flip lost to another writer", flag=order.flag, error=str(cause))
        exposing = flag_of(order.flag, cause.found).exposing
        told: Evidence = FlagSeen(exposing, now, decided=True, what=f"now {cause.found}")
        if order.fallback:
            told = FlipFailed(order.to, order.restore, str(cause), decision.attempts + 1, True)
        spec = self.config.guards.get(decision.guard or "")
        with self._journal.turn() as turn:
            turn.superseded(decision.id, str(cause), now)
            folded = self._tell(turn, spec, told)
        self._news.tell(About.FLAG, order.flag)
        self._states.settle(folded)

    def _applied(self, decision: Pending, order: Flip, before: Snapshot, after: Flag) -> None:
        now = self._clock()
        # Applications first: a journal that is busy must not keep a kill from them.
        self._mirror.take_one(after, now)
        with self._journal.turn() as turn:
            turn.finish(decision.id, "applied", now)
            self._ledger.record(turn, decision, order, before.gates, after.gates, now)
            turn.add_flip(
                {
                    "decision_id": decision.id,
                    "guard": decision.guard,
                    "flag": order.flag,
                    "before": flag_of(order.flag, before.gates).state.value,
                    "after": after.state.value,
                    "reason": order.reason,
                    "by": order.by,
                    "decided_at": decision.decided_at,
                    "applied_at": now,
                    "snapshot": before.to_json(),
                }
            )
            folded = [
                self._states.fold(turn, spec, telling)
                for spec, telling in self._owners(decision, order, after.exposing, now)
            ]
        self._news.tell(About.FLAG, order.flag)
        took_s = (now - decision.decided_at).total_seconds()
        self._metrics.flip_written(order.flag, after.exposing, order.by, took_s)
        log.info("flip written", flag=order.flag, to=after.state.value, by=order.by, took_s=took_s)
        self._states.settle(folded)

    def _failed(self, decision: Pending, order: Flip, cause: FlagError) -> None:
        now = self._clock()
        wait_s = min(RETRY_CAP_S, RETRY_FIRST_S * 2**decision.attempts)
        log.error("flip failed", flag=order.flag, error=str(cause), retry_s=wait_s)
        spec = self.config.guards.get(decision.guard or "")
        with self._journal.turn() as turn:
            turn.postpone(decision.id, now + timedelta(seconds=wait_s), str(cause))
            # Told once: the retries that follow change nothing that the guard knows.
            tries = decision.attempts + 1
            told = FlipFailed(
                order.to, order.restore, str(cause), tries, order.fallback, order.step
            )
            folded = self._tell(turn, spec, told) if decision.attempts == 0 else []
        self._news.tell(About.FLAG, order.flag)
        self._states.settle(folded)

    def _tell(self, turn: Turn, spec: GuardSpec | None, told: Evidence) -> list[Folded]:
        return [] if spec is None else [self._states.fold(turn, spec, lambda _turn, _state: told)]

    def _owners(
        self, decision: Pending, order: Flip, exposing: bool, now: datetime
    ) -> list[tuple[GuardSpec, Telling]]:
        spec = self.config.guards.get(decision.guard or "")
        if spec is not None:
            applied = FlipApplied(exposing, order.restore, order.fallback, order.step)
            return [(spec, lambda _turn, _state: applied)]

        def seen(turn: Turn, _: GuardState) -> Evidence:
            newest = not turn.newer_flip(decision.id, order.flag)
            return FlagSeen(exposing, now, decided=newest)

        return [(guard, seen) for guard in self.config.guards.values() if guard.flag == order.flag]
