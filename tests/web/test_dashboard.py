"""The dashboard in a real browser: what the person on call sees, and can do."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from daemon.web import WebServer
from probes.model import FailedRequest, Outcome, Step
from tests.web.conftest import FLAG, GUARD, OPERATOR, VIEWER, Look, Room

pytestmark = pytest.mark.browser

Serve = Callable[[Room], WebServer]

#: What a target could send to become markup, hide text or jam the page.
HOSTILE = (
    "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>"
    "</span><style>*{display:none}</style>\u202egnp.exe\x1b[31m\x00"
)


def card(page: Page, name: str = GUARD) -> Locator:
    return page.get_by_role("article", name=name)


def give_reason(page: Page, go: str, reason: str = "we look into it", by: str = "pat") -> None:
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Why?").fill(reason)
    dialog.get_by_label("Who are you?").fill(by)
    dialog.get_by_role("button", name=go).click()


def test_a_hold_with_a_reason_is_seen_as_held_without_a_reload(
    room: Room, served: Serve, look: Look
) -> None:
    page = look.page
    page.goto(served(room).url)
    expect(card(page).locator(".phase")).to_contain_text("ARMED")
    card(page).get_by_role("button", name="Hold 1 h").click()
    give_reason(page, "Hold 1 h", "we deploy the widget")
    expect(card(page).locator(".phase")).to_contain_text("HELD")
    expect(card(page)).to_contain_text("Held by pat until")
    expect(card(page)).to_contain_text("we deploy the widget")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#said")).to_contain_text(f"{GUARD}: HELD")
    assert page.title().startswith("HELD · ")
    assert look.complaints == []


def test_a_kill_is_seen_from_its_first_failed_run_to_its_reset(
    room: Room, served: Serve, look: Look
) -> None:
    page = look.page
    page.goto(served(room).url)
    expect(card(page).locator(".phase")).to_contain_text("ARMED")

    room.break_widget("the mount node shows an error alert")
    expect(card(page).locator(".phase")).to_contain_text("KILLED, UNVERIFIED")
    expect(card(page).locator(".rail li")).to_have_count(4)
    expect(card(page).locator(".rail li").last).to_contain_text("waiting…")

    room.prove()
    expect(card(page).locator(".phase")).to_have_text("■KILLED")
    expect(card(page)).to_contain_text(re.compile(r"From the first failed run to proof: \d"))
    expect(card(page).locator(".facts")).to_contain_text(f"{FLAG} off")
    expect(page.locator("#incidents")).to_contain_text("KILLED: a fresh browser no longer meets")
    expect(page.locator("#flips")).to_contain_text("on → off")
    trip = card(page).get_by_role("button", name="Trip")
    expect(trip).to_have_attribute("aria-disabled", "true")

    card(page).get_by_role("button", name="Reset").click()
    give_reason(page, "Reset", "the API is mended")
    expect(card(page).locator(".phase")).to_contain_text("ARMED")
    assert room.flag() == "on"
    assert look.complaints == []


def test_what_the_daemon_refuses_is_said_in_the_dialog(
    room: Room, served: Serve, look: Look
) -> None:
    page = look.page
    page.goto(served(room).url)
    card(page).get_by_role("button", name="Trip").click()
    give_reason(page, "Trip", by="guard")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_have_text(
        "Not done: by: `guard` is not a person: say who asks"
    )
    give_reason(page, "Trip", by="pat")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert room.flag() == "off"


def test_text_from_a_target_stays_text(room: Room, served: Serve, look: Look) -> None:
    page = look.page
    run = room.run(
        outcome="failed",
        reason=HOSTILE + "y" * 1_000_000,
        steps=(Step(HOSTILE, Outcome.FAILED, 1.0, HOSTILE),),
        failed_requests=(FailedRequest("GET", f"javascript:{HOSTILE}", 500, HOSTILE),),
        console_errors=(HOSTILE,),
        browser=HOSTILE,
    )
    page.goto(served(room).url)
    row = page.get_by_role("row", name="widget_signed_out")
    expect(row).to_contain_text("<script>window.pwned = 1</script>")
    expect(card(page)).to_contain_text("<img src=x onerror")
    expect(card(page)).not_to_contain_text("\u202e")
    page.get_by_role("button", name="Last failure of widget_signed_out").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(run.id)
    expect(dialog).to_contain_text(f"GET javascript:{HOSTILE[:40]}")
    assert page.evaluate("window.pwned") is None
    assert page.locator("#run img, main img, main script, body style, #run a").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 1200
    assert look.complaints == []


def test_no_script_of_ours_or_a_targets_could_make_markup_of_text(
    room: Room, served: Serve, look: Look
) -> None:
    page = look.page
    page.goto(served(room).url)
    said = page.evaluate(
        "() => { try { document.body.innerHTML = '<b>x</b>'; return 'parsed'; }"
        " catch (error) { return error.name; } }"
    )
    assert said == "TypeError"


def test_answers_change_the_page_without_touching_what_is_in_use(
    room: Room, served: Serve, look: Look
) -> None:
    page = look.page
    page.goto(served(room).url)
    button = card(page).get_by_role("button", name="Hold 1 h")
    button.focus()
    button.evaluate("node => { window.mine = node; }")
    summary = page.locator("#probes tr").first
    summary.evaluate("node => { window.row = node; }")
    room.run(outcome="failed", reason="an error alert")
    expect(card(page).locator(".phase")).to_contain_text("SUSPECT")
    expect(card(page)).to_contain_text("the control has not been measured yet")
    assert button.evaluate("node => node === window.mine && node === document.activeElement")
    assert summary.evaluate("node => node === window.row")


def test_a_dialog_is_opened_answered_and_left_with_the_keyboard_alone(
    room: Room, served: Serve, look: Look
) -> None:
    page = look.page
    page.goto(served(room).url)
    button = card(page).get_by_role("button", name="Hold 1 h")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Why?")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("deploy")
    page.keyboard.press("Tab")
    page.keyboard.type("pat")
    page.keyboard.press("Enter")
    expect(card(page).locator(".phase")).to_contain_text("HELD")


def test_with_tokens_the_page_holds_nothing_until_one_is_entered(
    locked: Room, served: Serve, look: Look
) -> None:
    page = look.page
    url = served(locked).url
    page.goto(url)
    expect(page.get_by_label("Token")).to_be_focused()
    assert GUARD not in page.content()

    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Open").click()
    expect(page.locator("#token-says")).to_contain_text("the token is not known here")

    page.get_by_label("Token").fill(VIEWER)
    page.get_by_role("button", name="Open").click()
    expect(card(page).locator(".phase")).to_contain_text("ARMED")
    expect(card(page).get_by_role("button")).to_have_count(0)
    expect(page.locator("#notices")).to_contain_text("viewer token")

    page.get_by_role("button", name="Forget token").click()
    expect(page.get_by_label("Token")).to_be_visible()
    page.get_by_label("Token").fill(OPERATOR)
    page.get_by_role("button", name="Open").click()
    card(page).get_by_role("button", name="Trip").click()
    give_reason(page, "Trip")
    expect(card(page).locator(".phase")).to_contain_text("KILLED")
    assert page.evaluate("Object.values(localStorage)") == ["pat"]
    assert page.evaluate("document.cookie") == ""


def test_a_screenshot_is_seen_although_an_image_cannot_carry_a_token(
    locked: Room, served: Serve, look: Look
) -> None:
    page = look.page
    png = page.screenshot(clip={"x": 0, "y": 0, "width": 20, "height": 10})
    shot = locked.keep("run-0001", "screenshot", "screenshot.png", png)
    trace = locked.keep("run-0001", "trace", "trace.zip", b"PK evidence")
    locked.run(outcome="failed", reason="an error alert", artifacts=(shot, trace))
    page.goto(served(locked).url)
    page.get_by_label("Token").fill(VIEWER)
    page.get_by_role("button", name="Open").click()
    page.get_by_role("button", name="Last failure of widget_signed_out").click()
    image = page.get_by_role("dialog").get_by_role("img")
    expect(image).to_have_js_property("naturalWidth", 20)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download trace").click()
    assert download.value.path().read_bytes() == b"PK evidence"


def test_a_daemon_that_stops_answering_is_said_to_be_gone(
    room: Room, served: Serve, look: Look
) -> None:
    page = look.page
    server = served(room)
    page.goto(server.url)
    expect(page.locator("#link")).to_have_text("live")
    server.close()
    expect(page.get_by_role("alert")).to_contain_text("The daemon has stopped answering")
    expect(page.locator("#link")).to_have_text("not live")
    expect(card(page).locator(".phase")).to_contain_text("ARMED")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_phase_fits_a_narrow_screen(
    room: Room, served: Serve, look: Look, scheme: str
) -> None:
    page = look.page
    page.set_viewport_size({"width": 400, "height": 800})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    room.break_widget("y" * 300)
    page.goto(served(room).url)
    expect(card(page).locator(".phase")).to_contain_text("KILLED, UNVERIFIED")
    assert page.evaluate("document.documentElement.scrollWidth") == 400


def test_run_now_starts_the_probe_and_says_when_it_is_busy(
    room: Room, served: Serve, look: Look
) -> None:
    page = look.page
    room.busy.add("assessment")
    page.goto(served(room).url)
    page.get_by_role("button", name="Run page now").click()
    expect(page.locator("#said")).to_have_text("page is running")
    assert "page" in room.busy
    page.get_by_role("button", name="Run assessment now").click()
    expect(page.locator("#said")).to_have_text("assessment is under way: wait for its run")


def test_what_must_be_known_first_is_at_the_top(room: Room, served: Serve, look: Look) -> None:
    page = look.page
    for _ in range(5):
        room.run(outcome="error", reason="no browser")
    room.problems["store"] = "cannot read '*'"
    page.goto(served(room).url)
    notices = page.locator("#notices")
    expect(notices).to_contain_text("Not ready: store: cannot read '*'")
    expect(notices).to_contain_text(f"Blind: {GUARD}.")
    expect(notices).to_contain_text("Observe mode: assessment.")
    expect(notices).to_contain_text("No token is configured")
