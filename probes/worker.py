"""What runs inside a pool's worker process: one warm runner, and a watch over the parent."""

from __future__ import annotations

import multiprocessing
import multiprocessing.util
import os
import threading
from multiprocessing.connection import wait

from config.schema import BrowserSpec
from probes.model import Run
from probes.orphans import kill_tree
from probes.runner import Job, Runner

_runner = Runner()


def start(browser: BrowserSpec) -> None:
    """Prepare a fresh worker: the pool's initializer."""
    # A session of its own: Ctrl-C in the terminal goes to the daemon, which drains; were it to
    # reach the driver and Chromium too, every run under way would end as an error.
    os.setsid()
    threading.Thread(target=_die_with_parent, name="parent-watch", daemon=True).start()
    # A recycled worker leaves by os._exit, which runs no atexit; this is what it does run.
    multiprocessing.util.Finalize(None, _runner.close, exitpriority=10)
    _runner.warm(browser)


def execute(job: Job) -> Run:
    """Do one job on the warm browser."""
    return _runner.execute(job)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    wait([parent.sentinel])
    # The daemon was killed. Our driver would close the browser by itself, but not a frozen one.
    kill_tree(os.getpid())
    os._exit(1)
