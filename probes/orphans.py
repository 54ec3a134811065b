"""Find and kill processes that outlived the worker which started them.

Chromium runs in a process group of its own, and a frozen one ignores its driver's request to close:
killing the worker, or its whole group, leaves it behind for ever. Every process that we start
inherits `TRIPFLAG_OWNER`, so what carries our mark but does not descend from us is an orphan.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

OWNER = "TRIPFLAG_OWNER"
#: A driver whose worker died closes its browser by itself in about 0.3 s, later on a busy machine.
GRACE_S = 2.0
POLL_S = 0.02
PROFILE = "playwright_chromiumdev_profile-"


def mark(owner: str) -> None:
    """Mark this process and all that it will start as `owner`'s."""
    os.environ[OWNER] = owner


def kill_tree(pid: int) -> int:
    """Kill everything that descends from `pid`, but not `pid` itself; return how many."""
    with suppress(psutil.NoSuchProcess):
        return _kill(psutil.Process(pid).children(recursive=True))
    return 0


def kill_browsers(pid: int) -> int:
    """Kill what the children of `pid` started, but not those children; return how many.

    A driver whose browser is gone tidies up, and leaves by itself once its worker does.
    """
    with suppress(psutil.NoSuchProcess):
        return sum(kill_tree(child.pid) for child in psutil.Process(pid).children())
    return 0


def sweep(owner: str, grace_s: float = GRACE_S) -> int:
    """Kill what carries `owner`'s mark and does not descend from this process; return how many.

    Waits up to `grace_s` for those that are already closing, then from the leaves to the roots, so
    that a driver can still remove its browser's folders.
    """
    alive = _still_alive(list(_orphans(owner)), grace_s)
    # What an orphan itself started may not show the mark: Chromium's children rewrite theirs.
    below = {child for each in alive for child in _descendants(each)}
    killed = _kill(list(below))
    return killed + _kill(_still_alive([each for each in alive if each not in below], grace_s))


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
    profiles = {folder for each in processes if (folder := _profile(each)) is not None}
    for process in processes:
        with suppress(psutil.Error):
            process.kill()  # checks the creation time, so a reused pid is safe
    _still_alive(processes, GRACE_S)
    # The driver is often too late to do it, and each would stay on the disk for ever.
    for folder in profiles:
        shutil.rmtree(folder, ignore_errors=True)
    return len(processes)


def _profile(process: psutil.Process) -> Path | None:
    """Return the temporary profile that Playwright made for a Chromium."""
    with suppress(psutil.Error):
        for word in process.cmdline():
            folder = Path(word.removeprefix("--user-data-dir="))
            if word.startswith("--user-data-dir=") and folder.name.startswith(PROFILE):
                return folder
    return None


def _still_alive(processes: list[psutil.Process], within_s: float) -> list[psutil.Process]:
    """Return those that do not end in time; a zombie has ended, whoever fails to reap it."""
    until = time.monotonic() + within_s
    while (alive := [each for each in processes if _lives(each)]) and time.monotonic() < until:
        time.sleep(POLL_S)
    return alive


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
