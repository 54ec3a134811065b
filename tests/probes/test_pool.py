"""Real workers with real browsers: whatever dies in them, each job gives exactly one run."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from probes import pool as pools
from probes.model import Outcome, Purpose
from tests.probes.conftest import Answer, Site, job, wait_until
from tests.probes.pools import Watched, lives
from tests.probes.walks.faults import driver

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def running_pool() -> Iterator[Watched]:
    watched = Watched(uuid.uuid4().hex)
    yield watched
    watched.pool.stop(5)
    assert watched.left() == []


@pytest.fixture
def pool(running_pool: Watched, site: Site) -> Iterator[Watched]:
    """One pool for all; afterwards it must owe nothing and still do its work."""
    site.answers["/"] = Answer("<!doctype html><h1>Site</h1><button>Go</button>")
    yield running_pool
    good = running_pool.run(job("opens", site.target, {"see": "Site"}))
    assert (good.outcome, good.reason) == (Outcome.PASSED, "")
    assert running_pool.runs.empty(), "a job gave two runs"
    assert (running_pool.pool.busy, running_pool.pool.waiting) == (0, 0)


@pytest.mark.parametrize("journey", ["hangs_in_the_page", "freezes_the_browser"])
def test_a_run_that_hangs_for_good_is_killed_with_its_browser(
    pool: Watched, site: Site, journey: str
) -> None:
    worker = pool.worker()
    below = [worker, *worker.children(recursive=True)]
    hung = job(journey, site.target, timeout_s=0.8)

    run = pool.run(hung)

    assert (run.id, run.outcome) == (hung.id, Outcome.ERROR)
    assert run.reason.startswith("killed: not done 0.5 s after its time-out of 0.8 s")
    assert run.duration_s < 4
    wait_until(lambda: not any(map(lives, below)))


@pytest.mark.parametrize(
    ("journey", "params", "says"),
    [
        ("exits", {"code": 0}, "SystemExit"),
        ("exits", {"code": 3}, "SystemExit"),
        ("raises_strangely", {}, "Strange"),
        ("vanishes", {"code": 7}, "worker process died (exit code 7)"),
        ("vanishes", {"code": 0}, "killed: not done"),
        ("kills_the_driver", {}, "browser died"),
        ("kills_the_browser", {}, "browser died"),
    ],
)
def test_a_journey_that_takes_its_worker_or_browser_along_gives_one_run(
    pool: Watched, site: Site, journey: str, params: dict[str, Any], says: str
) -> None:
    bad = job(journey, site.target, params, timeout_s=1)

    run = pool.run(bad)

    assert (run.id, run.outcome) == (bad.id, Outcome.ERROR)
    assert says in run.reason


def test_garbage_on_the_standard_streams_disturbs_nothing(pool: Watched, site: Site) -> None:
    assert pool.run(job("prints_garbage", site.target)).outcome is Outcome.PASSED


def test_a_worker_that_is_killed_under_its_run_gives_one_run(
    pool: Watched, site: Site, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    pool.pool.submit(job("waits", site.target, {"here": str(here), "wait_s": 20}, timeout_s=20))
    worker = psutil.Process(int(wait_until(lambda: here.exists() and here.read_text())))
    below = worker.children(recursive=True)

    worker.kill()
    run = pool.next()

    assert run.outcome is Outcome.ERROR
    assert "worker process died" in run.reason
    wait_until(lambda: not any(map(lives, below)))


def test_a_worker_that_is_killed_while_idle_is_replaced_without_a_further_job(
    pool: Watched,
) -> None:
    worker = pool.worker()
    below = worker.children(recursive=True)

    worker.kill()

    wait_until(lambda: pool.workers() and pool.workers() != [worker])
    wait_until(lambda: not any(map(lives, below)))


def test_a_worker_that_is_stopped_while_idle_loses_no_job(
    pool: Watched, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pebble never times out a job that no worker has acknowledged.
    monkeypatch.setattr(pools, "OVERDUE_S", 0.5)
    worker = pool.worker()
    worker.suspend()

    run = pool.run(job("opens", site.target, timeout_s=0.5))

    assert run.outcome is Outcome.ERROR
    wait_until(lambda: not lives(worker))


def test_a_job_that_cannot_be_pickled_gives_one_run(pool: Watched, site: Site) -> None:
    bad = replace(job("opens", site.target), artifacts=lambda: None)

    assert pool.run(bad).outcome is Outcome.ERROR


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_job_whose_pickling_fails_strangely_gives_one_run(pool: Watched, site: Site) -> None:
    class Odd:
        def __reduce__(self) -> Any:
            raise OverflowError("not one of the errors that pebble expects")

    bad = replace(job("opens", site.target), artifacts=Odd())

    assert pool.run(bad).outcome is Outcome.ERROR


def test_what_a_guard_waits_for_goes_first(pool: Watched, site: Site, tmp_path: Path) -> None:
    first = job("waits", site.target, {"wait_s": 0.3})
    due = job("opens", site.target)
    urgent = job("opens", site.target, purpose=Purpose.CONTROL)
    for each in (first, due, urgent):
        pool.pool.submit(each)

    assert [pool.next().id for _ in range(3)] == [first.id, urgent.id, due.id]


def test_a_worker_has_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it(pool: Watched) -> None:
    worker = pool.worker()

    assert os.getsid(worker.pid) == worker.pid
    assert driver(worker).is_running()
