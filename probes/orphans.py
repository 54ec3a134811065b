"""Find and kill processes that outlived the worker which started them.

Chromium runs in a process group of its own, and a frozen one ignores its driver's request to close:
killing the worker, or its whole group, leaves it behind for ever. Every process that we start
inherits `TRIPFLAG_OWNER`, so what carries our mark but does not descend from us is an orphan.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

import psutil

OWNER = "TRIPFLAG_OWNER"
#: A driver whose worker died closes its browser by itself in about 0.3 s, later on a busy machine.
GRACE_S = 2.0


def mark(owner: str) -> None:
    """Mark this process and all that it will start as `owner`'s."""
    os.environ[OWNER] = owner


def kill_tree(pid: int) -> int:
    """Kill everything that descends from `pid`, but not `pid` itself; return how many."""
    with suppress(psutil.NoSuchProcess):
        return _kill(psutil.Process(pid).children(recursive=True))
    return 0


def sweep(owner: str, grace_s: float = GRACE_S) -> int:
    """Kill what carries `owner`'s mark and does not descend from this process; return how many.

    Waits up to `grace_s` for those that are already closing.
    """
    _, alive = psutil.wait_procs(list(_orphans(owner)), timeout=grace_s)
    # What an orphan itself started may not show the mark: Chromium's children rewrite theirs.
    doomed = {child for each in alive for child in _descendants(each)} | set(alive)
    return _kill(list(doomed))


def _orphans(owner: str) -> Iterator[psutil.Process]:
    me = os.getpid()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid == me or process.environ().get(OWNER) != owner:
                continue
            if all(parent.pid != me for parent in process.parents()):
                yield process


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return process.children(recursive=True)
    return []


def _kill(processes: list[psutil.Process]) -> int:
    for process in processes:
        with suppress(psutil.Error):
            process.kill()  # checks the creation time, so a reused pid is safe
    psutil.wait_procs(processes, timeout=GRACE_S)
    return len(processes)
