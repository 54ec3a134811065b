"""`make bench`: figures side by side in one run. Prints; judges nothing."""

import logging
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue

import psutil
import structlog
from prometheus_client import CollectorRegistry
from rich.console import Console
from rich.table import Table

from config.load import load
from config.schema import Config, PoolSpec
from daemon.demo import DEMO, FLAGS
from daemon.engine import Engine
from daemon.guard.messages import OperatorAsked
from daemon.history import flips
from daemon.journal import Journal
from daemon.metrics import Metrics
from daemon.stage import stage_process
from flags.stores.sql import SqlFlagStore
from flags.switch import Switch
from probes.model import Outcome, Purpose, Run
from probes.pool import LocalPool
from probes.runner import Job
from tests.bench import desk, evaluations, false_kills, raw

ROUNDS = 5
RUNS_A_ROUND = 15
THROUGHPUT_RUNS = 60
FLIPS = 200
PROBE = "widget_signed_out"

out = Console()


def cpu_s(roots: list[psutil.Process]) -> float:
    """CPU seconds of processes and all that descends from them, the reaped ones included."""
    total = 0.0
    for root in roots:
        for process in (root, *root.children(recursive=True)):
            try:
                times = process.cpu_times()
            except psutil.Error:
                continue
            total += times.user + times.system + times.children_user + times.children_system
    return total


class Pooled:
    """Runs one probe through the real pool, as the daemon does."""

    def __init__(self, config: Config, workers: int) -> None:
        self._config = config
        self._done: SimpleQueue[Run] = SimpleQueue()
        pool = PoolSpec(workers=workers, recycle_after_runs=10_000)
        before = {child.pid for child in psutil.Process().children()}
        self._pool = LocalPool(
            "local", pool, config.browser, f"bench-{os.getpid()}", self._done.put
        )
        self.run(workers * 2)
        children = psutil.Process().children()
        self.processes = [child for child in children if child.pid not in before]

    def run(self, times: int, ahead: int = 1, probe: str = PROBE) -> None:
        """Do so many runs, `ahead` of them queued at once."""
        spec = self._config.probes[probe]
        target = self._config.targets[spec.target]
        asked = 0
        for finished in range(times):
            while asked < min(times, finished + ahead):
                self._pool.submit(Job(spec, target, "local", Purpose.SCHEDULED))
                asked += 1
            run = self._done.get()
            assert run.outcome is Outcome.PASSED, run.reason

    def stop(self) -> None:
        """End the workers."""
        self._pool.stop(5)


def measured(work: Callable[[], None], processes: list[psutil.Process]) -> tuple[float, float]:
    """Return wall and CPU seconds of some work."""
    cpu, wall = cpu_s(processes), time.perf_counter()
    work()
    return time.perf_counter() - wall, cpu_s(processes) - cpu


def overhead(config: Config) -> None:
    """Pair a raw Playwright loop with runs through the pool, in turn, for a short and a long walk.

    The raw loop keeps nothing. A run also measures web vitals, and keeps requests, console errors,
    toggles, steps and exposure: what that costs is in the ratio.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    base_url = config.targets["stage"].base_url
    process = context.Process(target=raw.serve, args=(theirs, base_url))
    process.start()
    ours.recv()
    pooled = Pooled(config, workers=1)
    table = Table("a run", "raw Playwright, ms", "through the pool, ms", "ratio (median of pairs)")
    for probe in (PROBE, "assessment"):

        def loop(probe: str = probe) -> None:
            ours.send((probe, RUNS_A_ROUND))
            ours.recv()

        def through_the_pool(probe: str = probe) -> None:
            pooled.run(RUNS_A_ROUND, probe=probe)

        loop()
        through_the_pool()
        pairs = [
            (
                measured(loop, [psutil.Process(process.pid)]),
                measured(through_the_pool, pooled.processes),
            )
            for _ in range(ROUNDS)
        ]
        for index, name in enumerate(("wall", "CPU")):
            plain_ms = [plain[index] / RUNS_A_ROUND * 1000 for plain, _ in pairs]
            pooled_ms = [ran[index] / RUNS_A_ROUND * 1000 for _, ran in pairs]
            ratios = [b / a for a, b in zip(plain_ms, pooled_ms, strict=True)]
            spread = f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
            medians = [f"{statistics.median(each):.1f}" for each in (plain_ms, pooled_ms)]
            table.add_row(f"{probe}, {name}", *medians, spread)
    ours.send(None)
    process.join()
    pooled.stop()
    out.print(table)


def throughput(config: Config) -> None:
    """Count runs a minute with a worker per core."""
    cores = len(os.sched_getaffinity(0))
    pooled = Pooled(config, workers=cores)
    wall, _ = measured(lambda: pooled.run(THROUGHPUT_RUNS, ahead=cores * 2), [])
    pooled.stop()
    out.print(f"{THROUGHPUT_RUNS / wall * 60:.0f} runs/min on {cores} cores", highlight=False)


def decision_to_flip(config: Config, folder: Path) -> None:
    """Time from a committed decision to its acknowledged, read-back write; disk syncs included."""
    journal = Journal(folder / "bench.sqlite")
    store = SqlFlagStore(config.store.url)
    metrics = Metrics(CollectorRegistry(), config.metrics.duration_buckets_s)
    engine = Engine(config, journal, Switch(store), metrics, lambda _order: None)
    engine.start()
    stop = threading.Event()

    def apply() -> None:
        while not stop.is_set():
            engine.wake.clear()
            engine.apply_pending()
            engine.wake.wait(1)

    applier = threading.Thread(target=apply)
    applier.start()
    guard = "representative_status"
    for _ in range(FLIPS // 2):
        for verb in ("trip", "reset"):
            engine.tell(guard, OperatorAsked(verb, "bench", "measuring"))  # type: ignore[arg-type]
            while engine.state(guard).kill is not None and (verb == "reset"):
                time.sleep(0.001)
            while verb == "trip" and not _written(engine, guard):
                time.sleep(0.001)
    stop.set()
    engine.wake.set()
    applier.join()
    took_ms = sorted(
        (flip.applied_at - flip.decided_at).total_seconds() * 1000
        for flip in flips(journal, limit=FLIPS)
    )
    at_99 = took_ms[int(len(took_ms) * 0.99) - 1]
    out.print(
        f"decision to flip, {len(took_ms)} flips: median {statistics.median(took_ms):.1f} ms, "
        f"p99 {at_99:.1f} ms, worst {took_ms[-1]:.1f} ms",
        highlight=False,
    )
    store.close()
    journal.close()


def _written(engine: Engine, guard: str) -> bool:
    kill = engine.state(guard).kill
    return kill is not None and kill.written_at is not None


def main() -> None:
    """Print every figure."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    out.print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        url = f"sqlite:///{folder / 'flags.sqlite'}"
        store = SqlFlagStore(url)
        store.create_tables()
        for name, is_on in FLAGS.items():
            store.create(name, is_on)
        with stage_process(url, 0) as stage:
            env = {"TRIPFLAG_STAGE_URL": stage, "TRIPFLAG_STATE_DIR": str(folder)}
            config = load(DEMO, env)
            overhead(config)
            throughput(config)
            decision_to_flip(config, folder)
        store.close()
        desk.run(out, folder)
    false_kills.show(out)
    evaluations.run(out)


if __name__ == "__main__":
    main()
