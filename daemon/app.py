"""Composition root: the only module that knows all the others."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from config.errors import ConfigError
from config.load import load
from config.schema import Config
from daemon import answers
from daemon.artifacts import Artifacts
from daemon.drills import Drills
from daemon.engine import Engine, utc_now
from daemon.history import pending_flips
from daemon.journal import Journal, JournalError
from daemon.metrics import Metrics
from daemon.scheduler import Scheduler
from daemon.tokens import Tokens
from daemon.web import Desk, create_app, serve
from flags.stores.open import open_store
from flags.switch import Switch
from probes.chromium import find
from probes.journey import checked_params, load_journeys
from probes.model import ProbeError, Run
from probes.pool import LocalPool

log = structlog.get_logger(__name__)

#: How long runs under way may take to finish after SIGTERM; container engines kill at 10 s.
DRAIN_S = 7.0
HOUSEKEEPING_S = 3600.0
GAUGES_S = 5.0
#: How late may be what guards and circuits do because of time alone.
TIME_S = 1.0
#: How late may be a run that a drill waits for.
DRILLS_S = 0.5
#: The longest that the applier sleeps without being woken.
IDLE_S = 1.0
#: Sections that are read once: their sockets, files and processes are made from them.
FIXED = ("store", "journal", "web", "metrics", "browser", "pools")


class ReloadRefused(Exception):
    """A new configuration that cannot be taken while running; the old one stays."""


class Daemon:
    """Everything, wired. Nothing is started before `start()`.

    Raises:
        JournalError, BrowserMissing, JourneyError, WebError: each says what is wrong and the
            remedy; nothing was started.
    """

    def __init__(self, config: Config, reload_from: Callable[[], Config] | None = None) -> None:
        self._reload_from = reload_from
        self.config = config
        find(config.browser)
        check_journeys(config)
        self.journal = Journal(config.journal.path)
        self.metrics = Metrics(CollectorRegistry(), config.metrics.duration_buckets_s)
        self.store = open_store(config.store)
        switch = Switch(self.store)
        self._runs: queue.SimpleQueue[Run | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self.pools: dict[str, LocalPool] = {}
        self.scheduler = Scheduler(config, self.pools, self.metrics, self._is_paused)
        self.engine = Engine(config, self.journal, switch, self.metrics, self.scheduler.dispatch)
        self.artifacts = Artifacts(lambda: self.config, self.journal, self.metrics, utc_now)
        self.drills = Drills(
            config,
            self.journal,
            self.metrics,
            self.engine.state,
            self.scheduler.drill,
            self.scheduler.cron,
            utc_now,
            self.engine.news,
        )
        self.engine.modes.changed = self.drills.see
        desk = Desk(
            engine=self.engine,
            journal=self.journal,
            switch=switch,
            run_now=self.scheduler.run_now,
            problems=self.problems,
            alive=self.alive,
            drills=self.drills,
            evidence_lost=self.artifacts.lost,
        )
        try:
            self.web = serve(create_app(desk), config.web.host, config.web.port)
        except Exception:  # whatever it is, it is told; only the journal must not stay locked
            self.journal.close()
            raise
        self._threads = [
            threading.Thread(target=self._judge, name="judge", daemon=True),
            threading.Thread(target=self._apply, name="apply", daemon=True),
            threading.Thread(target=self.web.run, name="web", daemon=True),
        ]

    # --- life -------------------------------------------------------------------------------

    def start(self) -> None:
        """Start workers, threads and ticks."""
        self._note_reload(accepted=True)
        owner = str(self.config.journal.path)
        for location, spec in self.config.pools.items():
            self.pools[location] = LocalPool(
                location,
                spec,
                self.config.browser,
                owner,
                self._runs.put,
                lambda count: self.metrics.orphans.inc(count),
            )
        self.engine.start()
        self.engine.poll_flags()
        for thread in self._threads:
            thread.start()
        self.scheduler.start()
        self.drills.start_crons()
        self._every("flags", self.config.store.poll_s, self.engine.poll_flags)
        self._every("time", TIME_S, self.engine.pass_time)
        # What operators do, and time alone, changes it too.
        self._every("spare", TIME_S, self._spare_workers)
        self._every("drills", DRILLS_S, self.drills.pass_time)
        self._every("gauges", GAUGES_S, self._show_gauges)
        self._every("proofs", GAUGES_S, self.engine.chase_proofs)
        self._every("artifacts", GAUGES_S, self.artifacts.prune_if_over)
        self._every("housekeeping", HOUSEKEEPING_S, self._keep_house)
        tokens = self.config.web.tokens
        configured = tokens.viewer or tokens.operator or tokens.admin
        if not configured and not Tokens(self.journal).any_kept():
            log.warning("no token stands: whoever is on this machine is an administrator")
        log.info("started", web=self.web.url, guards=len(self.config.guards))

    def stop(self) -> None:
        """Drain: no new runs, runs under way finish, everything decided is applied."""
        log.info("draining", seconds=DRAIN_S)
        self.scheduler.stop()
        until = time.monotonic() + DRAIN_S
        for pool in self.pools.values():
            pool.stop(max(0.0, until - time.monotonic()))
        self._runs.put(None)
        self._threads[0].join(DRAIN_S)
        self._stopping.set()
        self.engine.mirror.close()
        self.engine.news.close()
        self.engine.wake.set()
        self._threads[1].join(DRAIN_S)
        self.web.close()
        self.store.close()
        self.journal.close()
        log.info("stopped")

    def reload(self) -> None:
        """Take the file anew; a bad one is refused whole, and the old one keeps running."""
        if self._reload_from is None:
            return
        try:
            config = self._reload_from()
            for section in FIXED:
                if getattr(config, section) != getattr(self.config, section):
                    raise ReloadRefused(f"{section} changed: that needs a restart")
            check_journeys(config)
            # Read first: what fails then has changed nothing.
            past = self.drills.past(config)
            self.engine.reload(config)
            self.drills.reload(self.engine.config, past)
        except (ConfigError, JournalError, ProbeError, ReloadRefused) as cause:
            self._note_reload(accepted=False)
            log.error("configuration refused", error=str(cause))  # noqa: TRY400 - no defect of ours
            return
        self.config = config
        self.scheduler.reload(config)
        self._note_reload(accepted=True)
        log.info("configuration taken", guards=len(config.guards), probes=len(config.probes))

    # --- threads ----------------------------------------------------------------------------

    def _judge(self) -> None:
        while (run := self._runs.get()) is not None:
            self._show_pools()
            self.scheduler.ended(run)
            try:
                self.artifacts.take(run)
                # What a drill planted must not look like the target's in metrics and circuits.
                if not self.drills.take(run):
                    self.engine.take_run(run)
                    self.scheduler.set_pace(self.engine.fast_probes())
                    self._spare_workers()
            except Exception:
                # The single catch-all of a turn: nothing of it was kept, and the next run is
                # judged anew. A count that rises is a defect or a broken disk.
                self.metrics.turn_failures.inc()
                log.exception("turn failed", run=run.id, probe=run.probe)
            finally:
                self.scheduler.judged(run)

    def _apply(self) -> None:
        while not self._stopping.is_set():
            wait_s = IDLE_S
            try:
                self.engine.wake.clear()
                later = self.engine.apply_pending()
                if later is not None:
                    wait_s = min(IDLE_S, (later - datetime.now(UTC)).total_seconds())
            except Exception:
                # What is owed is a committed row: it is tried again, and the count tells.
                self.metrics.turn_failures.inc()
                log.exception("applying failed")
            self.engine.wake.wait(max(0.0, wait_s))

    # --- chores -----------------------------------------------------------------------------

    def _every(self, name: str, interval_s: float, work: Callable[[], object]) -> None:
        """Do a chore at an interval; one that fails is counted and tried at the next."""

        def chore() -> None:
            try:
                work()
            except Exception:  # of one chore: the daemon goes on, and the count tells
                self.metrics.turn_failures.inc()
                log.exception("chore failed", chore=name)

        self.scheduler.every(name, interval_s, chore)

    def _show_gauges(self) -> None:
        self._show_pools()
        self.drills.show()
        self.metrics.flips_pending.set(len(pending_flips(self.journal)))
        self.metrics.journal_bytes.set(self.journal.size_bytes())
        self.engine.show()

    def _spare_workers(self) -> None:
        self.scheduler.spare_workers(self.engine.probes_asked_soon())

    def _is_paused(self, probe: str) -> bool:
        return self.engine.pauses.of(probe) is not None

    def _show_pools(self) -> None:
        for location, pool in self.pools.items():
            self.metrics.pool_busy.labels(location).set(pool.busy)
            self.metrics.pool_waiting.labels(location).set(pool.waiting)

    def _keep_house(self) -> None:
        keep = self.config.journal
        now = datetime.now(UTC)
        try:
            # First: where the disk is full, it makes the room that the journal needs to delete.
            self.artifacts.prune()
        finally:
            self.journal.prune(now - timedelta(days=keep.runs_keep_days))
            with self.journal.turn() as turn:
                answers.prune(turn, now)

    def _note_reload(self, *, accepted: bool) -> None:
        self.metrics.reload_success.set(accepted)
        if accepted:
            self.metrics.reload_time.set(time.time())

    # --- health -----------------------------------------------------------------------------

    def alive(self) -> bool:
        """True while every thread of ours is alive."""
        return all(thread.is_alive() for thread in self._threads)

    def problems(self) -> Mapping[str, str]:
        """Say what keeps the daemon from being ready, by part; empty when it is."""
        return self.engine.problems


def check_journeys(config: Config) -> None:
    """Check that every journey exists and takes its probes' parameters.

    Raises:
        JourneyError: names the probe, the journey and what is wrong.
    """
    found = load_journeys(config.journeys_folder)
    for name, probe in config.probes.items():
        if probe.kind == "journey":
            checked_params(found, probe.journey, probe.params, f"probes.{name}")


def daemon_from(path: Path, env: Mapping[str, str]) -> Daemon:
    """Load a file and wire the daemon that it describes.

    Raises: as `load` and `Daemon` do.
    """
    return Daemon(load(path, env), lambda: load(path, env))


__all__ = ["ConfigError", "Daemon", "ReloadRefused", "daemon_from"]
