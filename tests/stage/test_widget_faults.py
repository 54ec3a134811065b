"""Each fault's tell-tale in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from probes.stage.faults import Fault
from tests.stage.conftest import MOUNT, POA, Stage, Visitor, broken

pytestmark = pytest.mark.browser

TROUBLE = "We can\u2019t check if you have an accredited representative."


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.API_500, 500),
        (Fault.API_401, 401),
        (Fault.API_403, 403),
        (Fault.API_GARBAGE, 200),
    ],
)
def test_a_broken_api_shows_the_same_error_alert_and_only_the_network_tells_why(
    visitor: Visitor, stage: Stage, fault: Fault, status: int
) -> None:
    broken(stage, fault)
    visitor.sign_in("representative")
    page = visitor.open()
    alert = page.locator(f"{MOUNT} va-alert[status=error]")
    expect(alert.get_by_role("heading", name=TROUBLE, level=3)).to_be_visible()
    expect(alert.get_by_role("link", name="800-827-1000, ext. 0")).to_be_visible()
    assert TROUBLE in page.content()
    assert [answer.status for answer in visitor.answers(POA)] == [status]
    assert visitor.errors == []


def test_an_api_that_cannot_be_reached_shows_the_error_alert(visitor: Visitor) -> None:
    visitor.sign_in("representative")
    visitor.page.route(f"**{POA}", lambda route: route.abort("connectionreset"))
    page = visitor.open()
    expect(page.locator(MOUNT).get_by_role("heading", name=TROUBLE)).to_be_visible()


def test_422_reads_as_no_representative(visitor: Visitor, stage: Stage) -> None:
    broken(stage, Fault.API_422)
    visitor.sign_in("representative")
    page = visitor.open()
    expect(
        page.get_by_role("heading", name="You don\u2019t have an accredited representative")
    ).to_be_visible()
    assert [answer.status for answer in visitor.answers(POA)] == [422]


def test_a_hanging_api_shows_loading_until_it_is_mended(visitor: Visitor, stage: Stage) -> None:
    broken(stage, Fault.API_HANG)
    visitor.sign_in("representative")
    page = visitor.open()
    expect(page.locator(MOUNT).get_by_role("progressbar", name="Loading")).to_be_visible()
    page.wait_for_function("() => performance.now() > 1000")
    assert stage.faults.waiting == 1
    assert visitor.answers(POA) == []
    assert stage.post("/stage/mend").status_code == 200
    expect(page.get_by_role("heading", name="Pat Q. Example")).to_be_visible()


def test_a_slow_api_shows_loading_and_then_the_answer(visitor: Visitor, stage: Stage) -> None:
    stage.post("/stage/fault", json={"fault": "api_slow", "on": True, "delay_s": 1})
    visitor.sign_in("organization")
    page = visitor.open()
    expect(page.locator(MOUNT).get_by_role("progressbar", name="Loading")).to_be_visible()
    expect(page.get_by_role("heading", name="Example Veterans Society")).to_be_visible()
    (answer,) = visitor.answers(POA)
    assert answer.request.timing["responseStart"] >= 1000


@pytest.mark.parametrize(
    ("user", "own", "shown"),
    [
        ("representative", "Pat Q. Example", "Robin T. Sampleton"),
        ("organization", "Example Veterans Society", "Placeholder Veterans League"),
        ("no_representative", None, "Robin T. Sampleton"),
    ],
)
def test_the_wrong_persons_data_looks_healthy_but_for_the_name(
    visitor: Visitor, stage: Stage, user: str, own: str | None, shown: str
) -> None:
    broken(stage, Fault.API_WRONG_PERSON)
    visitor.sign_in(user)
    page = visitor.open()
    expect(page.locator(MOUNT).get_by_role("heading", name=shown, level=4)).to_be_visible()
    if own is not None:
        expect(page.get_by_text(own)).to_have_count(0)
    assert [answer.status for answer in visitor.answers(POA)] == [200]


@pytest.mark.parametrize("fault", [Fault.SCRIPT_404, Fault.SCRIPT_THROWS])
@pytest.mark.parametrize("flag", [True, False])
def test_a_widget_that_never_mounts_leaves_spinner_then_slow_text_then_error_whatever_the_flag(
    visitor: Visitor, stage: Stage, fault: Fault, flag: bool
) -> None:
    broken(stage, fault)
    stage.flags["representative_status_enabled"] = flag
    visitor.page.clock.install()
    page = visitor.open()
    visitor.wait_for_toggles()
    mount = page.locator(MOUNT)
    spinner = mount.get_by_role("progressbar")
    expect(spinner).to_be_visible()
    expect(mount.get_by_text("taking longer than expected")).to_be_hidden()
    page.clock.fast_forward(6_500)
    expect(mount.get_by_text("taking longer than expected")).to_be_visible()
    expect(spinner).to_be_visible()
    page.clock.fast_forward(14_000)
    expect(mount.get_by_role("heading", name="This part is not working right now")).to_be_visible()
    expect(spinner).to_have_count(0)
    assert bool(visitor.errors) == (fault is Fault.SCRIPT_THROWS)
    statuses = [a.status for a in visitor.answers("representative-status.entry.js")]
    assert statuses == [404 if fault is Fault.SCRIPT_404 else 200]


@pytest.mark.parametrize(
    ("user", "level"), [(None, 3), ("representative", 3), ("no_representative", 3)]
)
def test_wrong_content_makes_every_heading_of_the_widget_undefined(
    visitor: Visitor, stage: Stage, user: str | None, level: int
) -> None:
    broken(stage, Fault.WIDGET_WRONG_CONTENT)
    if user:
        visitor.sign_in(user)
    page = visitor.open()
    heading = page.locator(MOUNT).get_by_role("heading", level=level)
    if user:
        expect(page.locator(f"{MOUNT} va-card")).to_be_visible()
    expect(heading).to_have_text("undefined")


@pytest.mark.parametrize(
    ("fault", "status"),
    [(Fault.TOGGLES_500, 500), (Fault.TOGGLES_GARBAGE, 200), (Fault.TOGGLES_MISSING_FLAG, 200)],
)
def test_a_broken_toggle_service_looks_like_flag_off_and_only_its_answer_tells(
    visitor: Visitor, stage: Stage, fault: Fault, status: int
) -> None:
    broken(stage, fault)
    visitor.sign_in("representative")
    page = visitor.open()
    visitor.wait_for_toggles()
    expect(page.locator(f"{MOUNT}:empty")).to_have_count(1)
    assert not visitor.asked(POA)
    (answer,) = visitor.answers("/v0/feature_toggles")
    assert answer.status == status
    # The real page does not catch a 200 that is not JSON either.
    assert bool(visitor.errors) == (fault is Fault.TOGGLES_GARBAGE)
    if fault is Fault.TOGGLES_MISSING_FLAG:
        names = [feature["name"] for feature in answer.json()["data"]["features"]]
        assert names == ["assessmentFallbackEnabled", "assessment_fallback_enabled"]


def test_slow_toggles_leave_the_node_empty_until_they_answer(
    visitor: Visitor, stage: Stage
) -> None:
    stage.post("/stage/fault", json={"fault": "toggles_slow", "on": True, "delay_s": 30})
    page = visitor.open()
    expect(page.locator(f"{MOUNT}:empty")).to_have_count(1)
    stage.post("/stage/mend")
    expect(page.get_by_role("button", name="Sign in or create an account")).to_be_visible()


def test_a_flag_store_that_is_down_makes_the_toggles_a_500(visitor: Visitor, stage: Stage) -> None:
    stage.store_is_down = True
    page = visitor.open()
    visitor.wait_for_toggles()
    expect(page.locator(f"{MOUNT}:empty")).to_have_count(1)
    assert [answer.status for answer in visitor.answers("/v0/feature_toggles")] == [500]


def test_a_blank_page_is_a_200_with_nothing_on_it(visitor: Visitor, stage: Stage) -> None:
    broken(stage, Fault.PAGE_BLANK)
    page = visitor.open()
    assert page.locator("body").inner_text() == ""
    assert visitor.received[0].status == 200
    assert not visitor.asked("/v0/feature_toggles")


def test_wrong_content_of_the_page_is_a_200_that_announces_maintenance(
    visitor: Visitor, stage: Stage
) -> None:
    broken(stage, Fault.PAGE_WRONG_CONTENT)
    page = visitor.open()
    expect(page.get_by_role("heading", level=1)).to_have_text("We are doing planned maintenance")
    assert visitor.received[0].status == 200
    expect(page.locator(MOUNT)).to_have_count(0)


def test_several_faults_hold_at_once_and_mending_clears_them_all(
    visitor: Visitor, stage: Stage
) -> None:
    broken(stage, Fault.API_500)
    broken(stage, Fault.WIDGET_WRONG_CONTENT)
    visitor.sign_in("representative")
    page = visitor.open()
    alert = page.locator(f"{MOUNT} va-alert[status=error]")
    expect(alert.get_by_role("heading")).to_have_text("undefined")
    stage.post("/stage/mend")
    page.reload()
    expect(page.get_by_role("heading", name="Pat Q. Example")).to_be_visible()
