"""The shipped journeys on a real stage in a real browser."""

from __future__ import annotations

import json
from typing import Any

import pytest

from probes.model import Outcome, Run
from probes.runner import Runner
from probes.stage.faults import Fault
from tests.probes.conftest import FALLBACK, FLAG, Answer, Site, Stage, job

pytestmark = pytest.mark.browser

WIDGET_PAGE = "/get-help-from-accredited-representative/"
NAMES = {"representative": "Pat Q. Example", "organization": "Example Veterans Society"}
SIGNED_IN = ("representative", "organization", "no_representative")
FLOW = [
    {"step": "landing", "see": "Health needs assessment"},
    {"step": "landing", "click": "Start the assessment"},
    {"step": "start", "see": "Before you start"},
    {"step": "start", "check": "I have read the privacy notice"},
    {"step": "start", "click": "Continue"},
    {"step": "questions", "see": "Your questions"},
    {"step": "questions", "fill": "How old are you?", "with": "42"},
    {"step": "questions", "choose": "How would you rate your health?", "with": "Fair"},
    {"step": "questions", "fill": "What should we know?", "with": "Walked by a probe"},
    {"step": "questions", "click": "Review answers"},
    {"step": "review", "see": "Check your answers"},
    {"step": "review", "click": "Go to submit"},
    {"step": "submit", "see": "Submit your assessment"},
    {"step": "submit", "click": "Submit"},
    {"step": "result", "see": "Your assessment is complete"},
]


def walk(runner: Runner, target: Any, expect: str, **more: Any) -> Run:
    settle_s = more.pop("settle_s", 3)
    params = {"expect": expect, "name": NAMES.get(expect, ""), "settle_s": settle_s}
    cookies = {"stage_user": more.pop("user", expect)}
    force = more.pop("force_flags", {})
    probe = {"cookies": cookies, "force_flags": force}
    return runner.execute(job("representative_status", target, params, probe=probe, **more))


def assess(runner: Runner, stage: Stage, expect: str, **probe: Any) -> Run:
    params = {"expect": expect, "steps": FLOW, "settle_s": 2}
    return runner.execute(job("assessment_flow", stage.target, params, probe=probe))


@pytest.mark.parametrize("user", ["signed_out", *SIGNED_IN])
def test_each_kind_of_user_meets_the_healthy_widget(
    runner: Runner, stage: Stage, user: str
) -> None:
    run = walk(runner, stage.target, user)

    assert (run.outcome, run.reason) == (Outcome.PASSED, "")
    names = [step.name for step in run.steps]
    assert names[:3] == ["open the page", "toggles arrive", "widget settles"]
    assert names[-1] == "nothing is left loading"
    assert all(step.outcome is Outcome.PASSED and step.message == "" for step in run.steps)
    assert all(0 <= step.duration_s <= run.duration_s for step in run.steps)
    assert run.exposure is not None
    assert (run.exposure.flag, run.exposure.value, run.exposure.rendered) == (FLAG, True, True)
    assert run.exposure.seen_at is not None
    assert run.started_at <= run.exposure.seen_at
    assert run.toggles is not None
    assert (run.toggles.status, run.toggles.error) == (200, "")
    assert run.toggles.values["representativeStatusEnabled"] is True
    assert run.browser.split(".")[0].isdigit()
    assert run.artifacts == ()
    assert Run.from_json(run.to_json()) == run


def test_a_load_gives_sane_vitals_under_a_strict_policy_and_none_that_need_input(
    runner: Runner, stage: Stage
) -> None:
    vitals = walk(runner, stage.target, "representative").vitals

    assert vitals is not None
    assert vitals.ttfb_s is not None
    assert vitals.fcp_s is not None
    assert vitals.lcp_s is not None
    assert 0 < vitals.ttfb_s <= vitals.fcp_s <= vitals.lcp_s < 10
    assert vitals.cls is not None
    assert 0 <= vitals.cls < 1
    assert (vitals.inp_s, vitals.fid_s) == (None, None)
    assert vitals.tti_s is None, "it left before five quiet seconds were over"


def test_a_page_that_allows_no_script_at_all_is_still_measured(runner: Runner, site: Site) -> None:
    policy = {"Content-Security-Policy": "default-src 'none'; script-src 'none'"}
    site.answers["/"] = Answer("<!doctype html><h1>Plain</h1>", headers=policy)

    run = runner.execute(job("opens", site.target, {"paths": ["/"], "see": "Plain"}))

    assert run.outcome is Outcome.PASSED
    assert run.vitals is not None
    assert run.vitals.fcp_s is not None


def test_time_to_interactive_comes_after_five_quiet_seconds(runner: Runner, site: Site) -> None:
    site.answers["/"] = Answer("<!doctype html><h1>Quiet</h1>")
    quiet = {"paths": ["/"], "wait_for": "performance.now() > 5900"}

    vitals = runner.execute(job("opens", site.target, quiet)).vitals

    assert vitals is not None
    assert vitals.tti_s is not None
    assert vitals.fcp_s is not None
    assert vitals.fcp_s <= vitals.tti_s < 5
    assert vitals.tbt_s is not None


def test_the_assessment_is_walked_to_its_end_and_its_clicks_are_measured(
    runner: Runner, stage: Stage
) -> None:
    run = assess(runner, stage, "flow")

    assert (run.outcome, run.reason) == (Outcome.PASSED, "")
    named = [step.name for step in run.steps]
    assert named[2:] == ["landing", "start", "questions", "review", "submit", "result"]
    assert run.exposure is not None
    assert (run.exposure.value, run.exposure.rendered) == (False, True)
    assert run.vitals is not None
    assert run.vitals.inp_s is not None
    assert 0 <= run.vitals.inp_s < 5
    assert run.vitals.fid_s is not None
    assert 0 <= run.vitals.fid_s < 5


def test_a_lost_answer_is_a_failed_promise_of_the_assessment(runner: Runner, stage: Stage) -> None:
    stage.faults.switch(Fault.ASSESSMENT_API_500, True)

    run = assess(runner, stage, "flow")

    assert run.outcome is Outcome.FAILED
    assert run.steps[-1].outcome is Outcome.FAILED


def test_the_control_sees_no_widget_while_everybody_else_does(runner: Runner, stage: Stage) -> None:
    control = walk(runner, stage.target, "flag_off", user="representative",
                   force_flags={FLAG: False})  # fmt: skip
    treatment = walk(runner, stage.target, "representative")

    assert (control.outcome, control.reason) == (Outcome.PASSED, "")
    assert control.exposure is not None
    assert (control.exposure.value, control.exposure.rendered) == (False, False)
    assert control.toggles is not None
    rewritten = ("representativeStatusEnabled", FLAG)
    assert [control.toggles.values[name] for name in rewritten] == [False, False]
    assert control.toggles.values[FALLBACK] is False, "the other flags are as they were"
    assert treatment.outcome is Outcome.PASSED, "only the control's own browser was told"
    assert stage.flags == {FLAG: True, FALLBACK: False}


def test_the_fallback_works_before_everybody_is_sent_there(runner: Runner, stage: Stage) -> None:
    control = assess(runner, stage, "fallback", force_flags={FALLBACK: True})
    proof = assess(runner, stage, "fallback")

    assert (control.outcome, control.reason) == (Outcome.PASSED, "")
    assert proof.outcome is Outcome.FAILED, "nobody else meets the fallback yet"
    assert proof.exposure is not None
    assert (proof.exposure.value, proof.exposure.rendered) == (False, None)


def test_the_proof_fails_while_the_flag_is_on_and_passes_once_it_is_off(
    runner: Runner, stage: Stage
) -> None:
    before = walk(runner, stage.target, "flag_off", user="representative", settle_s=1)
    stage.flags[FLAG] = False
    after = walk(runner, stage.target, "flag_off", user="representative")

    assert (before.outcome, after.outcome) == (Outcome.FAILED, Outcome.PASSED)
    assert after.exposure is not None
    assert (after.exposure.value, after.exposure.rendered) == (False, False)


def test_a_flag_that_is_off_says_nothing_about_the_widget(runner: Runner, stage: Stage) -> None:
    stage.flags[FLAG] = False

    run = walk(runner, stage.target, "representative")

    assert run.outcome is Outcome.SKIPPED
    assert FLAG in run.reason
    assert not run.judges


@pytest.mark.parametrize(
    ("fault", "status", "says"),
    [
        (Fault.TOGGLES_500, 500, "answered 500"),
        (Fault.TOGGLES_GARBAGE, 200, "not JSON"),
        (Fault.TOGGLES_MISSING_FLAG, 200, "does not name"),
    ],
)
def test_without_a_toggle_answer_the_widget_is_not_judged(
    runner: Runner, stage: Stage, fault: Fault, status: int, says: str
) -> None:
    stage.faults.switch(fault, True)

    run = walk(runner, stage.target, "representative")

    assert run.outcome is Outcome.SKIPPED
    assert says in run.reason
    assert run.exposure is not None
    assert run.exposure.value is None
    assert says in run.exposure.reason
    assert run.toggles is not None
    assert run.toggles.status == status


@pytest.mark.parametrize("fault", [Fault.API_401, Fault.API_403, Fault.API_422])
def test_a_business_answer_is_no_fault_of_the_widget(
    runner: Runner, stage: Stage, fault: Fault
) -> None:
    stage.faults.switch(fault, True)

    run = walk(runner, stage.target, "representative")

    assert run.outcome is Outcome.SKIPPED
    assert "business answer" in run.reason


@pytest.mark.parametrize(
    "fault",
    [
        Fault.API_500,
        Fault.API_HANG,
        Fault.API_WRONG_PERSON,
        Fault.SCRIPT_THROWS,
        Fault.WIDGET_WRONG_CONTENT,
        Fault.PAGE_BLANK,
        Fault.SITE_500,
    ],
)
def test_a_broken_widget_or_page_fails(runner: Runner, stage: Stage, fault: Fault) -> None:
    stage.faults.switch(fault, True)

    run = walk(runner, stage.target, "representative", settle_s=0.5)

    assert run.outcome is Outcome.FAILED, run.reason
    assert run.steps[-1].outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("user", "inside"),
    [
        (
            "signed_out",
            "<h3>Sign in with a verified account to check if you have an accredited "
            "representative</h3><button>Sign in or create an account</button>",
        ),
        (
            "organization",
            "<h3>Your current Veteran Service Organization (VSO)</h3>"
            "<h4> Example Veterans Society </h4>"
            '<a href="https://www.va.gov/resources/va-accredited-representative-faqs/">Learn</a>',
        ),
        (
            "representative",  # whoever has an attorney reads the organization's words in v2
            "<h3>Your current Veteran Service Organization (VSO)</h3><h4>Pat Q. Example</h4>"
            '<a href="https://www.va.gov/resources/va-accredited-representative-faqs/">Learn</a>',
        ),
    ],
)
def test_the_second_generation_of_the_widget_passes_too(
    runner: Runner, site: Site, user: str, inside: str
) -> None:
    script = "fetch('/v0/feature_toggles').then((answer) => answer.json())"
    site.answers["/v0/feature_toggles"] = toggles({FLAG: True})
    site.answers[WIDGET_PAGE] = Answer(
        "<!doctype html><h1>Get help</h1><div data-widget-type='representative-status'>"
        f"{inside}</div><script>{script}</script>"
    )

    run = walk(runner, site.target, user)

    assert (run.outcome, run.reason) == (Outcome.PASSED, "")


def test_the_second_generation_ignores_the_flag_and_the_control_says_so(
    runner: Runner, site: Site
) -> None:
    site.answers["/v0/feature_toggles"] = toggles({FLAG: True})
    site.answers[WIDGET_PAGE] = Answer(
        "<!doctype html><h1>Get help</h1><div data-widget-type='representative-status'>"
        "<h3>Your current accredited representative</h3></div>"
        "<script>fetch('/v0/feature_toggles')</script>"
    )

    run = walk(runner, site.target, "flag_off", settle_s=0.5, force_flags={FLAG: False})

    assert run.outcome is Outcome.FAILED
    assert run.exposure is not None
    assert (run.exposure.value, run.exposure.rendered) == (False, True), "a powerless flag"


def toggles(flags: dict[str, bool]) -> Answer:
    features = [{"name": name, "value": value} for name, value in flags.items()]
    body = json.dumps({"data": {"type": "feature_toggles", "features": features}})
    return Answer(body, kind="application/json")
