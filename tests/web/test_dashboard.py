"""The overview in a real browser: what the person on call sees, and can do."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from daemon.web import WebServer
from probes.model import FailedRequest, Outcome, Step
from tests.web.conftest import FLAG, GUARD, OPERATOR, VIEWER, Look, Room, ago, bearer

pytestmark = pytest.mark.browser

Serve = Callable[[Room], WebServer]

#: What a target could send to become markup, hide text or jam the page.
HOSTILE = (
    "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>"
    "</span><style>*{display:none}</style>\u202egnp.exe\x1b[31m\x00"
)


def card(page: Page, name: str = GUARD) -> Locator:
    return page.get_by_role("article", name=name, exact=True)


def act(where: Locator, label: str) -> Locator:
    """An act's form and the word that opens it."""
    return where.locator("details.act", has=where.page.locator(f"summary:text-is('{label}')"))


def do(where: Locator, label: str, reason: str = "we look into it", by: str = "pat") -> Locator:
    form = act(where, label)
    if form.get_attribute("open") is None:
        form.locator("summary").click()
    if form.get_by_label("Who are you?").count():
        form.get_by_label("Who are you?").fill(by)
    if form.get_by_label("Why?").count():
        form.get_by_label("Why?").fill(reason)
    form.get_by_role("button", name=label).click()
    return form


def test_a_quiet_night_is_said_in_one_sentence(room: Room, served: Serve, look: Look) -> None:
    look.page.goto(served(room).url)
    expect(look.page.get_by_role("heading", level=1)).to_have_text("● All is well.")
    expect(look.page.locator(".headline")).to_contain_text("1 guard armed. 1 guard only observing.")
    expect(look.page).to_have_title("Overview · Tripflag")
    assert look.complaints == []


def test_what_is_killed_comes_first_and_why_and_that_it_is_gone(
    room: Room, served: Serve, look: Look
) -> None:
    room.break_widget("the mount node shows an error alert")
    room.prove()
    page = look.page
    page.goto(served(room).url)
    expect(page.locator(".headline")).to_contain_text(f"{GUARD} is KILLED.")
    expect(page.locator(".headline")).to_contain_text("a fresh browser no longer meets the fault")
    expect(page).to_have_title("KILLED · Overview · Tripflag")
    first = page.get_by_role("article").first
    expect(first).to_contain_text("the mount node shows an error alert")
    expect(first.locator(".rail li")).to_have_count(4)
    expect(first.locator(".rail li").last).to_contain_text(re.compile(r"Proven gone\s*\d"))
    expect(first.locator(".flag")).to_contain_text(re.compile(rf"{FLAG} off\s+by guard, \d+ s ago"))
    expect(first).to_contain_text("Yours to do: Mend the widget, then reset the guard")
    expect(page.locator("#incidents")).to_contain_text("nobody has acknowledged it yet")
    expect(page.locator("#flips")).to_contain_text("on → off")
    assert look.complaints == []


def test_a_kill_by_hand_its_proof_and_the_reset_are_done_on_one_page(
    room: Room, served: Serve, look: Look
) -> None:
    page = look.page
    page.goto(served(room).url)
    do(card(page), "Kill", "users call about it")
    expect(page.get_by_role("status")).to_have_text("Killed. It is in the audit.")
    room.engine.apply_pending()
    assert room.flag() == "off"
    expect(card(page).locator(".phase")).to_contain_text("KILLED, UNVERIFIED")
    expect(card(page).locator(".rail li").last).to_contain_text("waiting…")
    room.prove()
    expect(card(page).locator(".phase")).to_have_text("■ KILLED")

    do(card(page), "Reset", "the API is mended")
    room.engine.apply_pending()
    expect(card(page).locator(".phase")).to_contain_text("ARMED")
    assert room.flag() == "on"
    assert look.complaints == []


def test_an_act_that_makes_no_sense_now_says_why(room: Room, served: Serve, look: Look) -> None:
    look.page.goto(served(room).url)
    for label, why in (
        ("Reset", "not tripped (armed): there is nothing to reset"),
        ("Release", "not held: there is nothing to release"),
    ):
        form = card(look.page).locator("details.act", has_text=f"{label} (not now)")
        form.locator("summary").click()
        expect(form).to_contain_text(f"Not now: {why}")
        expect(form.locator("form")).to_have_count(0)


def test_a_viewer_sees_everything_and_no_act(locked: Room) -> None:
    client = locked.app().test_client()
    seen = client.get("/", headers=bearer(VIEWER)).text
    assert f'data-guard="{GUARD}"' in seen
    assert "/acts/" not in seen
    acting = client.get("/", headers=bearer(OPERATOR)).text
    assert f'action="/acts/guards/{GUARD}/trip"' in acting
    assert "Who are you?" not in acting  # the token has a name


def test_text_from_a_target_stays_text(room: Room, served: Serve, look: Look) -> None:
    page = look.page
    room.run(
        outcome="failed",
        reason=HOSTILE + "y" * 1_000_000,
        steps=(Step(HOSTILE, Outcome.FAILED, 1.0, HOSTILE),),
        failed_requests=(FailedRequest("GET", f"javascript:{HOSTILE}", 500, HOSTILE),),
        console_errors=(HOSTILE,),
        browser=HOSTILE,
    )
    for path in ("/", f"/guards/{GUARD}"):
        page.goto(served(room).url.rstrip("/") + path)
        expect(page.locator("main")).to_contain_text("<script>window.pwned = 1</script>")
        expect(page.locator("main")).not_to_contain_text("\u202e")
        assert page.evaluate("window.pwned") is None
        assert page.locator("main script, main style, main img[src=x]").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 1200
        assert len(page.content()) < 300_000
    assert look.complaints == []


def test_markup_can_be_made_of_text_through_the_one_policy_only(
    room: Room, served: Serve, look: Look
) -> None:
    look.page.goto(served(room).url)
    said = look.page.evaluate(
        "() => { try { document.body.innerHTML = '<b>x</b>'; return 'parsed'; }"
        " catch (error) { return error.name; } }"
    )
    assert said == "TypeError"


def test_what_keeps_the_daemon_from_being_ready_is_at_the_top(
    room: Room, served: Serve, look: Look
) -> None:
    room.problems["store"] = "cannot read '*'"
    look.page.goto(served(room).url)
    expect(look.page.locator(".headline")).to_contain_text("Not all is well: store.")
    notices = look.page.get_by_role("list", name="Notices")
    expect(notices).to_contain_text("Not ready: store. cannot read '*'")
    expect(notices).to_contain_text("No token is configured")
    room.alive = False
    look.page.reload()
    expect(look.page.locator(".headline")).to_contain_text("The daemon is stuck")


def test_a_mark_of_the_strip_leads_to_its_run(room: Room, served: Serve, look: Look) -> None:
    for second in range(30, 0, -1):
        room.run(started_at=ago(second))
    failed = room.run(outcome="failed", reason="an error alert")
    look.page.goto(served(room).url)
    marks = card(look.page).get_by_role("list", name=f"Last runs of {GUARD}").get_by_role("link")
    expect(marks).to_have_count(20)
    expect(marks.last).to_have_attribute("href", f"/runs/{failed.id}")


def test_a_page_costs_the_same_whatever_is_stored(room: Room) -> None:
    client = room.app().test_client()
    for second in range(25, 0, -1):
        room.run(started_at=ago(second))
    small = len(client.get("/").data)
    for second in range(225, 25, -1):
        room.run(started_at=ago(second))
    assert len(client.get("/").data) == pytest.approx(small, rel=0.02)


def test_without_a_script_a_hold_goes_through_a_page_and_back(
    room: Room, served: Serve, browser: Browser
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(served(room).url)
    form = act(card(page), "Hold")
    form.locator("summary").click()
    form.get_by_label("For how long?").select_option("15 minutes")
    form.get_by_label("Who are you?").fill("guard")
    form.get_by_label("Why?").fill("a deployment of ours")
    form.get_by_role("button", name="Hold").click()
    expect(page.get_by_role("alert")).to_contain_text("`guard` is not a person: say who asks")
    expect(page.locator("main")).to_contain_text("a deployment of ours")
    page.get_by_role("link", name="Go back").click()
    do(card(page), "Hold", "a deployment of ours")
    expect(page.get_by_role("status")).to_have_text("Held. It is in the audit.")
    expect(card(page).locator(".phase")).to_contain_text("HELD")
    context.close()
