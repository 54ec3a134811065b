"""One writer of a flag at a time on this machine."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import time
from pathlib import Path

import pytest

from flags.model import (
    FlagChanged,
    Gates,
    StoreUnavailable,
)
from flags.stores.base import DISABLED, ENABLED
from flags.stores.flipper_api import FlipperApiFlagStore
from tests.flags.api import FlipperApi
from tests.flags.api.canned import FLAG, TIMEOUT_S, rows


def test_another_process_that_writes_makes_a_writer_wait_and_then_give_up(
    store: FlipperApiFlagStore, server: FlipperApi, tmp_path: Path
) -> None:
    store.set(FLAG, True)
    (lock,) = tmp_path.glob("tripflag-*.lock")
    with lock.open() as held:
        # flock belongs to the open file: to this process's other handle it is a stranger's.
        fcntl.flock(held, fcntl.LOCK_EX)
        begin = time.monotonic()
        with pytest.raises(StoreUnavailable, match="another process on this machine"):
            store.set(FLAG, False)
        assert TIMEOUT_S <= time.monotonic() - begin < 2 * TIMEOUT_S + 0.5
        assert store.gates(FLAG) == ENABLED, "reading needs no lock"
    store.set(FLAG, False)
    assert rows(server) == DISABLED


def _write(base_url: str, folder: str, actor: str, results: multiprocessing.Queue[str]) -> None:
    os.environ["TMPDIR"] = folder
    store = FlipperApiFlagStore(base_url, 10)
    try:
        store.replace_gates(FLAG, Gates.of(("actors", actor)), expected=ENABLED)
    except FlagChanged:
        results.put("changed")
    else:
        results.put(actor)
    finally:
        store.close()


def test_of_four_processes_that_saw_the_same_exactly_one_wins(
    store: FlipperApiFlagStore, server: FlipperApi, tmp_path: Path
) -> None:
    store.set(FLAG, True)
    spawn = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[str] = spawn.Queue()
    writers = [
        spawn.Process(target=_write, args=(server.base_url, str(tmp_path), f"User;{n}", results))
        for n in range(4)
    ]
    for writer in writers:
        writer.start()
    ended = [results.get(timeout=60) for _ in writers]
    for writer in writers:
        writer.join(60)
    results.close()
    results.join_thread()
    (winner,) = [result for result in ended if result != "changed"]
    assert rows(server) == Gates.of(("actors", winner))
