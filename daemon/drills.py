"""Drills under way: their runs asked for, folded as they come in, and kept as a report.

Nothing here touches a flag, a circuit or a guard's own state: what the guard would have done is a
line of the report.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

import structlog

from config.schema import Config, DrillSpec, GuardSpec
from daemon import baselines, drill_history
from daemon.audit import Signed
from daemon.drill import Ending, abort, begin, pass_time
from daemon.drill_proofs import Past, Proofs, drilled
from daemon.drill_report import Asked, Report, report_of
from daemon.drill_under_way import UnderWay, Walk, plan_of
from daemon.guard import GuardState
from daemon.history.place import Before
from daemon.journal import Journal
from daemon.metrics import Metrics
from daemon.modes import Expect
from daemon.news import About, News
from daemon.rules import lookback
from probes.model import Purpose, Run

log = structlog.get_logger(__name__)

#: Does a chore at the times of a cron expression; None: no more.
PlaceCron = Callable[[str, str | None, Callable[[], object]], None]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CRON = "cron"


class DrillRefused(Exception):
    """A drill that would tell nothing now, or be in the way; the message holds the remedy."""


class Drills:
    """Owns the drills of every guard, one at a time for each. Any thread may call its methods.

    Args:
        state_of: the real guard's last committed state.
        walk: the scheduler's `drill`.
        place_cron: the scheduler's `cron`.
    """

    def __init__(
        self,
        config: Config,
        journal: Journal,
        metrics: Metrics,
        state_of: Callable[[str], GuardState],
        walk: Walk,
        place_cron: PlaceCron,
        clock: Callable[[], datetime],
        news: News | None = None,
    ) -> None:
        self._config = config
        self._journal = journal
        self._state_of = state_of
        self._walk = walk
        self._place_cron = place_cron
        self._clock = clock
        self._news = news or News()
        # Held while runs are asked for: one that comes in at once finds its drill.
        self._lock = threading.RLock()
        self._active: dict[str, UnderWay] = {}
        self._proofs = Proofs(journal, metrics.drills, clock)

    # --- life -------------------------------------------------------------------------------

    def start_crons(self) -> None:
        """Show what is on record, and drill by the crons of the configuration."""
        with self._lock:
            self._take(self._config, self.past(self._config))

    def past(self, config: Config) -> Mapping[str, Past]:
        """Read what is on record of a configuration's drills, for `reload`.

        Raises:
            JournalError: it cannot be read.
        """
        return self._proofs.past(drilled(config))

    def reload(self, config: Config, past: Mapping[str, Past] | None = None) -> None:
        """Take a new configuration; a drill of what changed is aborted.

        Args:
            past: as read before, where nothing may fail any more; None: it is read first.

        Raises:
            JournalError: it was to be read and cannot be; nothing was changed.
        """
        with self._lock:
            past = self.past(config) if past is None else past
            before, now = self._config, self._clock()
            for each in self._active.values():
                if plan_of(before, each.asked.guard) != plan_of(config, each.asked.guard):
                    each.rehearsal = abort(each.rehearsal, "the configuration changed", now)
            # Of the others we know more than was read: a drill may have ended since.
            known = drilled(before)
            self._take(config, {name: past[name] for name in past.keys() - known.keys()})
            for name in known.keys() - drilled(config).keys():
                self._place_cron(_job(name), None, lambda: None)
                self._proofs.forget(name)

    def see(self, config: Config) -> None:
        """Go by guards whose modes changed, and nothing else; drills under way go on."""
        with self._lock:
            guards = {
                name: spec.model_copy(update={"mode": config.guards[name].mode})
                if name in config.guards
                else spec
                for name, spec in self._config.guards.items()
            }
            self._config = self._config.model_copy(update={"guards": guards})

    def _take(self, config: Config, past: Mapping[str, Past]) -> None:
        self._proofs.take(past)
        self._config = config
        for name, drill in drilled(config).items():
            self._place_cron(_job(name), drill.cron, partial(self._by_cron, name))
        self._proofs.show(config)

    def _by_cron(self, guard: str) -> None:
        try:
            self._begin(guard, None)
        except (DrillRefused, KeyError) as cause:
            log.warning("drill refused", guard=guard, why=str(cause))

    # --- what is asked ----------------------------------------------------------------------

    def start(
        self,
        guard: str,
        by: str,
        reason: str = "",
        request_id: str = "",
        expect: Expect | None = None,
    ) -> str:
        """Begin a drill at a person's word, sign that, and return its id.

        Raises:
            KeyError: no such guard.
            DrillRefused: nothing was begun.
            JournalError: nothing was begun.
            What `expect` raises: nothing was begun.
        """
        return self._begin(guard, Signed(by, reason, request_id), expect)

    def _begin(self, guard: str, signed: Signed | None, expect: Expect | None = None) -> str:
        """Begin a drill; `signed` None: its cron's, which no person signs."""
        by, reason = (CRON, "") if signed is None else (signed.by, signed.reason)
        with self._lock:
            config, now = self._config, self._clock()
            spec = config.guards[guard]
            found = self._state_of(guard)
            drill = self._refuse(spec, found)
            since = found.counts_since or EPOCH
            asked = Asked(uuid.uuid4().hex, guard, by, reason)
            with self._journal.turn() as turn:
                if expect is not None:
                    expect(spec, turn.guard_state(guard))
                before = turn.recent_runs(spec.probes, since, lookback(spec))
                known = baselines.accepted(turn, spec.probes)
                if signed is not None:
                    turn.sign(signed, "drill", f"guard {guard}", now, after=f"drill {asked.id}")
            rehearsal = begin(spec, found, drill.within_s, now, before, known)
            self._active[guard] = active = UnderWay(asked, drill, rehearsal)
            active.ask_for_runs(config, self._walk, now)
        self._news.tell(About.DRILL, guard, asked.id)
        log.info("drill", guard=guard, drill=asked.id, by=by, reason=reason)
        return asked.id

    def _refuse(self, spec: GuardSpec, found: GuardState) -> DrillSpec:
        name, flag = spec.name, spec.flag
        under_way = self._active.get(name)
        if under_way is not None:
            raise DrillRefused(f"drill {under_way.asked.id} of {name} is under way: wait for it")
        if spec.drill is None:
            raise DrillRefused(f"{name} has no drill: add guards.{name}.drill with its faults")
        if found.kill is not None:
            raise DrillRefused(f"{name} has tripped: reset it first")
        if found.suspicion is not None:
            raise DrillRefused(f"{name} is suspicious: what really broke goes first")
        if found.flag_value is spec.acts_to:
            value = "on" if spec.acts_to else "off"
            raise DrillRefused(
                f"{flag} is {value}, so no page shows what a fault could be planted into: set it "
                "back first"
            )
        return spec.drill

    # --- what came in -----------------------------------------------------------------------

    def take(self, run: Run) -> bool:
        """Keep and fold a drill's run; False for every other run, which is not touched.

        Raises:
            JournalError: the run is neither kept nor folded.
        """
        if run.purpose is not Purpose.DRILL:
            return False
        with self._journal.turn() as turn:
            if not turn.add_run(run):
                return True
        with self._lock:
            now = self._clock()
            active = next((each for each in self._active.values() if each.asked_for(run)), None)
            if active is None:
                return True  # its drill ended meanwhile, or died with an earlier daemon
            active.came_in(run, now)
            self._news.tell(About.DRILL, active.asked.guard, active.asked.id)
            self._go_on(active, now)
        return True

    def pass_time(self) -> None:
        """Ask for the runs that are due, and end what is over or has to give way.

        Raises:
            JournalError: a report could not be kept, and is tried again at the next call.
        """
        with self._lock:
            now = self._clock()
            for active in tuple(self._active.values()):
                self._go_on(active, now)

    def _go_on(self, active: UnderWay, now: datetime) -> None:
        guard = active.asked.guard
        if active.rehearsal.ended is None and guard in self._config.guards:
            real = self._state_of(guard)
            if real.suspicion is not None or real.kill is not None:
                why = "the real guard is busy with what really broke"
                active.rehearsal = abort(active.rehearsal, why, now)
        active.rehearsal = pass_time(active.rehearsal, now)
        if active.rehearsal.ended is None:
            active.ask_for_runs(self._config, self._walk, now)
        else:
            self._end(active, now)

    def _end(self, active: UnderWay, now: datetime) -> None:
        asked = active.asked
        told = self._told(active, now)
        # Kept first: where that fails, the drill stays, and its end is tried again.
        drill_history.keep_report(self._journal, told)
        del self._active[asked.guard]
        self._news.tell(About.DRILL, asked.guard, asked.id)
        log.info("drill ended", guard=asked.guard, drill=asked.id, says=told.says)
        if asked.guard in drilled(self._config) and told.ending is not Ending.ABORTED:
            self._proofs.ended(told)
            self._proofs.show(self._config)

    # --- read side --------------------------------------------------------------------------

    def report(self, drill: str) -> Report | None:
        """Tell a drill, under way or ended; None: no such drill."""
        with self._lock:
            for active in self._active.values():
                if active.asked.id == drill:
                    return self._told(active, self._clock())
        return drill_history.report(self._journal, drill)

    def reports(
        self, guard: str | None = None, limit: int = 50, before: Before | None = None
    ) -> tuple[Report, ...]:
        """Tell drills, under way and ended, newest first; `before`: those asked for earlier."""
        with self._lock:
            now = self._clock()
            running = tuple(
                self._told(active, now)
                for name, active in self._active.items()
                if guard in (None, name)
            )
        found = {each.id: each for each in running if before is None or _place(each) < before}
        # One that ended meanwhile is told as it ended.
        kept = drill_history.reports(self._journal, guard, limit, before)
        found.update({each.id: each for each in kept})
        return tuple(sorted(found.values(), key=_place, reverse=True)[:limit])

    def latest(self, guard: str) -> Report | None:
        """Tell a guard's newest drill, under way or ended; None: it never had one."""
        found = self.reports(guard, 1)
        return found[0] if found else None

    def unproven(self, guard: str, now: datetime) -> bool:
        """Say whether a guard with a drill has no good one that is young enough."""
        drill = drilled(self._config).get(guard)
        return drill is not None and self._proofs.is_old(guard, drill, now)

    def show(self) -> None:
        """Put every guard's proof into the metrics; it ages with time alone."""
        with self._lock:
            self._proofs.show(self._config)

    def _told(self, active: UnderWay, now: datetime) -> Report:
        proven_at = self._proofs.at(active.asked.guard)
        return report_of(active.asked, active.drill.faults, active.rehearsal, proven_at, now)


def _place(told: Report) -> Before:
    return Before(told.asked_at, told.id)


def _job(guard: str) -> str:
    return f"drill {guard}"
