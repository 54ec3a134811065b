"""What runs inside a pool's worker process: one warm runner, and a watch over the parent."""

from __future__ import annotations

import multiprocessing
import multiprocessing.util
import os
import signal
import threading
from multiprocessing.connection import wait

from config.schema import BrowserSpec
from probes.model import Run
from probes.orphans import kill_browsers, kill_tree
from probes.runner import Job, Runner

#: A browser closes in 0.1 s; one that takes longer is frozen, and would never be done.
CLOSE_S = 3.0

_runner = Runner()
#: Held to the end by who leaves: the main thread, whose call ends when the browser is killed, must
#: not end the process while the parent watch still tidies up.
_leaving = threading.RLock()


def start(browser: BrowserSpec) -> None:
    """Prepare a fresh worker: the pool's initializer."""
    # A session of its own: Ctrl-C in the terminal goes to the daemon, which drains; were it to
    # reach the driver and Chromium too, every run under way would end as an error.
    os.setsid()
    # pebble's own handler would close the browser from within whatever call hangs, which Playwright
    # answers by spinning: pebble then waits three seconds, for this and every other worker.
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_die_with_parent, name="parent-watch", daemon=True).start()
    # A recycled worker leaves by os._exit, which runs no atexit; this is what it does run.
    multiprocessing.util.Finalize(None, _close, exitpriority=10)
    _runner.warm(browser)


def execute(job: Job) -> tuple[Run, ...]:
    """Walk a job's parts one after the other, and return their runs in that order."""
    return tuple(_runner.execute(part) for part in job.parts)


def _close() -> None:
    with _leaving:
        hard = threading.Timer(CLOSE_S, kill_tree, (os.getpid(),))
        hard.daemon = True
        hard.start()
        try:
            _runner.close()
        finally:
            hard.cancel()
            # Killing the driver ends the call above: were we to leave before the rest is killed
            # too, a frozen browser's children would stay, and no longer be below anybody.
            hard.join()


def _leave(*_: object) -> None:
    # Our driver would close the browser by itself, but not a frozen one.
    with _leaving:
        kill_browsers(os.getpid())
        os._exit(1)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    wait([parent.sentinel])
    _leave()  # the daemon was killed
