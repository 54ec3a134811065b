"""One turn: run -> verdict -> guard -> journal in one transaction; then apply what is pending.

Two threads may be here at once: one takes runs, one applies the outbox. They meet only in the
journal, whose transactions exclude each other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from sqlalchemy import Connection, func, select

from config.schema import Config, GuardSpec
from daemon import baselines
from daemon.audit import Signed
from daemon.circuits import Circuits
from daemon.concerned import concerned
from daemon.flag_watch import FlagWatch
from daemon.guard import Evidence, GuardState, Phase, is_due, phase
from daemon.guard.messages import Flip, OperatorAsked, RunProbe, TimePassed
from daemon.journal import Journal
from daemon.ledger import Ledger
from daemon.metrics import Metrics
from daemon.modes import Expect, Modes, Wanted
from daemon.news import About, News
from daemon.outbox import Outbox
from daemon.pauses import Pauses
from daemon.states import Folded, States
from daemon.tables import DECISIONS
from daemon.turn import Turn
from flags.gates import flag_of
from flags.mirror import Mirror
from flags.model import FlagChanged, Gates
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
        news: News | None = None,
    ) -> None:
        #: Configuration in force: the modes that operators set are laid over the file's.
        self.config = config
        #: The modes that operators set.
        self.modes = Modes(config, journal, clock, self._load, self._take)
        self._journal = journal
        self._switch = switch
        self.metrics = metrics
        self._clock = clock
        #: What applications read: the flags as last read or written.
        self.mirror = mirror or Mirror()
        #: What just changed, for pages that look on.
        self.news = news or News()
        self.circuits = Circuits(config, journal, metrics, clock, self.mirror, self.news)
        self.pauses = Pauses(journal, clock, self.news)
        self._ledger = Ledger(journal, switch)
        self._states = States(config, journal, metrics, clock, self.circuits.switch, self.news)
        self._outbox = Outbox(
            config,
            journal,
            self._ledger,
            self._states,
            self.mirror,
            metrics,
            dispatch,
            clock,
            self.news,
        )
        #: What keeps us from being ready, by part.
        self.problems: dict[str, str] = {}
        self._watch = FlagWatch(
            lambda: self.config,
            journal,
            switch,
            self._ledger,
            self._states,
            self.mirror,
            metrics,
            self.news,
            clock,
            self.tell,
            self.problems,
        )

    @property
    def wake(self) -> threading.Event:
        """Set whenever there may be decisions to apply."""
        return self._states.wake

    # --- life -------------------------------------------------------------------------------

    def start(self) -> None:
        """Load every guard's state and ask anew for proofs that a dead daemon still owed."""
        self.circuits.start()
        self.pauses.load()
        self.modes.load()
        self.wake.set()

    def reload(self, config: Config) -> None:
        """Take a new configuration; states of guards that stay are kept.

        Raises:
            JournalError: nothing was changed.
        """
        gone_guards = self.config.guards.keys() - config.guards.keys()
        gone_probes = self.config.probes.keys() - config.probes.keys()
        saved = self.circuits.saved()
        self.modes.reload(config)
        # Nothing may fail any more: half a configuration would be in force.
        self.circuits.reload(config, saved)
        for guard in gone_guards:
            self.problems.pop(f"guard {guard}", None)
        for probe in gone_probes:
            self.metrics.probes.forget(probe)
        self.news.tell(About.CONFIG, "")

    def _load(self, config: Config) -> None:
        self._states.load(config)
        self._take(config)

    def _take(self, config: Config) -> None:
        self.config = self._outbox.config = config
        self._states.see(config)

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
                self._states.fold(turn, guard, telling)
                for guard, telling in concerned(self.config, run)
            ]
        self.circuits.shown()
        target = self.config.targets[self.config.probes[run.probe].target]
        self.metrics.probes.came_in(run, target.base_url)
        self.news.tell(About.RUN, run.probe, run.id)
        for spec in self.config.guards.values():
            if run.purpose is Purpose.PROOF and run.probe == spec.proof:
                self._states.proof_came_in(spec, run)
        self._settle(folded)

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

    def ask(
        self, guard: str, asked: OperatorAsked, request_id: str = "", expect: Expect | None = None
    ) -> GuardState:
        """Carry out an operator's command, sign it, and apply at once what it decides.

        Raises:
            KeyError: no such guard.
            GuardRefuses: it makes no sense now; nothing was changed.
            JournalError: nothing was changed, or it was decided and will be applied later.
            What `expect` raises: nothing was changed.
        """
        now = self._clock()
        with self._journal.turn() as turn:
            spec, state = self.config.guards[guard], turn.guard_state(guard)
            if expect is not None:
                expect(spec, state)
            folded = self._states.fold(turn, spec, lambda _turn, _state: asked)
            before, after = _standing(spec, state, now), _standing(spec, folded[1], now)
            signed = Signed(asked.by, asked.reason, request_id)
            turn.sign(signed, asked.verb, f"guard {guard}", now, before=before, after=after)
        self._settle([folded])
        self.apply_pending()
        return self._states[guard]

    def set_mode(
        self, guard: str, wanted: Wanted, signed: Signed, expect: Expect | None = None
    ) -> None:
        """Put a guard into a mode, whatever the configuration says, or back to what it says.

        What is told to the guard from now on is folded by it.

        Raises: as `Modes.set` does.
        """
        self.modes.set(guard, wanted, signed, expect)
        self.show()
        self.news.tell(About.GUARD, guard)

    def flip(self, flag: str, to: bool, by: str, reason: str, request_id: str = "") -> None:
        """Turn a flag on or off at an operator's word. Its guard adopts that as a decision.

        Raises: as `put` does.
        """
        seen = self._switch.flag(flag).gates
        self.put(flag, self._switch.aim(flag, to, seen), seen, by, reason, request_id)

    def put(
        self,
        flag: str,
        wanted: Gates,
        seen: Gates,
        by: str,
        reason: str,
        request_id: str = "",
        *,
        exact: bool = False,
    ) -> None:
        """Write exact gates at an operator's word, if the flag still has those that were seen.

        Returns once it is written, or decided but not yet taken by the store.

        Args:
            exact: refuse also where somebody else wrote, or decided to write, the very same.

        Raises:
            UnknownFlag: nothing was created.
            FlagChanged: someone was there first; nothing was written.
            StoreUnavailable: nothing was decided.
        """
        with self._journal.reading() as connection:
            newest = newest_flip(connection, flag)
        found = self._switch.flag(flag).gates
        alike = self._switch.same(wanted, found) and not exact
        if not self._switch.same(seen, found) and not alike:
            raise FlagChanged(flag, seen, found)
        to = flag_of(flag, wanted).exposing
        order = Flip(flag, to, by, reason, False, wanted.rows, seen.rows, request_id)
        with self._journal.turn() as turn:
            # Decided by others while we read, or not yet written: they were first.
            if exact and (newest_flip(turn.db, flag) != newest or turn.flip_pending(flag)):
                raise FlagChanged(flag, seen, found)
            number = turn.add_order(None, order, self._clock())
        self.apply_pending()
        with self._journal.turn() as turn:
            lost = turn.lost_to_another(number)
        if lost is not None:
            raise FlagChanged(flag, seen, self._switch.flag(flag).gates)

    def accept_violations(
        self, probe: str, signed: Signed, expect: Callable[[Turn], None] | None = None
    ) -> int:
        """Make what axe last found on a probe's page its baseline, and return how many that are.

        From now on only others count as new, in rules with `new_only`.

        Raises:
            LookupError: axe has not looked at this probe's page lately.
            What `expect` raises: nothing was changed.
        """
        now = self._clock()
        with self._journal.turn() as turn:
            if expect is not None:
                expect(turn)
            count = baselines.accept(turn, probe, signed, now)
        log.info(
            "violations accepted", probe=probe, count=count, by=signed.by, reason=signed.reason
        )
        return count

    def apply_pending(self) -> datetime | None:
        """Apply every due decision, oldest first; return when the next one is due."""
        return self._outbox.apply_pending()

    def chase_proofs(self) -> None:
        """Ask anew for a proof whose run never came to be judged."""
        self._outbox.chase_proofs()

    def poll_flags(self) -> None:
        """Read the store and tell guards about values that they did not write."""
        self._watch.poll()

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

    def probes_asked_soon(self) -> frozenset[str]:
        """Name the probes that a guard will ask for as soon as it knows a little more."""
        return self._states.probes_asked_soon()

    def show(self) -> None:
        """Put every guard's phase into the metrics; some change with time alone."""
        self._states.show()


def newest_flip(db: Connection, flag: str) -> int:
    """Return the number of the flag's newest decision; 0: there was none."""
    return db.scalar(select(func.max(DECISIONS.c.id)).where(DECISIONS.c.flag == flag)) or 0


def _standing(spec: GuardSpec, state: GuardState, now: datetime) -> str:
    # A kill's phase outranks a hold and a reset under way: by it alone, the audit would say that
    # such an act changed nothing.
    label = phase(spec, state, now)
    held = state.held(now) and label is not Phase.HELD
    resetting = state.kill is not None and state.kill.resetting
    more = (("held", held), ("resetting", resetting))
    return ", ".join((label.value, *(word for word, is_so in more if is_so)))
