"""Which worker is kept free for what a guard will ask for, and when."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from probes.model import Outcome, Purpose
from probes.runner import Job
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


def waits(site: Site, here: Path) -> Job:
    """Give a job that is due, makes a file, and ends when that is gone or after 20 s."""
    return job("waits_for_a_file", site.target, {"here": str(here)}, timeout_s=20)


def test_what_is_only_due_leaves_one_worker_free_while_a_guard_will_ask(
    two: Watched, site: Site, tmp_path: Path
) -> None:
    first, second = waits(site, tmp_path / "first"), waits(site, tmp_path / "second")
    two.pool.spare(True)
    two.pool.submit(first)
    two.pool.submit(second)
    wait_until((tmp_path / "first").exists)
    assert (two.pool.busy, two.pool.waiting) == (1, 1)

    asked = job("opens", site.target, purpose=Purpose.CONFIRM)
    assert two.run(asked).id == asked.id
    assert (two.pool.busy, two.pool.waiting) == (1, 1)

    two.pool.spare(False)
    wait_until((tmp_path / "second").exists)
    assert (two.pool.busy, two.pool.waiting) == (2, 0)
    for name in ("first", "second"):
        (tmp_path / name).unlink()
    assert {two.next().id, two.next().id} == {first.id, second.id}


def test_all_workers_serve_what_a_guard_asks_for(two: Watched, site: Site, tmp_path: Path) -> None:
    asked = [
        job(
            "waits_for_a_file",
            site.target,
            {"here": str(tmp_path / name)},
            purpose=Purpose.CONFIRM,
            timeout_s=20,
        )
        for name in "ab"
    ]
    two.pool.spare(True)
    for each in asked:
        two.pool.submit(each)

    for name in "ab":
        wait_until((tmp_path / name).exists)
    for name in "ab":
        (tmp_path / name).unlink()
    assert {two.next().id for _ in asked} == {each.id for each in asked}


def test_what_is_due_is_walked_beside_what_a_guard_asked_for(
    two: Watched, site: Site, tmp_path: Path
) -> None:
    here = {"here": str(tmp_path / "asked")}
    asked = job("waits_for_a_file", site.target, here, purpose=Purpose.CONFIRM, timeout_s=20)
    due = job("opens", site.target)
    two.pool.spare(True)
    two.pool.submit(asked)
    wait_until((tmp_path / "asked").exists)

    assert two.run(due).id == due.id

    (tmp_path / "asked").unlink()
    assert two.next().id == asked.id


def test_from_a_failed_run_to_its_judging_one_worker_is_kept_free(
    two: Watched, site: Site, tmp_path: Path
) -> None:
    failed = two.run(job("breaks_a_promise", site.target))
    assert failed.outcome is Outcome.FAILED
    first, second = waits(site, tmp_path / "first"), waits(site, tmp_path / "second")
    two.pool.submit(first)
    two.pool.submit(second)
    wait_until((tmp_path / "first").exists)
    assert (two.pool.busy, two.pool.waiting) == (1, 1)

    two.pool.judged(failed.id)

    wait_until((tmp_path / "second").exists)
    for name in ("first", "second"):
        (tmp_path / name).unlink()
    assert {two.next().id, two.next().id} == {first.id, second.id}


def test_a_run_that_passed_keeps_no_worker_free(two: Watched, site: Site, tmp_path: Path) -> None:
    assert two.run(job("opens", site.target)).outcome is Outcome.PASSED
    both = [waits(site, tmp_path / name) for name in "ab"]
    for each in both:
        two.pool.submit(each)

    for name in "ab":
        wait_until((tmp_path / name).exists)
    for name in "ab":
        (tmp_path / name).unlink()
    assert {two.next().id for _ in both} == {each.id for each in both}


def test_the_only_worker_is_kept_from_nobody(running: dict[int, Watched], site: Site) -> None:
    site.answers["/"] = Answer("<!doctype html><h1>Site</h1>")
    one = running[1]
    one.pool.spare(True)

    assert one.run(job("opens", site.target)).outcome is Outcome.PASSED
