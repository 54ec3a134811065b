"""Evidence that leaves little doubt, told from what may only be slow or unlucky."""

from __future__ import annotations

from typing import Any

import pytest

from config.schema import TargetSpec
from probes.model import Outcome, Run
from probes.runner import Runner
from probes.stage.faults import Fault
from tests.probes.conftest import FLAG, Answer, Site, Stage, closed_port, job
from tests.probes.test_journeys import FLOW, WIDGET_PAGE, toggles

pytestmark = pytest.mark.browser

API = "/representation_management/v0/power_of_attorney"
MOUNT = "<div data-widget-type='representative-status'>{}</div>"
ALERT = "<h3>We can\u2019t check if you have an accredited representative.</h3>"
DRAW_ALERT = f"document.querySelector('div').innerHTML = `{ALERT}`"


def walk(runner: Runner, target: TargetSpec, settle_s: float = 0.5) -> Run:
    params = {"expect": "representative", "name": "Pat Q. Example", "settle_s": settle_s}
    probe = {"cookies": {"stage_user": "representative"}}
    return runner.execute(job("representative_status", target, params, probe=probe))


def assess(runner: Runner, target: TargetSpec) -> Run:
    kept = {"step": "review", "text": "Walked by a probe"}
    steps = [*FLOW[:11], kept, *FLOW[11:]]
    params = {"expect": "flow", "steps": steps, "settle_s": 0.7}
    return runner.execute(job("assessment_flow", target, params))


def page(site: Site, inside: str, script: str) -> None:
    """Serve a page with a widget of the test's own, and toggles that are on."""
    site.answers["/v0/feature_toggles"] = toggles({FLAG: True})
    site.answers[WIDGET_PAGE] = Answer(
        f"<!doctype html><h1>Get help</h1>{MOUNT.format(inside)}"
        f"<script>fetch('/v0/feature_toggles'); {script}</script>"
    )


@pytest.mark.parametrize(
    ("fault", "hard"),
    [
        (Fault.API_500, True),
        (Fault.API_WRONG_PERSON, True),
        (Fault.SCRIPT_404, True),
        (Fault.SCRIPT_THROWS, True),
        (Fault.DRAW_THROWS, True),
        (Fault.WIDGET_WRONG_CONTENT, True),
        (Fault.API_GARBAGE, False),
        (Fault.API_HANG, False),
        (Fault.API_SLOW, False),
        (Fault.SITE_500, False),
        (Fault.PAGE_BLANK, False),
    ],
)
def test_a_fault_of_the_widget_is_hard_where_it_cannot_be_bad_luck(
    runner: Runner, stage: Stage, fault: Fault, hard: bool
) -> None:
    stage.faults.switch(fault, True)

    run = walk(runner, stage.target)

    assert (run.outcome, run.hard) == (Outcome.FAILED, hard), run.reason


def test_an_empty_mount_is_a_missing_widget(runner: Runner, site: Site) -> None:
    page(site, "", "")

    run = walk(runner, site.target)

    assert (run.outcome, run.hard) == (Outcome.FAILED, True), run.reason


@pytest.mark.parametrize("ending", ["answer", "script", "foreign"])
def test_a_widget_that_still_waits_is_only_slow(runner: Runner, site: Site, ending: str) -> None:
    other = f"http://localhost:{site.server_port}/late"
    wait = {
        "answer": "fetch('/late')",
        "script": "document.body.append(Object.assign(document.createElement('script'),"
        " {src: '/half'}))",
        "foreign": f"fetch('{other}', {{mode: 'no-cors'}})",
    }
    site.answers |= {"/late": Answer(site.hang), "/half": Answer(site.hang_after_headers)}
    page(site, "<p role=progressbar>Loading</p>", wait[ending])

    run = walk(runner, site.target)

    # Another host's answer is no reason to wait: an advertiser's would excuse everything.
    assert (run.outcome, run.hard) == (Outcome.FAILED, ending == "foreign"), run.reason


@pytest.mark.parametrize(
    ("status", "hard"), [(500, True), (503, True), (599, True), (404, False), (429, False)]
)
def test_an_alert_is_hard_where_its_own_request_got_a_5xx(
    runner: Runner, site: Site, status: int, hard: bool
) -> None:
    site.answers[API] = Answer("{}", status=status)
    page(site, "", f"fetch('{API}').then(() => {{ {DRAW_ALERT} }})")

    run = walk(runner, site.target)

    assert (run.outcome, run.hard) == (Outcome.FAILED, hard), run.reason
    assert f"API {status}" in run.reason


def test_a_5xx_that_a_later_answer_made_good_does_not_stand_behind_an_alert(
    runner: Runner, site: Site
) -> None:
    def first_bad_then_good(handler: Any) -> None:
        good = site.hits.count(API) > 1
        handler.send_response(200 if good else 500)
        handler.send_header("Content-Length", "2")
        handler.end_headers()
        handler.wfile.write(b"{}")

    site.answers[API] = Answer(first_bad_then_good)
    again = f"fetch('{API}').then(() => fetch('{API}')).then(() => {{ {DRAW_ALERT} }})"
    page(site, "", again)

    run = walk(runner, site.target)

    assert (run.outcome, run.hard) == (Outcome.FAILED, False), run.reason


def test_an_alert_because_nobody_answered_is_soft(runner: Runner, site: Site) -> None:
    api = f"http://127.0.0.1:{closed_port()}"
    page(site, "", f"fetch('{api}{API}').catch(() => {{ {DRAW_ALERT} }})")
    target = TargetSpec(name="site", base_url=site.url, api_url=api)

    run = walk(runner, target)

    assert (run.outcome, run.hard) == (Outcome.FAILED, False), run.reason


@pytest.mark.parametrize(
    ("fault", "hard"),
    [
        (Fault.ASSESSMENT_API_500, True),
        (Fault.ASSESSMENT_STEP_STUCK, False),
        (Fault.ASSESSMENT_LOSES_DATA, False),
    ],
)
def test_an_alert_in_place_of_a_screen_is_hard_with_a_5xx_behind_it(
    runner: Runner, stage: Stage, fault: Fault, hard: bool
) -> None:
    stage.faults.switch(fault, True)

    run = assess(runner, stage.target)

    assert (run.outcome, run.hard) == (Outcome.FAILED, hard), run.reason


def test_what_passed_or_could_not_be_judged_is_never_hard(
    runner: Runner, stage: Stage, site: Site
) -> None:
    api = TargetSpec(name="site", base_url=site.url, api_url="http://api.invalid")
    page(site, "", f"fetch('http://api.invalid{API}').catch(() => 0)")

    unjudged = walk(runner, api)
    passed = walk(runner, stage.target, settle_s=3)

    assert (unjudged.outcome, unjudged.hard) == (Outcome.ERROR, False), "missing, but by our fault"
    assert (passed.outcome, passed.hard) == (Outcome.PASSED, False)
