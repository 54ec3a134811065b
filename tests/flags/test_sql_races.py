"""A kill against other writers at once: another daemon, and the real Ruby."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from flags.model import FlagChanged, Gates
from flags.stores.base import DISABLED
from flags.stores.sql import SqlFlagStore
from tests.flags.conftest import FLAG
from tests.flags.ruby import Ruby, database_url, ruby_process

RACES = 520
START = Gates.of(("actors", "User;1"), ("boolean", "true"), ("groups", "beta"))
ROLLOUT = Gates.of(("actors", "User;2"), ("percentage_of_actors", "12.5"))


def without_actor(gates: Gates, actor: str) -> Gates:
    return Gates.of(*(row for row in gates.rows if row != ("actors", actor)))


@contextmanager
def watching(store: SqlFlagStore, seen: set[Gates]) -> Iterator[None]:
    """Read the flag all the time, as every other process does."""
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.add(store.gates(FLAG))

    with ThreadPoolExecutor(1) as pool:
        watcher = pool.submit(watch)
        try:
            yield
        finally:
            done.set()
        watcher.result(30)


def rolls_out(rival: SqlFlagStore) -> str:
    try:
        rival.replace_gates(FLAG, ROLLOUT, expected=START)
    except FlagChanged:
        return "refused"
    return "written"


def edits(ruby: Ruby) -> None:
    # Takes exposure away or nothing at all, so it never excuses a flag that is on afterwards.
    ruby("hammer", [[FLAG, "add"], [FLAG, "disable_actor", "User;1"]])


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_disable_is_never_lost_and_never_half_seen(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path
) -> None:
    url = database_url(request, kind, tmp_path)
    seen: set[Gates] = set()
    answers: Counter[str] = Counter()
    lost: list[Gates] = []
    with ExitStack() as stack:
        ruby = stack.enter_context(ruby_process())
        ruby.connect(url)
        ruby("tables", False)
        ruby("apply", [[FLAG, "add"]])
        killer, rival, reader = (
            stack.enter_context(closing(SqlFlagStore(url, 30))) for _ in range(3)
        )
        stack.enter_context(watching(reader, seen))
        pool = stack.enter_context(ThreadPoolExecutor(3))
        for number in range(RACES):
            killer.replace_gates(FLAG, START)
            jobs = [lambda: rolls_out(rival), lambda: killer.set(FLAG, False), lambda: edits(ruby)]
            turned = jobs[number % 3 :] + jobs[: number % 3]
            for race in [pool.submit(job) for job in turned]:
                answers[str(race.result(60))] += 1
            if (gates := killer.gates(FLAG)) != DISABLED:
                lost.append(gates)
    assert lost == []
    assert answers["written"] >= 20, "the rival came first often enough"
    assert answers["refused"] >= 20, "and late often enough"
    assert seen <= {START, without_actor(START, "User;1"), ROLLOUT, DISABLED}
    assert {START, DISABLED} <= seen
