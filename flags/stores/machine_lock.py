"""One writer at a time on this machine, where a store itself offers nothing of the kind."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_POLL_S = 0.005
_threads: dict[Path, threading.Lock] = {}
_threads_guard = threading.Lock()


@contextmanager
def machine_lock(name: str, timeout_s: float) -> Iterator[None]:
    """Hold the machine's only lock of this name, among threads and processes.

    It ends with its process, however that ends. The file stays: removing it would let a second
    writer lock another file of the same name.

    Raises:
        TimeoutError: another held it for all of `timeout_s`.
        OSError: the temporary folder takes no file.
    """
    ends = time.monotonic() + timeout_s
    digest = hashlib.sha256(name.encode()).hexdigest()[:32]
    path = Path(tempfile.gettempdir()) / f"tripflag-{digest}.lock"
    with _threads_guard:
        thread_lock = _threads.setdefault(path, threading.Lock())
    if not thread_lock.acquire(timeout=max(0.0, timeout_s)):
        raise TimeoutError("another writer on this machine holds the flag")
    try:
        handle = _opened(path)
        try:
            _lock(handle, ends)
            yield
        finally:
            os.close(handle)
    finally:
        thread_lock.release()


def _opened(path: Path) -> int:
    # Not simply O_CREAT: Linux refuses that to root, too, for another user's file in a sticky
    # folder. Reading is enough to lock, so daemon and operator may be different users.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        try:
            return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return os.open(path, flags)


def _lock(handle: int, ends: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= ends:
                raise TimeoutError("another process on this machine holds the flag") from None
            time.sleep(_POLL_S)
        else:
            return
