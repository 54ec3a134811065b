"""The fault panel in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from probes.stage.faults import Fault
from tests.stage.conftest import Stage, Visitor, broken

pytestmark = pytest.mark.browser


def test_the_big_buttons_break_the_widget_and_mend_everything(
    visitor: Visitor, stage: Stage
) -> None:
    page = visitor.open("/")
    assert page.url.endswith("/stage/")
    status = page.get_by_role("status")
    expect(status).to_have_text("Everything works.")
    page.get_by_role("button", name="Break the widget").click()
    expect(status).to_have_text("Broken now: api_500")
    expect(page.get_by_role("switch", name="api_500", exact=True)).to_be_checked()
    assert stage.faults.is_on(Fault.API_500)
    page.get_by_role("switch", name="toggles_slow").check()
    expect(status).to_have_text("Broken now: api_500, toggles_slow")
    page.get_by_role("button", name="Mend it").click()
    expect(status).to_have_text("Everything works.")
    assert not any(state.on for state in stage.faults.states())
    assert visitor.errors == []


def test_every_fault_is_a_described_switch_that_follows_the_stage(
    visitor: Visitor, stage: Stage
) -> None:
    page = visitor.open("/stage/")
    for fault in Fault:
        control = page.get_by_role("switch", name=fault.value, exact=True)
        expect(control).to_have_accessible_description(fault.description)
    broken(stage, Fault.SITE_500)
    expect(page.get_by_role("switch", name="site_500")).to_be_checked()


def test_the_flags_are_shown_as_the_store_has_them_now(visitor: Visitor, stage: Stage) -> None:
    page = visitor.open("/stage/")
    widget = page.locator("[data-flag=representative_status_enabled] dd")
    expect(widget).to_have_text("on")
    stage.flags["representative_status_enabled"] = False
    expect(widget).to_have_text("off")
    stage.store_is_down = True
    expect(page.get_by_role("alert")).to_contain_text("cannot be read")
    stage.store_is_down = False
    expect(page.get_by_role("alert")).to_have_count(0)


def test_signing_in_on_the_panel_signs_in_on_the_page(visitor: Visitor) -> None:
    page = visitor.open("/stage/")
    group = page.get_by_role("group", name="Sign in as")
    expect(group.get_by_role("button", name="Signed out", pressed=True)).to_be_visible()
    group.get_by_role("button", name="Organization").click()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Page with the widget").click()
    expect(opened.value.get_by_role("heading", name="Example Veterans Society")).to_be_visible()
    group.get_by_role("button", name="Signed out").click()
    opened.value.reload()
    expect(opened.value.get_by_role("button", name=re.compile("^Sign in or"))).to_be_visible()


def test_the_panel_works_while_the_whole_site_is_broken(visitor: Visitor, stage: Stage) -> None:
    broken(stage, Fault.SITE_500)
    broken(stage, Fault.SITE_HANG)
    page = visitor.open("/stage/")
    page.get_by_role("button", name="Mend it").click()
    expect(page.get_by_role("status")).to_have_text("Everything works.")
