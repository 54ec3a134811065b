"""Which worker is kept free for what a guard will ask for, and when."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from probes.model import Outcome, Purpose
from tests.probes.conftest import Answer, Site, job, wait_until
from tests.probes.pools import Watched

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def running() -> Iterator[dict[int, Watched]]:
    pools = {workers: Watched(uuid.uuid4().hex, workers=workers) for workers in (1, 2)}
    yield pools
    for watched in pools.values():
        watched.pool.stop(5)
        assert watched.left() == []


@pytest.fixture
def two(running: dict[int, Watched], site: Site) -> Iterator[Watched]:
    site.answers["/"] = Answer("<!doctype html><h1>Site</h1>")
    yield running[2]
    running[2].pool.spare(False)
    assert running[2].runs.empty()
    assert (running[2].pool.busy, running[2].pool.waiting) == (0, 0)


class Waiting:
    """A job that begins by making a file, and ends once that is gone."""

    def __init__(self, site: Site, here: Path, purpose: Purpose = Purpose.SCHEDULED) -> None:
        params = {"here": str(here)}
        self.job = job("waits_for_a_file", site.target, params, purpose=purpose, timeout_s=20)
        self.has_begun = here.exists
        self.end = here.unlink


Two = Callable[..., tuple[Waiting, Waiting]]


@pytest.fixture
def waiting(site: Site, tmp_path: Path) -> Two:
    return lambda *purpose: (
        Waiting(site, tmp_path / "first", *purpose),
        Waiting(site, tmp_path / "second", *purpose),
    )


def ends(watched: Watched, *waiting: Waiting) -> None:
    """Let them begin and end, and see that each gave its run."""
    for each in waiting:
        wait_until(each.has_begun)
    for each in waiting:
        each.end()
    assert {watched.next().id for _ in waiting} == {each.job.id for each in waiting}


def test_what_is_only_due_leaves_one_worker_free_while_a_guard_will_ask(
    two: Watched, site: Site, waiting: Two
) -> None:
    first, second = waiting()
    two.pool.spare(True)
    two.pool.submit(first.job)
    two.pool.submit(second.job)
    wait_until(first.has_begun)
    assert (two.pool.busy, two.pool.waiting) == (1, 1)

    asked = job("opens", site.target, purpose=Purpose.CONFIRM)
    assert two.run(asked).id == asked.id
    assert (two.pool.busy, two.pool.waiting) == (1, 1)

    two.pool.spare(False)
    wait_until(second.has_begun)
    assert (two.pool.busy, two.pool.waiting) == (2, 0)
    ends(two, first, second)


def test_all_workers_serve_what_a_guard_asks_for(two: Watched, waiting: Two) -> None:
    two.pool.spare(True)
    asked = waiting(Purpose.CONFIRM)
    for each in asked:
        two.pool.submit(each.job)

    ends(two, *asked)


def test_what_is_due_is_walked_beside_what_a_guard_asked_for(
    two: Watched, site: Site, waiting: Two
) -> None:
    asked, _ = waiting(Purpose.CONFIRM)
    due = job("opens", site.target)
    two.pool.spare(True)
    two.pool.submit(asked.job)
    wait_until(asked.has_begun)

    assert two.run(due).id == due.id

    ends(two, asked)


def test_from_a_failed_run_to_its_judging_one_worker_is_kept_free(
    two: Watched, site: Site, waiting: Two
) -> None:
    failed = two.run(job("breaks_a_promise", site.target))
    assert failed.outcome is Outcome.FAILED
    first, second = waiting()
    two.pool.submit(first.job)
    two.pool.submit(second.job)
    wait_until(first.has_begun)
    assert (two.pool.busy, two.pool.waiting) == (1, 1)

    two.pool.judged(failed.id)

    ends(two, first, second)


def test_a_run_that_passed_keeps_no_worker_free(two: Watched, site: Site, waiting: Two) -> None:
    assert two.run(job("opens", site.target)).outcome is Outcome.PASSED
    both = waiting()
    for each in both:
        two.pool.submit(each.job)

    ends(two, *both)


def test_the_only_worker_is_kept_from_nobody(running: dict[int, Watched], site: Site) -> None:
    site.answers["/"] = Answer("<!doctype html><h1>Site</h1>")
    one = running[1]
    one.pool.spare(True)

    assert one.run(job("opens", site.target)).outcome is Outcome.PASSED
