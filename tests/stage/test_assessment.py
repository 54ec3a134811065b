"""The assessment in a real browser: the whole walk, its faults and its fallback."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from probes.stage.assessment_desk import Desk, DeskError
from probes.stage.faults import Fault
from tests.stage.conftest import Stage, Visitor, broken

API = "/assessment/api"


def title_is(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def walk_to_questions(page: Page) -> None:
    title_is(page, "Health needs assessment")
    page.get_by_role("button", name="Start the assessment").click()
    title_is(page, "Before you start")
    page.get_by_role("checkbox", name="I have read the privacy notice").check()
    page.get_by_role("button", name="Continue").click()


def answer(page: Page) -> None:
    title_is(page, "Your questions")
    page.get_by_label("How old are you?").fill("67")
    page.get_by_label("How would you rate your health?").select_option("Fair")
    page.get_by_label("What should we know?").fill("Knee <b>pain</b>")
    page.get_by_role("button", name="Review answers").click()


def stored(page: Page) -> dict[str, str]:
    terms = page.get_by_role("term")
    expect(terms).to_have_count(3)
    return dict(
        zip(terms.all_inner_texts(), page.get_by_role("definition").all_inner_texts(), strict=True)
    )


GIVEN = {
    "How old are you?": "67",
    "How would you rate your health?": "Fair",
    "What should we know?": "Knee <b>pain</b>",
}


@pytest.mark.browser
def test_the_whole_assessment_can_be_walked_and_keeps_its_answers(visitor: Visitor) -> None:
    page = visitor.open("/assessment/")
    walk_to_questions(page)
    answer(page)
    title_is(page, "Check your answers")
    assert stored(page) == GIVEN
    page.get_by_role("button", name="Go to submit").click()
    title_is(page, "Submit your assessment")
    page.get_by_role("button", name="Submit").click()
    title_is(page, "Your assessment is complete")
    expect(page.get_by_text(re.compile(r"Reference number ASM-[0-9A-F]{8}"))).to_be_visible()
    assert stored(page) == GIVEN
    assert page.url.endswith("/assessment/result")
    assert len(visitor.asked("/v0/feature_toggles")) == 1
    documents = [r for r in visitor.sent if r.resource_type == "document"]
    assert len(documents) == 1
    assert visitor.errors == []


@pytest.mark.browser
def test_the_browsers_back_button_and_a_reload_keep_the_place(visitor: Visitor) -> None:
    page = visitor.open("/assessment/")
    walk_to_questions(page)
    answer(page)
    title_is(page, "Check your answers")
    page.reload()
    title_is(page, "Check your answers")
    assert stored(page) == GIVEN
    page.go_back()
    title_is(page, "Your questions")
    expect(page.get_by_label("How old are you?")).to_have_value("67")


@pytest.mark.browser
def test_a_step_that_needs_a_session_leads_to_the_landing_without_one(visitor: Visitor) -> None:
    page = visitor.open("/assessment/review")
    title_is(page, "Health needs assessment")


@pytest.mark.browser
def test_an_api_failure_is_an_alert_and_trying_again_works_once_mended(
    visitor: Visitor, stage: Stage
) -> None:
    broken(stage, Fault.ASSESSMENT_API_500)
    page = visitor.open("/assessment/")
    walk_to_questions(page)
    alert = page.get_by_role("alert")
    expect(alert.get_by_role("heading", name="Something went wrong", level=2)).to_be_visible()
    assert [a.status for a in visitor.answers(API)] == [500]
    stage.post("/stage/mend")
    page.get_by_role("button", name="Continue").click()
    title_is(page, "Your questions")
    expect(alert).to_have_count(0)


@pytest.mark.browser
def test_a_stuck_step_does_nothing_when_its_button_is_pressed(
    visitor: Visitor, stage: Stage
) -> None:
    broken(stage, Fault.ASSESSMENT_STEP_STUCK)
    page = visitor.open("/assessment/")
    walk_to_questions(page)
    before = len(visitor.asked(API + "/sessions/"))
    answer(page)
    page.wait_for_load_state("networkidle")
    title_is(page, "Your questions")
    expect(page.get_by_role("button", name="Review answers")).to_be_enabled()
    saves = [r for r in visitor.asked(API + "/sessions/")[before:] if r.method == "PUT"]
    assert saves == []


@pytest.mark.browser
def test_lost_answers_are_acknowledged_and_then_missing_at_review(
    visitor: Visitor, stage: Stage
) -> None:
    broken(stage, Fault.ASSESSMENT_LOSES_DATA)
    page = visitor.open("/assessment/")
    walk_to_questions(page)
    with page.expect_response(lambda r: r.request.method == "PUT") as saving:
        answer(page)
    assert saving.value.json()["saved"] is True
    assert saving.value.json()["answers"]["age"] == 67
    title_is(page, "Check your answers")
    assert set(stored(page).values()) == {"Not answered"}


@pytest.mark.browser
def test_answers_lost_at_submitting_are_missing_from_the_result(
    visitor: Visitor, stage: Stage
) -> None:
    page = visitor.open("/assessment/")
    walk_to_questions(page)
    answer(page)
    title_is(page, "Check your answers")
    assert stored(page) == GIVEN
    broken(stage, Fault.ASSESSMENT_LOSES_DATA)
    page.get_by_role("button", name="Go to submit").click()
    page.get_by_role("button", name="Submit").click()
    title_is(page, "Your assessment is complete")
    assert set(stored(page).values()) == {"Not answered"}


@pytest.mark.browser
def test_the_fallback_shows_the_paper_form_and_asks_the_api_for_nothing(
    visitor: Visitor, stage: Stage
) -> None:
    stage.flags["assessment_fallback_enabled"] = True
    page = visitor.open("/assessment/")
    title_is(page, "Use the paper assessment")
    expect(page.get_by_role("link", name="800-555-0199")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the paper form").click()
    assert "HEALTH NEEDS ASSESSMENT" in download.value.path().read_text()
    assert not visitor.asked(API)
    expect(page.get_by_role("button")).to_have_count(0)


@pytest.mark.browser
@pytest.mark.parametrize("fault", [Fault.TOGGLES_500, Fault.TOGGLES_GARBAGE])
def test_without_toggles_the_assessment_itself_is_offered(
    visitor: Visitor, stage: Stage, fault: Fault
) -> None:
    broken(stage, fault)
    title_is(visitor.open("/assessment/"), "Health needs assessment")


def opened(stage: Stage) -> str:
    reply = stage.post(API + "/sessions", json={"privacy_notice_read": True})
    assert reply.status_code == 201
    return f"{stage.url}{API}/sessions/{reply.json()['id']}"


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b'{"age": ', 400, "valid JSON"),
        (b"[]", 422, "JSON object"),
        (b'{"age": 131, "health": "Good"}', 422, "0 to 130"),
        (b'{"age": true, "health": "Good"}', 422, "whole number"),
        (b'{"age": 40, "health": "Splendid"}', 422, "Good, Fair, Poor"),
        (b'{"age": 40, "health": ["Good"]}', 422, "Good, Fair, Poor"),
        (b'{"age": 40, "health": "Good", "note": 7}', 422, "note must be text"),
        (b'{"age": 40, "health": "Good", "shoe": 9}', 422, "'shoe' is not a question"),
    ],
)
def test_bad_answers_are_refused_with_what_is_wrong_and_nothing_is_stored(
    stage: Stage, body: bytes, status: int, says: str
) -> None:
    session = opened(stage)
    headers = {"Content-Type": "application/json"}
    reply = requests.put(session + "/answers", data=body, headers=headers, timeout=10)
    assert reply.status_code == status
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert says in reply.json()["detail"]
    kept: dict[str, Any] = requests.get(session + "/answers", timeout=10).json()["answers"]
    assert kept == {"age": None, "health": None, "note": None}


def test_the_session_api_refuses_what_is_out_of_order(stage: Stage) -> None:
    assert stage.post(API + "/sessions", json={}).status_code == 422
    assert stage.post(API + "/sessions", data="x").status_code == 415
    assert stage.get(API + "/sessions/nobody/answers").status_code == 404
    session = opened(stage)
    assert requests.post(session + "/submit", timeout=10).status_code == 409
    assert requests.get(session + "/result", timeout=10).status_code == 409
    answers = {"age": 30, "health": "Poor", "note": ""}
    assert requests.put(session + "/answers", json=answers, timeout=10).status_code == 200
    first = requests.post(session + "/submit", timeout=10).json()["reference"]
    assert requests.post(session + "/submit", timeout=10).json()["reference"] == first
    assert requests.put(session + "/answers", json=answers, timeout=10).status_code == 409
    assert requests.get(session + "/result", timeout=10).json() == {
        "reference": first,
        "answers": answers,
    }


def test_the_desk_forgets_its_oldest_sessions_when_it_is_full() -> None:
    desk = Desk(max_sessions=2)
    first, second, third = desk.open(), desk.open(), desk.open()
    with pytest.raises(DeskError, match="no such session"):
        desk.find(first.id)
    assert desk.find(second.id) == second
    assert desk.find(third.id) == third
