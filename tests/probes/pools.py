"""A pool under watch: what its tests share."""

from __future__ import annotations

import queue
from typing import Any

import psutil

from config.schema import BrowserSpec, PoolSpec
from probes.model import Run
from probes.pool import LocalPool
from probes.runner import Job
from tests.probes.conftest import marked, wait_until
from tests.probes.walks.faults import chromium


class Watched:
    """A pool, the runs that came out of it, and its processes."""

    def __init__(self, owner: str, **spec: Any) -> None:
        self.owner = owner
        self.runs: queue.Queue[Run] = queue.Queue()
        self.pool = LocalPool(
            "local",
            PoolSpec(**{"workers": 1, "hard_margin_s": 0.5, **spec}),
            BrowserSpec(),
            owner,
            self.runs.put,
        )

    def run(self, wanted: Job, within_s: float = 15) -> Run:
        self.pool.submit(wanted)
        return self.next(within_s)

    def next(self, within_s: float = 15) -> Run:
        return self.runs.get(timeout=within_s)

    def workers(self) -> list[psutil.Process]:
        """Workers with a browser that is ready for the next run."""
        return [each for each in psutil.Process().children() if _is_ready(each)]

    def worker(self) -> psutil.Process:
        return wait_until(self.workers)[0]

    def left(self) -> list[psutil.Process]:
        """What is left of a pool; Python keeps its resource tracker until we leave ourselves."""
        return [each for each in marked(self.owner) if "resource_tracker" not in str(_words(each))]


def lives(process: psutil.Process) -> bool:
    """Tell a process that runs, sleeps or is stopped from one that has ended."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _is_ready(process: psutil.Process) -> bool:
    # It may end between any two of these looks, and is not ready then.
    try:
        drivers = [child for child in process.children() if "run-driver" in child.cmdline()]
        return bool(drivers) and lives(process) and len(chromium(process)) > 3
    except (psutil.Error, StopIteration):
        return False
