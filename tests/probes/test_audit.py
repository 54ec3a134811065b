"""Accessibility violations: found by axe in a world that the page cannot reach."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from probes.browser import audit, session
from probes.model import Outcome, Run
from probes.runner import Runner
from tests.probes.conftest import Answer, Site, Stage, job

pytestmark = pytest.mark.browser

LOOK = {"accessibility": True}
WHOLE = "<!doctype html><html lang=en><title>Site</title><main><h1>Site</h1>{}</main></html>"


def looked_at(runner: Runner, site: Site, body: str, headers: Any = None, **params: Any) -> Run:
    site.answers["/"] = Answer(WHOLE.format(body), headers=headers or {})
    return runner.execute(job("opens", site.target, params, timeout_s=5, probe=LOOK))


def rules(run: Run) -> list[tuple[str, str, str]]:
    assert run.violations is not None
    return [(each.rule, each.impact, each.target) for each in run.violations]


def test_what_keeps_people_out_is_named_by_rule_impact_and_element(
    runner: Runner, site: Site
) -> None:
    run = looked_at(runner, site, "<img src='data:,' id=pic><button></button>")

    assert run.outcome is Outcome.PASSED
    assert rules(run) == [
        ("button-name", "critical", "button"),
        ("image-alt", "critical", "#pic"),
    ]
    assert run.violations is not None
    assert run.violations[0].help == "Buttons must have discernible text"
    assert Run.from_json(run.to_json()) == run


def test_a_page_that_everybody_can_use_has_no_violations_and_that_is_not_none(
    runner: Runner, site: Site
) -> None:
    assert looked_at(runner, site, "<button>Go</button>").violations == ()


def test_nobody_looks_where_the_probe_does_not_ask_for_it(runner: Runner, site: Site) -> None:
    site.answers["/"] = Answer("<!doctype html><img src='data:,'>")

    assert runner.execute(job("opens", site.target)).violations is None


def test_a_shadow_root_hides_nothing(runner: Runner, site: Site) -> None:
    body = (
        "<div id=host></div><script>document.querySelector('#host')"
        ".attachShadow({mode: 'open'}).innerHTML = '<button></button>'</script>"
    )

    assert rules(looked_at(runner, site, body)) == [("button-name", "critical", "#host >>> button")]


def test_a_policy_that_allows_no_script_does_not_stop_it(runner: Runner, site: Site) -> None:
    policy = {"Content-Security-Policy": "default-src 'none'; require-trusted-types-for 'script'"}

    assert [rule for rule, _, _ in rules(looked_at(runner, site, "<button></button>", policy))] == [
        "button-name"
    ]


def test_a_page_that_plays_axe_and_breaks_the_language_fakes_nothing(
    runner: Runner, site: Site
) -> None:
    body = (
        "<button></button><script>window.axe = {run: async () => ({violations: []})};"
        "Object.freeze(window.axe); JSON.stringify = () => '[]'; Array.prototype.flatMap = null;"
        "Promise.prototype.then = () => 1; Document.prototype.querySelectorAll = () => [];"
        "Element.prototype.matches = () => false;</script>"
    )

    assert [rule for rule, _, _ in rules(looked_at(runner, site, body))] == ["button-name"]


def test_violations_are_bounded_in_number_and_length_and_the_worst_are_kept(
    runner: Runner, site: Site
) -> None:
    script = (
        "<script>const main = document.querySelector('main'); for (let n = 0; n < 300; n++) {"
        " const link = document.createElement('h2'); main.append(link); }"
        "for (let n = 0; n < 3; n++) { const button = document.createElement('button');"
        " button.id = 'b' + n + '\\u001b[31m\\u202e' + 'x'.repeat(5000); main.append(button) }"
        "</script>"
    )

    run = looked_at(runner, site, script)

    assert run.violations is not None
    assert len(run.violations) == 50
    assert [each.impact for each in run.violations[:4]] == ["critical"] * 3 + ["minor"]
    assert max(len(each.target) for each in run.violations) <= 300
    assert all(each.target.isprintable() for each in run.violations)


@pytest.mark.usefixtures("next_run_works")
def test_a_page_that_never_comes_free_again_costs_its_time_and_no_more(
    runner: Runner, site: Site
) -> None:
    site.answers["/"] = Answer(WHOLE.format("<button></button>"))
    started = time.monotonic()

    run = runner.execute(job("leaves_a_loop", site.target, timeout_s=5, probe=LOOK))

    assert (run.outcome, run.violations) == (Outcome.PASSED, None)
    assert time.monotonic() - started < 7
    assert run.duration_s < 2


@pytest.mark.usefixtures("next_run_works")
def test_a_page_too_large_to_look_through_in_time_is_left_unjudged(
    runner: Runner, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "AUDIT_S", 0.05)
    big = (
        "<script>document.querySelector('main').innerHTML ="
        " '<p><a href=#x><b>x</b></a></p>'.repeat(3000)</script>"
    )

    run = looked_at(runner, site, big)

    assert (run.outcome, run.violations) == (Outcome.PASSED, None), run.reason


@pytest.mark.parametrize("see", ["Another", ""])
def test_a_run_that_did_not_pass_is_not_looked_at(runner: Runner, site: Site, see: str) -> None:
    if see:
        run = looked_at(runner, site, "<button></button>", see=see)
    else:
        run = runner.execute(job("misses_a_key", site.target, probe=LOOK))

    assert run.outcome is not Outcome.PASSED
    assert run.violations is None


def test_without_axe_a_run_says_that_nobody_looked(
    runner: Runner, site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(audit, "_AXE", tmp_path / "axe.min.js")
    audit._script.cache_clear()

    run = looked_at(runner, site, "<button></button>")

    audit._script.cache_clear()
    assert (run.outcome, run.violations) == (Outcome.PASSED, None)


def test_axe_asks_the_target_for_nothing(runner: Runner, site: Site) -> None:
    site.answers["/style.css"] = Answer("h1 { color: black }", kind="text/css")

    run = looked_at(runner, site, "<link rel=stylesheet href='/style.css'><iframe src='/in'>")

    assert run.violations is not None
    assert site.hits.count("/style.css") == 1
    assert site.hits.count("/in") == 1


def test_the_healthy_widget_has_no_violation_that_counts(runner: Runner, stage: Stage) -> None:
    params = {"expect": "representative", "name": "Pat Q. Example", "settle_s": 3}
    probe = {**LOOK, "cookies": {"stage_user": "representative"}}

    run = runner.execute(job("representative_status", stage.target, params, probe=probe))

    assert (run.outcome, run.reason) == (Outcome.PASSED, "")
    assert run.violations is not None
    assert [each for each in run.violations if each.impact in ("critical", "serious")] == []
