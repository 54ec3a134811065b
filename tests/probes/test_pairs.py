"""A run and its control, one after the other in one worker; and browsers that are fresh."""

from __future__ import annotations

import json
import shlex
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from config.schema import BrowserSpec, RequestProbe
from probes.chromium import find
from probes.model import FailureClass, Outcome, Purpose, Run
from probes.runner import Job, Runner
from tests.probes.conftest import PAGE, Answer, Site, job, wait_until
from tests.probes.pools import Watched
from tests.probes.walks.faults import driver

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def running_pool() -> Iterator[Watched]:
    watched = Watched(uuid.uuid4().hex, workers=2)
    yield watched
    watched.pool.stop(5)
    assert watched.left() == []


@pytest.fixture
def pool(running_pool: Watched, site: Site) -> Iterator[Watched]:
    """Two workers; afterwards they must owe nothing."""
    site.answers["/"] = PAGE
    yield running_pool
    assert running_pool.runs.empty(), "a pair gave a third run"
    assert (running_pool.pool.busy, running_pool.pool.waiting) == (0, 0)


class Book:
    """What the journeys wrote down."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def values(self, key: str) -> list[Any]:
        return [line[key] for line in self.lines()]

    def signs(self, site: Site, who: str, *, wait_s: float = 0, **more: Any) -> Job:
        params = {"who": who, "book": str(self.path), "wait_s": wait_s}
        return job("signs", site.target, params, **more)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path / "book")


def pair(own: Job, control: Job, **more: Any) -> Job:
    own = replace(own, purpose=Purpose.CONFIRM, **more)
    return replace(own, with_control=replace(control, purpose=Purpose.CONTROL))


def ids(wanted: Job) -> list[str]:
    assert wanted.with_control is not None
    both = [wanted.id, wanted.with_control.id]
    return both[::-1] if wanted.control_first else both


def both_runs(pool: Watched, wanted: Job) -> tuple[Run, Run]:
    return pool.run(wanted), pool.next()


@pytest.mark.parametrize("control_first", [False, True])
def test_a_pair_is_walked_by_one_worker_in_the_order_asked(
    pool: Watched, site: Site, book: Book, control_first: bool
) -> None:
    own, control = book.signs(site, "own", wait_s=0.2), book.signs(site, "control", wait_s=0.2)
    wanted = pair(own, control, control_first=control_first)

    first, second = both_runs(pool, wanted)

    order = ["control", "own"] if control_first else ["own", "control"]
    assert book.values("who") == order
    assert len(set(book.values("worker"))) == 1
    assert [first.id, second.id] == ids(wanted)
    assert len({first.id, second.id}) == 2
    assert first.pair == second.pair == wanted.id
    purposes = [Purpose.CONFIRM, Purpose.CONTROL]
    assert [first.purpose, second.purpose] == (purposes[::-1] if control_first else purposes)
    assert (first.outcome, second.outcome) == (Outcome.PASSED, Outcome.PASSED)
    assert (second.started_at - first.started_at).total_seconds() >= first.duration_s
    assert Run.from_json(first.to_json()) == first


def test_a_pair_takes_one_worker_and_leaves_the_other_to_other_jobs(
    pool: Watched, site: Site, book: Book
) -> None:
    wanted = pair(book.signs(site, "own", wait_s=0.6), book.signs(site, "control", wait_s=0.6))
    pool.pool.submit(wanted)
    wait_until(book.path.exists)
    assert pool.pool.busy == 1

    alone = book.signs(site, "alone")

    assert [pool.run(alone).id, pool.next().id, pool.next().id] == [alone.id, *ids(wanted)]
    assert len(set(book.values("worker"))) == 2


def test_a_run_without_a_control_is_no_pair(pool: Watched, site: Site, book: Book) -> None:
    assert pool.run(book.signs(site, "alone")).pair == ""


def test_each_part_has_its_own_time(pool: Watched, site: Site, book: Book) -> None:
    site.answers["/"] = Answer("<!doctype html><h1>No button</h1>")
    hasty = job("clicks", site.target, timeout_s=0.7)
    patient = book.signs(site, "control", wait_s=1.0, timeout_s=5)

    first, second = both_runs(pool, pair(hasty, patient))

    assert first.outcome is Outcome.FAILED
    assert first.duration_s < 0.8
    assert (second.outcome, second.reason) == (Outcome.PASSED, "")
    assert second.duration_s >= 1.0


@pytest.mark.parametrize("part", ["own", "control"])
def test_a_worker_that_is_killed_under_either_part_gives_both_runs(
    pool: Watched, site: Site, book: Book, part: str
) -> None:
    waits_s = {"own": 0.0, "control": 0.0, part: 20.0}
    own, control = (book.signs(site, who, wait_s=s, timeout_s=30) for who, s in waits_s.items())
    wanted = pair(own, control)
    pool.pool.submit(wanted)
    wait_until(lambda: book.path.exists() and book.values("who")[-1:] == [part])

    psutil.Process(book.values("worker")[-1]).kill()
    runs = [pool.next(), pool.next()]

    assert [run.id for run in runs] == ids(wanted)
    assert {run.pair for run in runs} == {wanted.id}
    for run in runs:
        assert (run.outcome, run.failure) == (Outcome.ERROR, FailureClass.WORKER)
        assert "worker process died" in run.reason


@pytest.mark.parametrize("hangs_first", [True, False])
def test_a_part_that_hangs_for_good_is_killed_by_the_deadline_of_both_and_gives_both_runs(
    pool: Watched, site: Site, hangs_first: bool
) -> None:
    hung = job("hangs_in_the_page", site.target, timeout_s=0.6)
    fine = job("opens", site.target, timeout_s=0.9)
    wanted = pair(hung, fine, control_first=not hangs_first)

    wait_until(lambda: len(pool.workers()) == 2, 30)  # one that still starts would be timed too

    runs = both_runs(pool, wanted)

    assert [run.id for run in runs] == ids(wanted)
    for run in runs:
        assert (run.outcome, run.failure) == (Outcome.ERROR, FailureClass.WORKER)
        assert run.reason.startswith("killed: not done 0.5 s after its time-out of 1.5 s")
        assert 2.0 <= run.duration_s < 5


def test_a_pair_that_cannot_be_pickled_gives_both_runs(pool: Watched, site: Site) -> None:
    control = replace(job("opens", site.target), artifacts=lambda: None)
    wanted = pair(job("opens", site.target), control)

    runs = both_runs(pool, wanted)

    assert [run.id for run in runs] == ids(wanted)
    assert {run.outcome for run in runs} == {Outcome.ERROR}


# --- fresh browsers -----------------------------------------------------------------------------


@pytest.fixture
def walker() -> Iterator[Runner]:
    runner = Runner()
    runner.warm(BrowserSpec())
    yield runner
    runner.close()


def test_a_fresh_run_is_walked_in_a_chromium_that_was_just_started(
    walker: Runner, site: Site, book: Book
) -> None:
    site.answers["/"] = PAGE
    for who in ("warm", "still warm", "fresh", "warm again"):
        run = walker.execute(replace(book.signs(site, who), fresh=who == "fresh"))
        assert (run.outcome, run.reason) == (Outcome.PASSED, "")

    warm, still, fresh, again = book.values("chromium")
    assert warm == still != fresh == again
    assert not psutil.pid_exists(warm), "the browser before it is gone"


@pytest.mark.parametrize("control_first", [False, True])
def test_a_fresh_pair_shares_one_fresh_browser(
    pool: Watched, site: Site, book: Book, control_first: bool
) -> None:
    before = {browser.pid for browser in psutil.Process().children(recursive=True)}
    own, control = book.signs(site, "own"), book.signs(site, "control")

    runs = both_runs(pool, pair(own, control, control_first=control_first, fresh=True))

    assert {run.outcome for run in runs} == {Outcome.PASSED}
    (fresh,) = set(book.values("chromium"))
    assert fresh not in before


def test_a_fresh_pair_whose_first_part_needs_no_browser_starts_it_for_the_second(
    site: Site, book: Book
) -> None:
    spec = RequestProbe(name="page", target="site", kind="request")
    control = Job(spec, site.target, "local", Purpose.CONTROL)
    wanted = pair(book.signs(site, "own"), control, control_first=True, fresh=True)

    assert [part.fresh for part in wanted.parts] == [False, True]


def test_a_fresh_browser_that_does_not_start_is_an_error_and_the_next_run_works(
    walker: Runner, site: Site, tmp_path: Path
) -> None:
    site.answers["/"] = PAGE
    real = f'#!/bin/sh\nexec {shlex.quote(str(find(BrowserSpec())))} "$@"\n'
    command = tmp_path / "chromium"
    command.write_text(real)
    command.chmod(0o755)
    wanted = job("opens", site.target, {"see": "Site"}, browser=BrowserSpec(executable=command))
    assert walker.execute(wanted).outcome is Outcome.PASSED
    command.write_text("#!/bin/sh\nexit 1\n")
    assert walker.execute(wanted).outcome is Outcome.PASSED, "the warm one still runs"

    run = walker.execute(replace(wanted, fresh=True))

    assert run.outcome is Outcome.ERROR
    assert "did not start" in run.reason
    command.write_text(real)
    assert walker.execute(wanted).outcome is Outcome.PASSED


def test_what_a_browser_took_to_start_is_not_taken_from_the_journey(
    walker: Runner, site: Site, tmp_path: Path
) -> None:
    site.answers["/"] = PAGE
    command = tmp_path / "chromium"
    command.write_text(f'#!/bin/sh\nsleep 1.2\nexec {shlex.quote(str(find(BrowserSpec())))} "$@"\n')
    command.chmod(0o755)
    browser = BrowserSpec(executable=command)
    wanted = job("opens", site.target, {"see": "Site"}, browser=browser, timeout_s=1.2)

    run = walker.execute(replace(wanted, fresh=True))

    assert (run.outcome, run.reason) == (Outcome.PASSED, "")


def test_a_fresh_run_outlives_a_driver_that_died_before_it(
    walker: Runner, site: Site, book: Book
) -> None:
    site.answers["/"] = PAGE
    dead = driver(psutil.Process())
    dead.kill()
    dead.wait(5)

    run = walker.execute(replace(book.signs(site, "fresh"), fresh=True))

    assert (run.outcome, run.reason) == (Outcome.PASSED, "")
