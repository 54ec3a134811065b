"""Every way in which a run can end badly, produced for real, and whose fault it was."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from config.schema import BrowserSpec
from probes.browser import warm
from probes.model import Outcome
from probes.runner import Runner
from tests.probes.conftest import Answer, Site, job

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("next_run_works")]


@pytest.mark.parametrize(
    ("journey", "says"),
    [
        ("crashes_the_renderer", "renderer crashed"),
        ("kills_renderers", "renderer crashed"),
        ("kills_the_browser", "browser died"),
        ("kills_the_driver", "browser died"),
        ("asks_by_bad_selector", "journey's own code"),
        ("misses_a_key", "KeyError: 'absent' at faults.py:"),
        ("fails_below", "at faults.py:"),
        ("raises_strangely", "Strange: ab at faults.py:"),
        ("exits", "SystemExit"),
    ],
)
def test_what_broke_on_our_side_is_an_error(
    runner: Runner, site: Site, journey: str, says: str
) -> None:
    run = runner.execute(job(journey, site.target, timeout_s=3))

    assert run.outcome is Outcome.ERROR
    assert says in run.reason


@pytest.mark.parametrize("loses", ["renderer", "browser", "driver"])
def test_an_assertion_that_waits_while_the_browser_dies_breaks_no_promise(
    runner: Runner, site: Site, loses: str
) -> None:
    here = job("loses_the_browser_while_it_waits", site.target, {"loses": loses}, timeout_s=3)

    run = runner.execute(here)

    assert run.outcome is Outcome.ERROR, run.reason


@pytest.mark.parametrize(
    ("journey", "says"),
    [
        ("breaks_a_promise", "the sum is right: expected 4, saw 5"),
        ("asserts_plainly", "the title is right"),
        ("clicks", "Timeout"),
    ],
)
def test_what_the_target_owes_and_does_not_give_is_a_failure(
    runner: Runner, site: Site, journey: str, says: str
) -> None:
    if journey == "clicks":
        site.answers["/"] = Answer("<!doctype html><h1>No button</h1>")

    run = runner.execute(job(journey, site.target, timeout_s=1))

    assert run.outcome is Outcome.FAILED
    assert says in run.reason


def test_an_unknown_journey_or_a_wrong_parameter_is_an_error(
    runner: Runner, site: Site, tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text("import absent_module\n")

    unknown = runner.execute(job("absent", site.target))
    wrong = runner.execute(job("representative_status", site.target, {"expect": "magic"}))

    assert (unknown.outcome, wrong.outcome) == (Outcome.ERROR, Outcome.ERROR)
    assert "no journey is named 'absent'" in unknown.reason
    assert "expect" in wrong.reason


def test_a_browser_that_is_not_there_is_an_error_with_its_remedy(
    runner: Runner, site: Site, tmp_path: Path
) -> None:
    absent = BrowserSpec(executable=tmp_path / "chromium")

    run = runner.execute(job("opens", site.target, browser=absent))

    assert run.outcome is Outcome.ERROR
    assert "tripflag browser install" in run.reason


def test_a_browser_that_does_not_start_is_an_error_with_its_remedy(
    runner: Runner, site: Site, tmp_path: Path
) -> None:
    fake = tmp_path / "chromium"
    fake.write_text("#!/bin/sh\necho no display >&2; exit 1\n")
    fake.chmod(0o755)

    run = runner.execute(job("opens", site.target, browser=BrowserSpec(executable=fake)))

    assert run.outcome is Outcome.ERROR
    assert "did not start" in run.reason
    assert "tripflag browser install" in run.reason


def test_front_end_files_that_were_not_fetched_are_an_error_with_the_remedy(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(warm, "_WEB_VITALS", tmp_path / "web-vitals.iife.js")
    fresh = Runner()
    fresh.warm(BrowserSpec())

    run = fresh.execute(job("opens", site.target))

    fresh.close()
    assert run.outcome is Outcome.ERROR
    assert "make install" in run.reason


@pytest.mark.parametrize("node", ["/bin/false", "/absent/node"])
def test_a_driver_that_does_not_start_is_an_error_and_is_tried_again(
    runner: Runner, site: Site, monkeypatch: pytest.MonkeyPatch, node: str
) -> None:
    runner.close()
    monkeypatch.setenv("PLAYWRIGHT_NODEJS_PATH", node)
    runner.warm(BrowserSpec())

    run = runner.execute(job("opens", site.target))

    monkeypatch.delenv("PLAYWRIGHT_NODEJS_PATH")
    # Playwright leaves a future whose error nobody reads. Were it collected, and so logged, while
    # CPython 3.11 compiles a module, that compilation would fail: the traceback is parsed too.
    gc.collect()
    assert run.outcome is Outcome.ERROR


def test_a_script_without_end_does_not_hold_a_run_past_its_time(runner: Runner, site: Site) -> None:
    site.answers["/"] = Answer(
        "<!doctype html><button>Go</button><script>"
        "document.querySelector('button').onclick = () => { while (true) {} }</script>"
    )

    run = runner.execute(job("clicks", site.target, timeout_s=1.1))

    assert run.outcome is Outcome.FAILED
    assert run.duration_s < 3
