"""Local worker processes, each with its own warm browser: deadline, kill, recycle, replace.

Two deadlines: a soft one inside the run, which still saves the evidence, and a hard one here, which
kills the worker and its Chromium. Every job gives exactly one run, whatever dies.
"""

from __future__ import annotations

import itertools
import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from datetime import UTC, datetime
from functools import partial
from heapq import heappop, heappush

import structlog
from pebble import ProcessExpired, ProcessPool

from config.schema import BrowserSpec, PoolSpec
from probes import orphans, worker
from probes.model import Outcome, Run
from probes.runner import Job

log = structlog.get_logger(__name__)


class LocalPool:
    """Worker processes of one location.

    `done` is called once for each job, with its run, from a thread of the pool's: it must not
    block.
    """

    def __init__(
        self,
        location: str,
        spec: PoolSpec,
        browser: BrowserSpec,
        owner: str,
        done: Callable[[Run], None],
        killed: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self.location = location
        self._spec = spec
        self._browser = browser
        self._owner = owner
        self._done = done
        self._killed = killed
        self._lock = threading.Lock()
        #: Jobs under way: id -> when it was handed to a worker.
        self._running: dict[str, datetime] = {}
        self._waiting: list[tuple[bool, int, Job]] = []
        self._count = itertools.count()
        orphans.mark(owner)
        self._pool = self._new_pool()

    def _new_pool(self) -> ProcessPool:
        return ProcessPool(
            max_workers=self._spec.workers,
            max_tasks=self._spec.recycle_after_runs,
            initializer=worker.start,
            initargs=(self._browser,),
            # Never fork: a forked Playwright hangs at exit, and locks of our threads come along.
            context=multiprocessing.get_context("spawn"),
        )

    @property
    def busy(self) -> int:
        """Jobs under way in a worker."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Jobs that wait for a worker."""
        return len(self._waiting)

    def submit(self, job: Job) -> None:
        """Queue a job; its run comes to `done`, also where the pool or the worker dies.

        What a guard waits for goes before what is only due.
        """
        with self._lock:
            heappush(self._waiting, (not job.urgent, next(self._count), job))
        self._pump()

    def _pump(self) -> None:
        """Hand waiting jobs to free workers: pebble's own queue knows no precedence."""
        while True:
            with self._lock:
                if not self._waiting or len(self._running) >= self._spec.workers:
                    return
                _, _, job = heappop(self._waiting)
                self._running[job.id] = datetime.now(UTC)
                future = self._schedule(job)
            # Outside the lock: a future that is done already calls back here and now.
            future.add_done_callback(partial(self._ended, job))

    def _schedule(self, job: Job) -> Future[Run]:
        hard_s = job.probe.timeout_s + self._spec.hard_margin_s
        try:
            future: Future[Run] = self._pool.schedule(worker.execute, args=(job,), timeout=hard_s)
        except RuntimeError:  # pebble's pool breaks when a worker dies while all are idle
            log.warning("pool rebuilt", location=self.location)
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool = self._new_pool()
            future = self._pool.schedule(worker.execute, args=(job,), timeout=hard_s)
        return future

    def _ended(self, job: Job, future: Future[Run]) -> None:
        with self._lock:
            started_at = self._running.pop(job.id)
        try:
            run = future.result()
        except TimeoutError:
            run = self._lost(
                job,
                started_at,
                f"killed: not done {self._spec.hard_margin_s:g} s after its time-out of "
                f"{job.probe.timeout_s:g} s; browser or journey hung where no time-out reaches",
            )
        except ProcessExpired as cause:
            reason = f"the worker process died (exit code {cause.exitcode}) under the run"
            run = self._lost(job, started_at, reason)
        except CancelledError:
            run = self._lost(job, started_at, "cancelled: the daemon stopped")
        except Exception as cause:
            run = self._lost(job, started_at, f"the pool broke: {cause!r}")
        self._pump()
        self._done(run)

    def _lost(self, job: Job, started_at: datetime, reason: str) -> Run:
        # The worker is dead, its Chromium may not be; finding that out takes time, so not here.
        threading.Thread(target=self._sweep, name="orphan-sweep", daemon=True).start()
        took_s = (datetime.now(UTC) - started_at).total_seconds()
        return job.run(started_at, max(0.0, took_s), Outcome.ERROR, reason)

    def _sweep(self) -> None:
        if count := orphans.sweep(self._owner):
            log.warning("orphans killed", location=self.location, count=count)
            self._killed(count)

    def stop(self, drain_s: float) -> None:
        """Let runs under way finish for up to `drain_s`, then kill what is left of them."""
        with self._lock:
            dropped, self._waiting = [job for _, _, job in self._waiting], []
        for job in dropped:
            now = datetime.now(UTC)
            self._done(job.run(now, 0.0, Outcome.ERROR, "not started: the daemon stopped"))
        self._pool.close()  # type: ignore[no-untyped-call]
        try:
            self._pool.join(timeout=drain_s)
        except TimeoutError:
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join()
        self._sweep()
