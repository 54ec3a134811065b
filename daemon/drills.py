"""Drills under way: their runs asked for, folded as they come in, and kept as a report.

Nothing here touches a flag, a circuit or a guard's own state: what the guard would have done is a
line of the report.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from config.schema import Config, DrillSpec, GuardSpec, InjectedFault
from daemon import drill_history
from daemon.audit import Signed
from daemon.drill import Rehearsal, abort, begin, pass_time, take
from daemon.drill_report import Asked, Report, report_of
from daemon.guard import GuardState
from daemon.guard.messages import RunProbe
from daemon.history.place import Before
from daemon.journal import Journal
from daemon.metrics import Metrics
from daemon.news import About, News
from daemon.rules import lookback
from probes.model import Purpose, Run

log = structlog.get_logger(__name__)

#: Asks for a run with planted faults, and for its control's: probe, location, faults, purpose,
#: control; returns the id of the run.
Walk = Callable[[str, str, tuple[InjectedFault, ...], Purpose, str], str]
#: Does a chore at the times of a cron expression; None: no more.
PlaceCron = Callable[[str, str | None, Callable[[], object]], None]

#: Checks, inside the transaction that signs, that an operator saw what is there; raises if not.
Expect = Callable[[GuardSpec, GuardState], None]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CRON = "cron"


class DrillRefused(Exception):
    """A drill that would tell nothing now, or be in the way; the message holds the remedy."""


@dataclass
class _UnderWay:
    """One drill. `purposes`: what each run asked for is to be judged as, by its pair's id.

    `later`: runs asked for, but not yet due. `waited_for`: those that have not come in.
    `walked_at`: when each probe was last walked in turn.
    """

    asked: Asked
    drill: DrillSpec
    rehearsal: Rehearsal
    purposes: dict[str, Purpose] = field(default_factory=dict)
    later: list[RunProbe] = field(default_factory=list)
    walked_at: dict[str, datetime] = field(default_factory=dict)
    waited_for: set[str] = field(default_factory=set)


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
        self._metrics = metrics.drills
        self._state_of = state_of
        self._walk = walk
        self._place_cron = place_cron
        self._clock = clock
        self._news = news or News()
        # Held while runs are asked for: one that comes in at once finds its drill.
        self._lock = threading.RLock()
        self._active: dict[str, _UnderWay] = {}
        self._proven_at: dict[str, datetime | None] = {}

    # --- life -------------------------------------------------------------------------------

    def start_crons(self) -> None:
        """Show what is on record, and drill by the crons of the configuration."""
        self._load(self._config)

    def reload(self, config: Config) -> None:
        """Take a new configuration; a drill of what changed is aborted.

        Raises:
            JournalError: nothing was changed.
        """
        with self._lock:
            before, now = self._config, self._clock()
            for each in self._active.values():
                if _plan(before, each.asked.guard) != _plan(config, each.asked.guard):
                    each.rehearsal = abort(each.rehearsal, "the configuration changed", now)
            self._load(config)
            self._config = config
            for name in _drilled(before).keys() - _drilled(config).keys():
                self._place_cron(_job(name), None, lambda: None)
                self._metrics.forget_guard(name)
                self._proven_at.pop(name, None)

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

    def _load(self, config: Config) -> None:
        names = _drilled(config)
        proven = {name: drill_history.proven_at(self._journal, name) for name in names}
        last = {name: drill_history.last_judged(self._journal, name) for name in names}
        with self._lock:
            self._proven_at.update(proven)
            for name, drill in names.items():
                if (told := last[name]) is not None:
                    self._metrics.drilled(name, told.good, told.detection_s)
                self._place_cron(_job(name), drill.cron, partial(self._by_cron, name))
            self._show(config)

    def _by_cron(self, guard: str) -> None:
        try:
            self.start(guard, CRON)
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
        """Begin a drill and return its id; a person's is signed.

        Raises:
            KeyError: no such guard.
            DrillRefused: nothing was begun.
            JournalError: nothing was begun.
            What `expect` raises: nothing was begun.
        """
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
                baselines = turn.baselines(spec.probes)
                if by != CRON:
                    signed = Signed(by, reason, request_id)
                    turn.sign(signed, "drill", f"guard {guard}", now, after=f"drill {asked.id}")
            rehearsal = begin(spec, found, drill.within_s, now, before, baselines)
            self._active[guard] = active = _UnderWay(asked, drill, rehearsal)
            self._ask_for_runs(active, now)
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
            key, now = run.pair or run.id, self._clock()
            active = next((each for each in self._active.values() if key in each.purposes), None)
            if active is None:
                return True  # its drill ended meanwhile, or died with an earlier daemon
            active.waited_for.discard(key)
            judged_as = active.purposes[key] if run.id == key else Purpose.CONTROL
            active.rehearsal, orders = take(active.rehearsal, run, judged_as, now)
            active.later += orders
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

    def _go_on(self, active: _UnderWay, now: datetime) -> None:
        guard = active.asked.guard
        if active.rehearsal.ended is None and guard in self._config.guards:
            real = self._state_of(guard)
            if real.suspicion is not None or real.kill is not None:
                why = "the real guard is busy with what really broke"
                active.rehearsal = abort(active.rehearsal, why, now)
        active.rehearsal = pass_time(active.rehearsal, now)
        if active.rehearsal.ended is None:
            self._ask_for_runs(active, now)
        else:
            self._end(active, now)

    def _ask_for_runs(self, active: _UnderWay, now: datetime) -> None:
        due = [each for each in active.later if (each.not_before or now) <= now]
        active.later = [each for each in active.later if each not in due]
        if not due:
            turns = self._next_in_turn(active, now)
            due = [RunProbe(probe, Purpose.SCHEDULED) for probe in turns]
        for order in due:
            self._dispatch(active, order)

    def _next_in_turn(self, active: _UnderWay, now: datetime) -> list[str]:
        """Name the probes that a schedule would run now, had their fault been real.

        None while runs are under way: the workers are the real guard's too, and what it must see
        would wait behind ours.
        """
        if active.waited_for or active.later:
            return []
        due: list[str] = []
        for probe in _watched(self._config, active.rehearsal.spec):
            spec, last = self._config.probes[probe], active.walked_at.get(probe)
            interval_s = spec.interval_s or active.drill.within_s
            pace_s = active.rehearsal.pace_s(interval_s, spec.fast_interval_s, probe)
            if last is None or now >= last + timedelta(seconds=pace_s):
                active.walked_at[probe] = now
                due.append(probe)
        return due

    def _dispatch(self, active: _UnderWay, order: RunProbe) -> None:
        probes, faults = self._config.probes, active.drill.faults
        if probes[order.probe].kind != "journey":
            # Faults are planted into browsers only: what has none goes beside a journey.
            beside = order.probe if order.purpose is Purpose.CONTROL else order.control
            watched = _watched(self._config, active.rehearsal.spec)
            order = RunProbe(watched[0], Purpose.CONFIRM, control=beside)
        for location in probes[order.probe].locations:
            run = self._walk(order.probe, location, faults, Purpose.DRILL, order.control)
            active.purposes[run] = order.purpose
            active.waited_for.add(run)

    def _end(self, active: _UnderWay, now: datetime) -> None:
        asked, rehearsal = active.asked, active.rehearsal
        told = self._told(active, now)
        # Kept first: where that fails, the drill stays, and its end is tried again.
        drill_history.keep_report(self._journal, told)
        del self._active[asked.guard]
        self._news.tell(About.DRILL, asked.guard, asked.id)
        log.info("drill ended", guard=asked.guard, drill=asked.id, says=told.says)
        drill = _drilled(self._config).get(asked.guard)
        if drill is None or rehearsal.ended is None or told.ending == "aborted":
            return
        self._proven_at[asked.guard] = told.proven_at
        self._metrics.drilled(asked.guard, told.good, told.detection_s)
        self._show(self._config)

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
        found = {
            each.id: each for each in drill_history.reports(self._journal, guard, limit, before)
        }
        found.update({each.id: each for each in running if before is None or _place(each) < before})
        return tuple(sorted(found.values(), key=_place, reverse=True)[:limit])

    def latest(self, guard: str) -> Report | None:
        """Tell a guard's newest drill, under way or ended; None: it never had one."""
        found = self.reports(guard, 1)
        return found[0] if found else None

    def unproven(self, guard: str, now: datetime) -> bool:
        """Say whether a guard with a drill has no good one that is young enough."""
        drill = _drilled(self._config).get(guard)
        if drill is None:
            return False
        at = self._proven_at.get(guard)
        return at is None or (now - at).total_seconds() > drill.max_age_s

    def show(self) -> None:
        """Put every guard's proof into the metrics; it ages with time alone."""
        with self._lock:
            self._show(self._config)

    def _show(self, config: Config) -> None:
        now = self._clock()
        for name, drill in _drilled(config).items():
            at = self._proven_at.get(name)
            old = at is None or (now - at).total_seconds() > drill.max_age_s
            self._metrics.proven(name, at, old)

    def _told(self, active: _UnderWay, now: datetime) -> Report:
        proven_at = self._proven_at.get(active.asked.guard)
        return report_of(active.asked, active.drill.faults, active.rehearsal, proven_at, now)


def _drilled(config: Config) -> Mapping[str, DrillSpec]:
    return {name: spec.drill for name, spec in config.guards.items() if spec.drill is not None}


def _watched(config: Config, spec: GuardSpec) -> tuple[str, ...]:
    """Name the guard's probes that have a browser to plant faults into."""
    return tuple(name for name in spec.probes if config.probes[name].kind == "journey")


def _plan(config: Config, guard: str) -> object:
    """Everything of a configuration that a drill of this guard goes by."""
    spec = config.guards.get(guard)
    if spec is None:
        return None
    probes = tuple(config.probes[name] for name in (*spec.probes, spec.control))
    # A drill rehearses enforce mode whatever the guard is in: an operator's change ends none.
    spec = spec.model_copy(update={"mode": "enforce"})
    return spec, probes, tuple(config.targets[each.target] for each in probes)


def _place(told: Report) -> Before:
    return Before(told.asked_at, told.id)


def _job(guard: str) -> str:
    return f"drill {guard}"
