"""Who runs when: a fixed offset per probe, no overlap, lateness and missed ticks counted.

APScheduler's thread only hands jobs to the pools and returns; it never waits for a run.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from config.schema import Config, InjectedFault, ProbeSpec
from daemon.guard.messages import RunProbe
from daemon.metrics import Metrics
from daemon.web.desk import ProbeBusy
from probes.model import Purpose, Run
from probes.pool import LocalPool
from probes.runner import Job

log = structlog.get_logger(__name__)

#: How late a chore with a cron may still be done.
CRON_GRACE_S = 300
#: Names of our own jobs begin with it; no probe's can.
OWN = "tripflag:"
_REASONS = {
    EVENT_JOB_MISSED: "misfire",
    EVENT_JOB_MAX_INSTANCES: "overlap",
    EVENT_JOB_ERROR: "error",
}


class Scheduler:
    """Dispatches runs to the pools: on schedule, and when somebody asks."""

    def __init__(
        self,
        config: Config,
        pools: Mapping[str, LocalPool],
        metrics: Metrics,
        paused: Callable[[str], bool] = lambda _probe: False,
    ) -> None:
        self._config = config
        self._pools = pools
        self._metrics = metrics
        self._paused = paused
        self._lock = threading.Lock()
        #: Scheduled runs under way: (probe, location) -> when they were due.
        self._under_way: dict[tuple[str, str], datetime] = {}
        #: Runs that operators asked for and that have not come in: (probe, location) -> id.
        self._asked_for: dict[tuple[str, str], str] = {}
        self._fast: frozenset[str] = frozenset()
        # UTC: a local zone's clock change would make ticks double or vanish.
        self._scheduler = BackgroundScheduler(timezone=UTC)
        self._scheduler.add_listener(self._on_missed, sum(_REASONS))

    def start(self) -> None:
        """Begin to tick."""
        self._scheduler.start()
        self.reload(self._config)

    def every(self, name: str, interval_s: float, work: Callable[[], object]) -> None:
        """Run the daemon's own small chore at an interval."""
        self._scheduler.add_job(
            work,
            IntervalTrigger(seconds=interval_s, timezone=UTC),
            id=OWN + name,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=max(1, int(interval_s)),
            replace_existing=True,
        )

    def cron(self, name: str, expression: str | None, work: Callable[[], object]) -> None:
        """Do a chore at the times of five fields of cron, UTC; None: no more."""
        known = self._scheduler.get_job(OWN + name)
        if expression is None:
            if known is not None:
                known.remove()
            return
        self._scheduler.add_job(
            work,
            CronTrigger.from_crontab(expression, timezone=UTC),
            id=OWN + name,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=CRON_GRACE_S,
            replace_existing=True,
        )

    def reload(self, config: Config) -> None:
        """Take a new configuration: new, changed and gone probes; the others keep their phase."""
        before = {} if config is self._config else self._config.probes
        self._config = config
        for job in self._scheduler.get_jobs():
            if not job.id.startswith(OWN) and job.id not in config.probes:
                job.remove()
        for name, probe in config.probes.items():
            self._metrics.probes.expect(name, probe.locations)
            if before.get(name) != probe:
                self._place(name, probe, first=True)

    def judged(self, run: Run) -> None:
        """Note that what a run leads to was decided."""
        if run.location in self._pools:
            self._pools[run.location].judged(run.id)

    def spare_workers(self, asked_soon: frozenset[str]) -> None:
        """Keep a worker free wherever these probes will soon be asked for, and only there."""
        probes = self._config.probes
        locations = {at for name in asked_soon & probes.keys() for at in probes[name].locations}
        for location, pool in self._pools.items():
            pool.spare(location in locations)

    def set_pace(self, fast: frozenset[str]) -> None:
        """Let exactly these probes run at their fast interval."""
        with self._lock:
            changed, self._fast = self._fast ^ fast, fast
        for name in changed & self._config.probes.keys():
            self._place(name, self._config.probes[name])

    def dispatch(self, order: RunProbe) -> None:
        """Run a probe at once, at each of its locations, whatever its schedule says.

        Its control is walked at the probe's locations, in the same worker; a control that is no
        longer configured is left out.
        """
        config = self._config
        if order.probe not in config.probes:
            return
        where = order.where if order.where in config.probes else order.probe
        for location in config.probes[where].locations:
            job = _job(config, order.probe, location, order.purpose, trace=order.trace)
            if order.control in config.probes:
                control = _job(config, order.control, location, Purpose.CONTROL, trace=order.trace)
                job = replace(job, with_control=control, control_first=order.control_first)
            self._pools[location].submit(replace(job, fresh=order.fresh))

    def drill(self, order: RunProbe, location: str, inject: tuple[InjectedFault, ...]) -> str:
        """Walk a probe at once with planted faults, and its control with the same ones.

        Their purpose is `DRILL`, whatever the order says: a control that met planted faults must
        not pass for a real one.

        Args:
            order: of a journey's probe; faults can be planted only into a browser.
            location: where.
            inject: what goes wrong, in these runs' browser only.

        Returns:
            The id of the probe's run, which is the pair's too.

        Raises:
            KeyError: no such probe, control or location.
            ValueError: the probe has no browser.
        """
        config = self._config
        if config.probes[order.probe].kind != "journey":
            raise ValueError(
                f"{order.probe} has no browser to plant faults into: name a journey's probe"
            )
        job = replace(_job(config, order.probe, location, Purpose.DRILL), inject=inject)
        if order.control:
            beside = replace(_job(config, order.control, location, Purpose.DRILL), inject=inject)
            job = replace(job, with_control=beside, control_first=order.control_first)
        self._pools[location].submit(replace(job, fresh=order.fresh))
        return job.id

    def run_now(
        self, name: str, sign: Callable[[tuple[str, ...]], None] = lambda _runs: None
    ) -> tuple[str, ...]:
        """Run a probe at an operator's word and return the ids of its runs.

        Args:
            sign: told the ids before anything starts; where it raises, nothing does.

        Raises:
            KeyError: no such probe.
            ProbeBusy: it is under way already.
        """
        config = self._config
        jobs = [
            _job(config, name, location, Purpose.MANUAL, trace=True)
            for location in config.probes[name].locations
        ]
        places = {(name, job.location): job.id for job in jobs}
        with self._lock:
            if any(place in self._under_way or place in self._asked_for for place in places):
                raise ProbeBusy(f"{name} is under way: wait for its run, then look at that one")
            self._asked_for.update(places)
        runs = tuple(places.values())
        try:
            sign(runs)
        except BaseException:
            with self._lock:
                for place in places:
                    self._asked_for.pop(place, None)
            raise
        for job in jobs:
            self._pools[job.location].submit(job)
        return runs

    def ended(self, run: Run) -> None:
        """Note that a run came in, so that its probe may run again."""
        if run.purpose is Purpose.MANUAL:
            with self._lock:
                if self._asked_for.get((run.probe, run.location)) == run.id:
                    del self._asked_for[run.probe, run.location]
        if run.purpose is not Purpose.SCHEDULED:
            return
        with self._lock:
            due = self._under_way.pop((run.probe, run.location), None)
        if due is not None:
            self._metrics.lateness.observe(max(0.0, (run.started_at - due).total_seconds()))

    def stop(self) -> None:
        """Stop ticking; runs under way are the pools' to drain."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def _place(self, name: str, probe: ProbeSpec, *, first: bool = False) -> None:
        if probe.interval_s is None:
            return
        interval_s = probe.interval_s
        fast = name in self._fast and probe.fast_interval_s < interval_s
        if fast:
            interval_s = probe.fast_interval_s
        now = datetime.now(UTC)
        # A fixed offset from the name spreads the probes and survives restarts; APScheduler's own
        # jitter is added to the last fire time and would let the phase drift.
        offset_s = zlib.crc32(name.encode()) % 10_000 / 10_000 * interval_s
        begin = now + timedelta(seconds=min(offset_s, 1.0 if fast else interval_s))
        if first:
            # The first look must not wait a whole interval.
            begin = now + timedelta(seconds=min(offset_s, 3.0))
        self._scheduler.add_job(
            self._tick,
            IntervalTrigger(seconds=interval_s, start_date=begin, timezone=UTC),
            args=(name,),
            id=name,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=max(1, int(interval_s / 2)),
            replace_existing=True,
            next_run_time=begin,
        )

    def _tick(self, name: str) -> None:
        probe = self._config.probes.get(name)
        if probe is None or self._paused(name):
            return
        due = datetime.now(UTC)
        for location in probe.locations:
            with self._lock:
                busy = (name, location) in self._under_way
                if not busy:
                    self._under_way[name, location] = due
            if busy:
                self._metrics.probes.missed(name, "overlap")
            else:
                job = _job(self._config, name, location, Purpose.SCHEDULED)
                self._pools[location].submit(job)

    def _on_missed(self, event: object) -> None:
        job_id = str(getattr(event, "job_id", ""))
        reason = _REASONS.get(getattr(event, "code", 0), "unknown")
        self._metrics.probes.missed(job_id, reason)
        log.warning("tick missed", job=job_id, reason=reason)


def _job(config: Config, name: str, location: str, purpose: Purpose, *, trace: bool = False) -> Job:
    probe = config.probes[name]
    return Job(
        probe=probe,
        target=config.targets[probe.target],
        location=location,
        purpose=purpose,
        trace=trace,
        browser=config.browser,
        uplink=config.uplink,
        privacy=config.privacy,
        artifacts=config.journal.artifacts_folder,
        journeys_folder=config.journeys_folder,
    )
