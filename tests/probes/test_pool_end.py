"""Recycled, stopped and orphaned workers: what a pool leaves behind is nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

import psutil
import pytest

from config.schema import RequestProbe
from probes.model import Outcome, Purpose
from probes.runner import Job
from tests.probes.conftest import Answer, Site, job, marked, wait_until
from tests.probes.pools import Watched, lives
from tests.probes.walks.faults import chromium

pytestmark = pytest.mark.browser


def test_a_recycled_worker_takes_its_browser_along_even_a_frozen_one(site: Site) -> None:
    watched = Watched(uuid.uuid4().hex, recycle_after_runs=2)
    site.answers["/"] = Answer("<!doctype html><h1>Site</h1>")
    try:
        assert watched.run(job("opens", site.target)).outcome is Outcome.PASSED
        worker = watched.worker()
        below = worker.children(recursive=True)
        for process in chromium(worker):
            process.suspend()
        # A request needs no browser, so this run passes; then the worker leaves.
        spec = RequestProbe(name="page", target="site", kind="request", timeout_s=3)
        plain = Job(spec, site.target, "local", Purpose.SCHEDULED)
        assert watched.run(plain).outcome is Outcome.PASSED

        wait_until(lambda: not any(map(lives, [worker, *below])))
        assert watched.run(job("opens", site.target)).outcome is Outcome.PASSED
    finally:
        watched.pool.stop(5)
    assert watched.left() == []


def test_stopping_lets_a_run_finish_and_drops_those_that_waited(site: Site, tmp_path: Path) -> None:
    watched = Watched(uuid.uuid4().hex)
    here = tmp_path / "here"
    running = job("waits", site.target, {"here": str(here), "wait_s": 0.5}, timeout_s=5)
    waiting = job("opens", site.target)
    watched.pool.submit(running)
    watched.pool.submit(waiting)
    wait_until(here.exists)

    watched.pool.stop(10)

    run = watched.next(0)
    assert (run.id, run.outcome) == (running.id, Outcome.PASSED)
    assert watched.runs.empty()
    assert watched.left() == []

    watched.pool.submit(job("opens", site.target))

    assert watched.runs.empty()
    assert watched.left() == [], "a late job starts no worker"


def test_stopping_kills_what_does_not_finish_in_time_and_still_gives_its_run(
    site: Site, tmp_path: Path
) -> None:
    watched = Watched(uuid.uuid4().hex)
    here = tmp_path / "here"
    params = {"here": str(here), "wait_s": 60}
    watched.pool.submit(job("waits", site.target, params, timeout_s=60))
    wait_until(here.exists)

    watched.pool.stop(0.2)

    run = watched.next(0)
    assert run.outcome is Outcome.ERROR
    assert "the daemon stopped" in run.reason
    assert watched.runs.empty()
    assert watched.left() == []


@pytest.mark.parametrize("journey", ["waits", "hangs_in_the_page", "freezes_the_browser"])
def test_nothing_is_left_of_a_daemon_that_was_killed(
    site: Site, tmp_path: Path, journey: str
) -> None:
    owner = uuid.uuid4().hex
    here = tmp_path / "here"
    command = [sys.executable, "-m", "tests.probes.parent", site.url, owner, str(here), journey]
    parent = subprocess.Popen(command, env={**os.environ, "TMPDIR": str(tmp_path)})
    wait_until(lambda: here.exists() and Path(f"{here}-2").exists(), 20)
    if journey == "freezes_the_browser":
        wait_until(lambda: sum(map(stopped, marked(owner))) > 8)
    assert len(marked(owner)) > 10

    parent.kill()
    parent.wait(5)

    wait_until(lambda: not marked(owner))
    wait_until(lambda: not list(tmp_path.glob("playwright_*")))


def stopped(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return False
