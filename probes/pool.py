"""Local worker processes, each with its own warm browser: deadline, kill, recycle, replace.

Two deadlines: a soft one inside the run, which still saves the evidence, and a hard one here, which
kills the worker and its Chromium. Every job gives exactly its runs, whatever dies: one, or a pair.
"""

from __future__ import annotations

import atexit
import itertools
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from heapq import heappop, heappush

import structlog
from pebble import ProcessExpired, ProcessPool

from config.schema import BrowserSpec, PoolSpec
from probes import orphans, worker
from probes.model import FailureClass, Outcome, Run
from probes.runner import Job

log = structlog.get_logger(__name__)

WATCH_S = 0.5
#: Past a job's hard deadline, for a worker that must start first and a kill that takes a while.
OVERDUE_S = 40.0


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """A job in pebble's hands; `overdue_at` is `time.monotonic()`, which no clock change moves."""

    started_at: datetime
    overdue_at: float
    future: Future[tuple[Run, ...]]
    urgent: bool


class LocalPool:
    """Worker processes of one location.

    `done` is called once for each run of a job that was begun, mostly from a thread of the pool's:
    it must not block. The runs of a pair come together, in the order in which they were walked;
    where the worker dies in the second one, the first is lost with it.
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
        self._running: dict[str, _UnderWay] = {}
        self._waiting: list[tuple[bool, int, Job]] = []
        #: Failed runs that nobody has judged: a guard may ask at once for what confirms them.
        self._unjudged: set[str] = set()
        self._spares = False
        self._count = itertools.count()
        self._closing = threading.Event()
        # At exit pebble's threads end, which the watch must not take for a broken pool.
        atexit.register(self._closing.set)
        orphans.mark(owner)
        self._pool = self._new_pool()
        threading.Thread(target=self._watch, name=f"pool-watch-{location}", daemon=True).start()

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

    def spare(self, spares: bool) -> None:
        """Keep the last of several workers for what somebody waits for, or no longer.

        Where it is known that a guard will soon ask, a run that is only due would make it wait for
        a worker, and then share the cores with it.
        """
        with self._lock:
            self._spares = spares
        self._pump()

    def judged(self, run: str) -> None:
        """Note that what a run leads to was decided: `spare` knows from here on."""
        with self._lock:
            self._unjudged.discard(run)
        self._pump()

    def submit(self, job: Job) -> None:
        """Queue a job; its runs come to `done`, also where the pool or the worker dies.

        What a guard waits for goes before what is only due. A stopped pool drops it.
        """
        with self._lock:
            if not self._closing.is_set():
                heappush(self._waiting, (not job.urgent, next(self._count), job))
        self._pump()

    def _pump(self) -> None:
        """Hand waiting jobs to free workers: pebble's own queue knows no precedence."""
        while True:
            with self._lock:
                if not self._waiting:
                    return
                _, _, job = self._waiting[0]
                if not self._may_begin(job):
                    return
                heappop(self._waiting)
                hard_s = job.timeout_s + self._spec.hard_margin_s
                future = self._schedule(job, hard_s)
                overdue_at = time.monotonic() + hard_s + OVERDUE_S
                self._running[job.id] = _UnderWay(datetime.now(UTC), overdue_at, future, job.urgent)
            # Outside the lock: a future that is done already calls back here and now.
            future.add_done_callback(partial(self._ended, job))

    def _may_begin(self, job: Job) -> bool:
        """Say whether there is a worker for a job; what is only due may not have the last one."""
        if len(self._running) >= self._spec.workers:
            return False
        if job.urgent or not (self._spares or self._unjudged):
            return True
        due = sum(not each.urgent for each in self._running.values())
        return due < max(1, self._spec.workers - 1)

    def _schedule(self, job: Job, hard_s: float) -> Future[tuple[Run, ...]]:
        future: Future[tuple[Run, ...]]
        try:
            try:
                future = self._pool.schedule(worker.execute, args=(job,), timeout=hard_s)
            except RuntimeError:  # pebble's pool breaks when a worker dies while all are idle
                self._replace()
                future = self._pool.schedule(worker.execute, args=(job,), timeout=hard_s)
        except Exception as cause:  # such as: the machine has no process left for us
            future = Future()
            future.set_exception(cause)
        return future

    def _watch(self) -> None:
        """Replace a pool that pebble left broken or stuck, also where no further job comes by.

        A worker that is stopped, or that dies between two jobs or with the lock of pebble's pipe,
        can leave jobs which are never started, never timed out and never ended.
        """
        while not self._closing.wait(WATCH_S):
            with self._lock:
                late = [each for each in self._running.values() if _is_overdue(each)]
                if late or not self._pool.active:
                    self._replace()

    def _replace(self) -> None:
        """Put a new pool in the place of the present one. The lock must be held."""
        if self._closing.is_set():
            return
        log.warning("pool rebuilt", location=self.location)
        left = [each.future for each in self._running.values()]
        threading.Thread(
            target=self._end, args=(self._pool, left), name="pool-end", daemon=True
        ).start()
        self._pool = self._new_pool()

    def _ended(self, job: Job, future: Future[tuple[Run, ...]]) -> None:
        with self._lock:
            started_at = self._running.pop(job.id).started_at
            self._unjudged.add(job.id)  # until it is known how it ended
        try:
            runs = future.result()
        except TimeoutError:
            runs = self._lost(
                job,
                started_at,
                f"killed: not done {self._spec.hard_margin_s:g} s after its time-out of "
                f"{job.timeout_s:g} s; browser or journey hung where no time-out reaches",
            )
        except ProcessExpired as cause:
            reason = f"the worker process died (exit code {cause.exitcode}) under the run"
            runs = self._lost(job, started_at, reason)
        except CancelledError:
            runs = self._lost(job, started_at, "cancelled: the pool was stuck")
        # A SystemExit that went on from here would end pebble's thread, and with it the pool.
        except BaseException as cause:
            runs = self._lost(job, started_at, f"the pool broke: {cause!r}")
        with self._lock:
            self._unjudged.discard(job.id)
            self._unjudged.update(run.id for run in runs if run.outcome is Outcome.FAILED)
        self._pump()
        for run in runs:
            self._done(run)

    def _lost(self, job: Job, started_at: datetime, reason: str) -> tuple[Run, ...]:
        if self._closing.is_set():
            reason = f"cancelled: the daemon stopped ({reason})"
        # The worker is dead, its Chromium may not be; finding that out takes time, so not here.
        threading.Thread(target=self._sweep, name="orphan-sweep", daemon=True).start()
        took_s = max(0.0, (datetime.now(UTC) - started_at).total_seconds())
        lost = [part.run(started_at, took_s, Outcome.ERROR, reason) for part in job.parts]
        return tuple(replace(run, failure=FailureClass.WORKER) for run in lost)

    def _sweep(self) -> None:
        if count := orphans.sweep(self._owner):
            log.warning("orphans killed", location=self.location, count=count)
            self._killed(count)

    def stop(self, drain_s: float) -> None:
        """Let runs under way finish for up to `drain_s`, then kill what is left of them.

        Every run that is still owed has come to `done` when this returns. Jobs that no worker has
        begun are dropped: as errors they would make every restart look like trouble.
        """
        with self._lock:
            self._closing.set()
            self._waiting.clear()
        atexit.unregister(self._closing.set)
        self._pool.close()  # type: ignore[no-untyped-call]
        with suppress(TimeoutError):
            self._pool.join(timeout=drain_s)
        with self._lock:
            left = [each.future for each in self._running.values()]
        self._end(self._pool, left)

    def _end(self, pool: ProcessPool, left: Iterable[Future[tuple[Run, ...]]]) -> None:
        """Kill a pool's workers, then end the futures of theirs that pebble forgets about."""
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()
        for future in left:
            future.cancel()
        self._sweep()


def _is_overdue(job: _UnderWay) -> bool:
    return time.monotonic() > job.overdue_at
