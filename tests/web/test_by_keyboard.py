"""The whole night by keyboard alone: no pointer, and where the focus is can always be seen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from daemon import history
from daemon.web import WebServer
from tests.web.conftest import GUARD, OPERATOR, Look, Room
from tests.web.test_dashboard import act, card

pytestmark = pytest.mark.browser

Serve = Callable[[Room], WebServer]

#: More stops than a page of this room has.
MOST = 150
#: What shows that an element has the focus: a line around it, or around its mark.
IS_SHOWN = """node => {
  const style = getComputedStyle(node);
  const box = node.getBoundingClientRect();
  return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0
    && box.width > 0 && box.top >= 0 && box.bottom <= innerHeight;
}"""


def go_to(page: Page, wanted: Locator) -> None:
    """Press the tab key until it has the focus, and see that a person sees so."""
    expect(wanted).to_be_visible()
    for _ in range(MOST):
        if wanted.evaluate("node => node === document.activeElement"):
            break
        page.keyboard.press("Tab")
    expect(wanted).to_be_focused()
    assert wanted.evaluate(IS_SHOWN)


def follow(page: Page, link: str, where: Locator | None = None) -> None:
    go_to(page, (where or page.locator("body")).get_by_role("link", name=link).first)
    page.keyboard.press("Enter")


def do(page: Page, where: Locator, label: str, reason: str = "") -> None:
    """Open an act, say why, and send it: the focus is where the next word belongs."""
    form = act(where, label)
    go_to(page, form.locator("summary"))
    page.keyboard.press("Enter")
    expect(form.locator("form")).to_be_visible()
    if reason:
        expect(form.get_by_label("Why?")).to_be_focused()
        page.keyboard.type(reason)
    else:
        expect(form.get_by_role("button", name=label)).to_be_focused()
    page.keyboard.press("Enter")


def done(page: Page, says: str) -> None:
    expect(page.get_by_role("status").filter(has_text=says)).to_have_text(
        f"{says} It is in the audit."
    )


def test_a_night_from_sign_in_to_the_acknowledged_incident(
    locked: Room, served: Serve, look: Look
) -> None:
    page, room = look.page, locked
    page.goto(served(room).url)
    expect(page.get_by_label("Your token")).to_be_focused()
    page.keyboard.type(OPERATOR)
    page.keyboard.press("Enter")
    guard = card(page)
    phase = guard.locator(".phase")
    expect(phase).to_contain_text("ARMED")
    expect(page.locator("#link")).to_have_text("live")

    do(page, guard, "Kill", "users call about it")
    done(page, "Killed.")
    room.engine.apply_pending()
    assert room.flag() == "off"
    expect(phase).to_contain_text("KILLED, UNVERIFIED")
    room.prove()
    expect(phase).to_have_text("■ KILLED")
    expect(guard).to_contain_text("users call about it (asked by operator)")
    expect(guard.locator(".rail li").last).to_contain_text("Proven gone")

    incident = room.engine.state(GUARD).incident
    assert incident is not None
    follow(page, "Incident, severity", guard)
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{GUARD}: open")
    do(page, page.locator("main"), "Acknowledge", "I look into it")
    done(page, "Acknowledged.")
    expect(page.locator(".clock")).to_contain_text("operator acknowledged it at")
    kept = history.incident(room.journal, incident.id)
    assert kept is not None
    assert kept.acknowledged_by == "operator"

    follow(page, "Overview")
    form = act(guard, "Hold")
    go_to(page, form.locator("summary"))
    page.keyboard.press("Enter")
    expect(form.get_by_label("Why?")).to_be_focused()
    page.keyboard.type("the team deploys")
    page.keyboard.press("Shift+Tab")
    expect(form.get_by_label("For how long?")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    done(page, "Held.")
    held = room.engine.state(GUARD).hold
    assert held is not None
    assert held.until is not None
    assert (held.until - held.since).total_seconds() == pytest.approx(900, abs=1)
    do(page, guard, "Release", "they are done")
    done(page, "Released.")
    assert room.engine.state(GUARD).hold is None

    do(page, guard, "Reset", "the API is mended")
    done(page, "Reset.")
    room.engine.apply_pending()
    assert room.flag() == "on"
    expect(phase).to_contain_text("ARMED")

    do(page, guard, "Run now")
    done(page, "Started.")
    assert "widget_signed_out" in room.busy
    run = room.run(reason="", id="widget_signed_out-local")
    follow(page, "passed at", guard)
    expect(page.get_by_role("heading", level=1)).to_have_text("widget_signed_out passed")
    expect(page.locator("main")).to_contain_text(run.id)

    follow(page, "Incidents")
    follow(page, GUARD, page.locator("main"))
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{GUARD}: over")
    go_to(page, page.get_by_role("button", name="Sign out"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Your token")).to_be_focused()
    assert [entry.actor for entry in room.audited() if entry.reason == "users call about it"]
    assert look.complaints == []
