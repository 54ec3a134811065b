"""Live pages: they follow the daemon, and keep what somebody is doing on them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from playwright.sync_api import Error, Page, Route, expect

from daemon.web import WebServer
from tests.web.conftest import GUARD, Look, Room
from tests.web.test_dashboard import act, card, do

pytestmark = pytest.mark.browser

Serve = Callable[[Room], WebServer]
#: What an event of the stream does.
SOON = (
    "import(document.querySelector('script[type=module]').src.replace('live.js', 'live-news.js'))"
    ".then((news) => news.soon())"
)
#: Remembers each phase that the guard's row showed.
PHASES_SHOWN = f"""() => {{
  const now = () => document.querySelector('[data-guard={GUARD}] .phase[data-phase]').dataset.phase;
  window.phasesShown = [now()];
  new MutationObserver(() => {{
    if (window.phasesShown.at(-1) !== now()) window.phasesShown.push(now());
  }}).observe(document.body, {{ subtree: true, childList: true, attributes: true }});
  return window.phasesShown;
}}"""


def test_what_happens_is_seen_and_said_without_a_reload(
    room: Room, served: Serve, look: Look
) -> None:
    page = look.page
    page.goto(served(room).url)
    expect(page.locator("#link")).to_have_text("live")
    page.evaluate("window.same = true")
    room.break_widget("the mount node shows an error alert")
    expect(card(page).locator(".phase")).to_contain_text("KILLED, UNVERIFIED")
    expect(page.locator("#said")).to_contain_text(f"{GUARD}: KILLED UNVERIFIED")
    expect(page).to_have_title("KILLED, UNVERIFIED · Overview · Tripflag")
    room.prove()
    expect(card(page).locator(".phase")).to_have_text("■ KILLED")
    assert page.evaluate("window.same") is True
    assert look.complaints == []


def held_looks(look: Look, url: str) -> list[Route]:
    """Count the looks that the page takes at the overview, and hold the first one up."""
    page, held = look.page, []

    def hold(route: Route) -> None:
        held.append(route)
        if len(held) > 1:
            route.continue_()

    page.goto(url)
    expect(page.locator("#link")).to_have_text("live")
    page.route(f"{url}/", hold)
    return held


def taken(page: Page, held: list[Route], looks: int) -> None:
    """Wait until the page has taken so many looks."""
    for _ in range(60):
        if len(held) >= looks:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{len(held)} looks within 3 s, not {looks}")


def test_what_happens_during_a_look_is_looked_at_again(
    room: Room, served: Serve, look: Look
) -> None:
    """The look may have been answered before it happened."""
    page = look.page
    held = held_looks(look, served(room).url)
    page.evaluate(SOON)
    taken(page, held, 1)
    page.evaluate(SOON)
    held[0].continue_()
    taken(page, held, 2)


def test_many_events_do_not_put_a_look_off(room: Room, served: Serve, look: Look) -> None:
    """Forty probes make more events than there are pauses."""
    page = look.page
    held = held_looks(look, served(room).url)
    page.evaluate(f"window.storm = setInterval(() => {SOON}, 40)")
    taken(page, held, 1)
    held[0].continue_()
    taken(page, held, 2)
    page.evaluate("clearInterval(window.storm)")


def test_an_old_look_is_not_folded_in_over_an_acts_answer(
    room: Room, served: Serve, look: Look
) -> None:
    page = look.page
    held = held_looks(look, served(room).url)
    page.evaluate(SOON)
    taken(page, held, 1)
    old = held[0].fetch()
    assert "armed" in old.text()
    assert page.evaluate(PHASES_SHOWN) == ["armed"]
    do(card(page), "Hold")
    expect(card(page).locator(".phase")).to_contain_text("HELD")
    with suppress(Error):  # the page gave it up
        held[0].fulfill(response=old)
    taken(page, held, 2)
    expect(page.get_by_role("status")).to_have_text("Held. It is in the audit.")
    assert page.evaluate("window.phasesShown") == ["armed", "held"]


def test_a_page_without_the_stream_asks_every_few_seconds(
    room: Room, served: Serve, look: Look
) -> None:
    page = look.page
    page.route("**/api/v1/events", lambda route: route.abort())
    page.goto(served(room).url)
    expect(page.locator("#link")).to_have_text("live, every 5 s")
    room.run(outcome="failed", reason="an error alert")
    expect(card(page).locator(".phase")).to_contain_text("SUSPECT", timeout=15_000)


def test_an_open_form_and_what_is_typed_in_it_outlive_news(
    room: Room, served: Serve, look: Look
) -> None:
    page = look.page
    page.goto(served(room).url)
    expect(page.locator("#link")).to_have_text("live")
    form = act(card(page), "Hold")
    form.locator("summary").click()
    form.get_by_label("Why?").fill("half a sen")
    form.get_by_label("Why?").evaluate("node => { window.mine = node; }")
    room.run(outcome="failed", reason="an error alert")
    expect(card(page).locator(".phase")).to_contain_text("SUSPECT")
    expect(form.get_by_label("Why?")).to_have_value("half a sen")
    assert page.evaluate("window.mine === document.activeElement && window.mine.isConnected")


def test_who_was_second_is_told_so_and_can_send_the_same_words_again(
    room: Room, served: Serve, look: Look
) -> None:
    page = look.page
    page.goto(served(room).url)
    form = act(card(page), "Hold")
    form.locator("summary").click()
    room.app().test_client().post(
        f"/api/v1/guards/{GUARD}/hold", json={"by": "kim", "reason": "I was first"}
    )
    do(card(page), "Hold", "I was second")
    expect(form.get_by_role("alert")).to_contain_text("Not done: someone was first")
    expect(form.get_by_label("Why?")).to_have_value("I was second")
    expect(card(page)).to_contain_text("Held by kim")
    form.get_by_role("button", name="Hold").click()
    expect(card(page)).to_contain_text("Held by pat")
    held = room.engine.state(GUARD).hold
    assert held is not None
    assert held.reason == "I was second"


def test_what_the_daemon_refuses_is_said_in_the_form(room: Room, served: Serve, look: Look) -> None:
    page = look.page
    page.goto(served(room).url)
    form = do(card(page), "Kill", "users call", by="guard")
    expect(form.get_by_role("alert")).to_have_text(
        "Not done: by: `guard` is not a person: say who asks"
    )
    expect(form.get_by_label("Why?")).to_have_value("users call")
    form.get_by_label("Who are you?").fill("pat")
    form.get_by_role("button", name="Kill").click()
    expect(card(page).locator(".phase")).to_contain_text("KILL")
    expect(form).not_to_have_attribute("open", "")
    # The name is asked for once.
    act(card(page), "Hold").locator("summary").click()
    expect(act(card(page), "Hold").get_by_label("Who are you?")).to_have_value("pat")


def test_why_it_was_refused_is_said_though_the_page_cannot_be_had_anew(
    room: Room, served: Serve, look: Look
) -> None:
    page, url = look.page, served(room).url
    page.goto(url)
    page.route(f"{url}/", lambda route: route.abort())
    form = do(card(page), "Kill", "users call", by="guard")
    expect(form.locator("form")).not_to_have_attribute("data-busy", "")
    expect(form.get_by_role("alert")).to_have_text(
        "Not done: by: `guard` is not a person: say who asks"
    )


def test_a_page_of_another_release_is_loaded_whole_once_no_form_is_open(
    room: Room, served: Serve, look: Look
) -> None:
    page, url = look.page, served(room).url
    loads: list[Route] = []
    page.goto(url)
    expect(page.locator("#link")).to_have_text("live")

    def release(route: Route) -> None:
        if route.request.is_navigation_request():
            loads.append(route)
        if loads:
            route.continue_()
            return
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace("/live.js", "/LIVE.js"))

    page.evaluate("window.same = true")
    page.route(f"{url}/", release)
    act(card(page), "Hold").locator("summary").click()
    room.break_widget()
    expect(card(page).locator(".phase")).to_contain_text("KILLED, UNVERIFIED")
    assert page.evaluate("window.same") is True
    with page.expect_event("load"):
        page.keyboard.press("Escape")
        page.evaluate(SOON)
    assert page.evaluate("window.same") is None
    assert len(loads) == 1


def test_an_act_whose_answer_was_lost_is_done_once_though_sent_again(
    room: Room, served: Serve, look: Look
) -> None:
    page = look.page
    page.goto(served(room).url)
    lost: list[Route] = []

    def lose(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route)
        route.fetch()
        route.abort()

    page.route("**/acts/**", lose)
    form = do(card(page), "Hold", "we deploy")
    expect(form.get_by_role("alert")).to_contain_text("Not done: no answer came")
    expect(card(page).locator(".phase")).to_contain_text("HELD")
    form.get_by_role("button", name="Hold").click()
    expect(page.get_by_role("status")).to_have_text("Held. It is in the audit.")
    assert len(room.audited(f"guard {GUARD}")) == 1


def test_run_now_says_when_the_probe_is_busy(room: Room, served: Serve, look: Look) -> None:
    page = look.page
    page.goto(served(room).url)
    do(card(page), "Run now")
    expect(page.get_by_role("status")).to_have_text("Started. It is in the audit.")
    assert "widget_signed_out" in room.busy
    form = do(card(page), "Run now")
    expect(form.get_by_role("alert")).to_contain_text("widget_signed_out is under way")


def test_a_hold_is_done_with_the_keyboard_alone(room: Room, served: Serve, look: Look) -> None:
    page = look.page
    page.goto(served(room).url)
    summary = act(card(page), "Hold").locator("summary")
    for _ in range(80):
        page.keyboard.press("Tab")
        if summary.evaluate("node => node === document.activeElement"):
            break
    expect(summary).to_be_focused()
    page.keyboard.press("Enter")
    expect(act(card(page), "Hold").get_by_label("Who are you?")).to_be_focused()
    page.keyboard.press("Escape")
    expect(summary).to_be_focused()
    page.keyboard.press("Enter")
    expect(act(card(page), "Hold").get_by_label("Who are you?")).to_be_focused()
    page.keyboard.type("pat")
    page.keyboard.press("Tab")
    page.keyboard.type("we deploy the widget")
    page.keyboard.press("Enter")
    expect(card(page).locator(".phase")).to_contain_text("HELD")
    expect(card(page)).to_contain_text("we deploy the widget")
    expect(summary).to_be_focused()


def test_times_are_the_viewers_with_utc_on_hover_and_ages_count(
    room: Room, served: Serve, look: Look
) -> None:
    page = look.page
    room.break_widget()
    page.goto(served(room).url)
    time = page.locator("#flips time").first
    expect(time).not_to_contain_text("UTC")
    assert (time.get_attribute("title") or "").endswith(" UTC")
    age = card(page).locator("time[data-age]").first
    before = age.inner_text()
    expect(age).not_to_have_text(before)


def test_a_daemon_that_stops_answering_is_said_to_be_gone(
    room: Room, served: Serve, look: Look
) -> None:
    page = look.page
    server = served(room)
    page.goto(server.url)
    expect(page.locator("#link")).to_have_text("live")
    room.engine.news.close()
    server.close()
    expect(page.locator("#link")).to_contain_text("does not answer", timeout=20_000)
    expect(page.locator("#said")).to_contain_text("What you see is old")
    expect(card(page).locator(".phase")).to_contain_text("ARMED")


def test_the_packages_files_come_with_an_etag_and_nothing_else_of_them(room: Room) -> None:
    client = room.app().test_client()
    first = client.get("/assets/idiomorph.js")
    assert first.status_code == 200
    assert first.mimetype == "text/javascript"
    assert "max-age=86400" in first.headers["Cache-Control"]
    again = client.get("/assets/idiomorph.js", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    for path in ("idiomorph.min.js", "../assets.py", "..%2fpackage.json", "swagger-ui.js.map"):
        assert client.get(f"/assets/{path}").status_code == 404, path
