"""Faults that leave the widget working, or only in part: chance, resets, stale answers, looks."""

from __future__ import annotations

import socket

import pytest
import requests
from playwright.sync_api import expect

from probes.stage.faults import Fault, FaultPanel
from tests.stage.conftest import MOUNT, POA, WIDGET_PAGE, Stage, Visitor, broken

TROUBLE = "We can\u2019t check if you have an accredited representative."
NAME = "Pat Q. Example"


def share_hit(fault: Fault, requests_made: int) -> list[int]:
    panel = FaultPanel()
    panel.switch(fault, on=True)
    return [number for number in range(requests_made) if panel.strikes(fault)]


def test_a_flaky_api_fails_twice_in_a_row_early_and_three_times_in_a_hundred() -> None:
    hit = share_hit(Fault.API_FLAKY, 2000)
    assert hit[:2] == [4, 5]
    assert hit[2] > 30
    assert 0.02 < len(hit) / 2000 < 0.04


def test_chance_begins_anew_at_each_switching_on_and_is_the_same_each_time() -> None:
    first = share_hit(Fault.API_COIN, 200)
    assert share_hit(Fault.API_COIN, 200) == first
    assert 70 < len(first) < 130


def test_a_fault_that_is_no_matter_of_chance_hits_every_request_or_none() -> None:
    assert len(share_hit(Fault.API_500, 50)) == 50
    assert not FaultPanel().strikes(Fault.API_500)


def test_a_flaky_api_answers_some_requests_and_not_others(stage: Stage) -> None:
    broken(stage, Fault.API_COIN)
    who = {"stage_user": "representative"}
    assert {stage.get(POA, cookies=who).status_code for _ in range(20)} == {200, 500}


@pytest.mark.parametrize(
    ("fault", "path"), [(Fault.API_RESET, POA), (Fault.SITE_RESET, "/contact-us/")]
)
def test_a_reset_is_a_reset_and_no_answer(stage: Stage, fault: Fault, path: str) -> None:
    broken(stage, fault)
    host, port = stage.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as browser:
        browser.sendall(f"GET {path} HTTP/1.1\r\nHost: stage\r\n\r\n".encode())
        with pytest.raises(ConnectionResetError):
            browser.recv(1)
    with pytest.raises(requests.ConnectionError):
        stage.get(path)
    assert stage.get("/stage/fault").status_code == 200


def test_a_build_going_out_is_a_502_for_everything_but_the_panel(stage: Stage) -> None:
    broken(stage, Fault.SITE_502)
    for path in (WIDGET_PAGE, "/assets/site.js", "/v0/feature_toggles", "/assessment/"):
        assert stage.get(path).status_code == 502
    assert stage.get("/stage/").status_code == 200


def told(stage: Stage, browser: str) -> bool:
    features = stage.get(f"/v0/feature_toggles?cookie_id={browser}").json()["data"]["features"]
    return next(f["value"] for f in features if f["name"] == "representative_status_enabled")


def test_stale_toggles_say_to_each_browser_what_they_said_before_the_fault(stage: Stage) -> None:
    assert told(stage, "old")
    broken(stage, Fault.TOGGLES_STALE)
    stage.flags["representative_status_enabled"] = False
    assert told(stage, "old")
    assert not told(stage, "new")
    stage.post("/stage/mend", json={})
    assert not told(stage, "old")


@pytest.mark.browser
def test_an_api_that_resets_shows_the_error_alert(visitor: Visitor, stage: Stage) -> None:
    broken(stage, Fault.API_RESET)
    visitor.sign_in("representative")
    page = visitor.open()
    expect(page.locator(MOUNT).get_by_role("heading", name=TROUBLE)).to_be_visible()
    failed = [request.failure or "" for request in visitor.asked(POA)]
    assert any("ERR_CONNECTION_RESET" in each for each in failed)


@pytest.mark.browser
@pytest.mark.parametrize("flag", [True, False])
def test_an_ungated_widget_is_shown_whatever_the_flag_says(
    visitor: Visitor, stage: Stage, flag: bool
) -> None:
    broken(stage, Fault.WIDGET_UNGATED)
    stage.flags["representative_status_enabled"] = flag
    visitor.sign_in("representative")
    expect(visitor.open().get_by_role("heading", name=NAME)).to_be_visible()
    assert visitor.errors == []


@pytest.mark.browser
@pytest.mark.parametrize(
    "fault",
    [Fault.DRAW_SLOW, Fault.DRAW_SHIFTS, Fault.DRAW_UNNAMED_IMAGE, Fault.DRAW_LOGS_ERROR],
)
def test_a_bad_look_touches_nobody_for_whom_the_flag_is_off(
    visitor: Visitor, stage: Stage, fault: Fault
) -> None:
    broken(stage, fault)
    stage.flags["representative_status_enabled"] = False
    noises: list[str] = []
    visitor.page.on("console", lambda message: noises.append(message.text))
    page = visitor.open()
    visitor.wait_for_toggles()
    expect(page.locator(f"{MOUNT}:empty")).to_have_count(1)
    expect(page.locator("main img")).to_have_count(0)
    assert noises == []


@pytest.mark.browser
def test_a_slow_draw_keeps_the_page_busy_for_two_seconds(visitor: Visitor, stage: Stage) -> None:
    broken(stage, Fault.DRAW_SLOW)
    visitor.page.add_init_script(
        "new PerformanceObserver((list) => { window.longest = Math.max(window.longest ?? 0,"
        " ...list.getEntries().map((task) => task.duration)); }).observe({ type: 'longtask' });"
    )
    page = visitor.open()
    expect(page.get_by_role("button", name="Sign in or create an account")).to_be_visible()
    page.wait_for_function("() => window.longest > 1900")


@pytest.mark.browser
def test_a_shift_moves_what_was_painted_already(visitor: Visitor, stage: Stage) -> None:
    broken(stage, Fault.DRAW_SHIFTS)
    visitor.page.add_init_script(
        "window.cls = 0; new PerformanceObserver((list) => { for (const shift of"
        " list.getEntries()) window.cls += shift.value; }).observe({ type: 'layout-shift' });"
    )
    visitor.open().wait_for_function("() => window.cls >= 0.25")


@pytest.mark.browser
def test_an_unnamed_image_and_a_logged_error_leave_the_widget_as_it_is(
    visitor: Visitor, stage: Stage
) -> None:
    broken(stage, Fault.DRAW_UNNAMED_IMAGE)
    visitor.sign_in("representative")
    page = visitor.open()
    expect(page.get_by_role("heading", name=NAME)).to_be_visible()
    expect(page.locator(f"{MOUNT} img:not([alt])")).to_have_count(1)
    stage.post("/stage/mend", json={})
    broken(stage, Fault.DRAW_LOGS_ERROR)
    with page.expect_console_message(lambda message: message.type == "error") as logged:
        page.reload()
    assert logged.value.text == "representative status: settings are missing"
    expect(page.get_by_role("heading", name=NAME)).to_be_visible()


@pytest.mark.browser
def test_a_broken_fallback_has_its_heading_but_no_form(visitor: Visitor, stage: Stage) -> None:
    broken(stage, Fault.ASSESSMENT_FALLBACK_BROKEN)
    stage.flags["assessment_fallback_enabled"] = True
    page = visitor.open("/assessment/")
    expect(page.get_by_role("heading", name="Use the paper assessment")).to_be_visible()
    expect(page.get_by_role("link", name="Download the paper form")).to_have_count(0)
