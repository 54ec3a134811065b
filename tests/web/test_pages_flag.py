"""The flag pages: for whom a flag is on, who changed it, and what each form would do."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import expect

from daemon.web import WebServer
from daemon.web.views.gates import changed, exposure, in_words
from flags.model import Gates
from flags.switch import Switch
from tests.web.conftest import FLAG, GUARD, Look, Room

Serve = Callable[[Room], WebServer]
ON, OFF = Gates.of(("boolean", "true")), Gates()
SHARE = Gates.of(("percentage_of_actors", "25"))


@pytest.mark.parametrize(
    ("gates", "words"),
    [
        (OFF, "off for everybody"),
        (ON, "on for everybody"),
        (Gates.of(("percentage_of_actors", "0")), "off for everybody"),
        (SHARE, "on for 25 % of actors"),
        (Gates.of(("percentage_of_time", "100")), "on for everybody"),
        (
            Gates.of(*(("actors", f"u{n}") for n in range(7)), ("groups", "staff")),
            "on for 7 actors: u0, u1, u2, u3, u4 and 2 more; on for 1 group: staff",
        ),
    ],
)
def test_gates_read_as_words(gates: Gates, words: str) -> None:
    assert in_words(gates) == words


def test_gates_that_differ_never_read_the_same() -> None:
    assert changed(ON, OFF) == ("on for everybody", "off for everybody")
    assert changed(OFF, OFF) == ("off for everybody", "off for everybody")
    tester = Gates.of(("boolean", "true"), ("actors", "u1"))
    assert changed(ON, tester) == ("boolean true", "actors u1, boolean true")


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (OFF, ON, "rises"),
        (OFF, SHARE, "rises"),
        (SHARE, ON, "rises"),
        (SHARE, Gates.of(("actors", "u1")), "may rise"),
        (ON, SHARE, "falls"),
        (ON, OFF, "falls"),
        (ON, ON, "same"),
        (ON, Gates.of(("boolean", "true"), ("actors", "u1")), "same"),
    ],
)
def test_what_becomes_of_exposure_is_never_understated(
    before: Gates, after: Gates, change: str
) -> None:
    assert exposure(before, after) == change


def test_the_list_says_for_whom_by_whom_and_what_is_guarded(
    room: Room, client: FlaskClient
) -> None:
    for by, reason, share in (("zoe", "too soon", 50), ("alice", "a slow start", 25)):
        body = {"reason": reason, "by": by, "percentage": share}
        assert client.post(f"/api/v1/flags/{FLAG}/percentage", json=body).status_code == 200
    shown = client.get("/flags").text
    assert "too soon" not in shown  # only who changed it last
    for words in (
        f'href="/flags/{FLAG}"',
        "on for 25 % of actors",
        "alice, ",
        "a slow start",
        f'href="/guards/{GUARD}"',
        "not on record",
    ):
        assert words in shown


def test_a_flags_page_warns_where_exposure_rises_and_escapes_actors(
    room: Room, client: FlaskClient
) -> None:
    room.break_widget("<script>alert(1)</script>")
    actor = {"actor": "<b>evil</b>", "reason": "a tester", "by": "bob"}
    assert client.post(f"/api/v1/flags/{FLAG}/actors", json=actor).status_code == 200
    shown = client.get(f"/flags/{FLAG}").text
    assert "<script>alert" not in shown
    assert "<b>evil" not in shown
    assert "on for 1 actor: &lt;b&gt;evil&lt;/b&gt;" in shown
    assert "EXPOSURE RISES: everybody will meet what it gates." in shown
    assert "Remove an actor" in shown
    # Back to the gates before the kill (on for everybody), and to none.
    assert "EXPOSURE RISES: users will meet it who do not now." in shown
    assert "Exposure falls." in shown
    absent = client.get("/flags/nothing_like_that")
    assert absent.status_code == 404
    assert "no flag is named" in absent.text


def test_a_flag_whose_name_holds_a_slash_has_its_page_which_says_why_it_has_no_acts(
    room: Room, client: FlaskClient
) -> None:
    room.store.create("team/search", is_enabled=True)
    listed = client.get("/flags").text
    address = listed.split('">team/search</a>')[0].rpartition('href="')[2]
    shown = client.get(address)
    assert shown.status_code == 200
    assert "It is on for everybody." in shown.text
    assert "Its name holds a “/”" in shown.text
    assert "/acts/flags/" not in shown.text


@pytest.mark.parametrize("name", ["two//slashes", "ends//", "a\nline break", "a?b#c"])
def test_a_flag_of_an_odd_name_has_its_page(room: Room, client: FlaskClient, name: str) -> None:
    room.store.create(name)
    shown = client.get(f"/flags/{quote(name, safe='')}")
    assert shown.status_code == 200
    assert "It is off for everybody." in shown.text


def test_history_is_paged(room: Room, client: FlaskClient) -> None:
    for n in range(3):
        verb = "disable" if n % 2 == 0 else "enable"
        client.post(f"/api/v1/flags/{FLAG}/{verb}", json={"reason": f"turn {n}", "by": "alice"})
    first = client.get(f"/flags/{FLAG}?limit=2").text
    table = first.split('id="history-title"')[1].split('id="snapshots-title"')[0]
    assert ("turn 2" in table, "turn 0" in table) == (True, False)
    address = table.split('class="more" href="')[1].split('"')[0].replace("&amp;", "&")
    table = client.get(address).text.split('id="history-title"')[1].split("snapshots-title")[0]
    assert ("turn 2" in table, "turn 0" in table) == (False, True)


def test_a_person_restores_a_snapshot_in_a_browser(room: Room, served: Serve, look: Look) -> None:
    server, tab = served(room), look.page
    tab.goto(f"{server.url}/flags/{FLAG}")
    _fill(look, "Percentage", {"Percentage of actors": "25", "Why?": "a slow start"})
    expect(tab.locator("main")).to_contain_text("It is on for 25 % of actors.")
    _fill(look, "Turn off", {"Why?": "it is broken"})
    expect(tab.locator("main")).to_contain_text("It is off for everybody.")
    restored = tab.locator(".card", has_text="It was on for 25 % of actors")
    expect(restored).to_contain_text("then carol: it is broken")
    restored.locator("summary").click()
    expect(restored).to_contain_text("EXPOSURE RISES")
    restored.get_by_label("Who are you?").fill("carol")
    restored.get_by_label("Why?").fill("mended")
    restored.get_by_role("button", name="Restore").click()
    expect(tab.locator("main")).to_contain_text("It is on for 25 % of actors.")
    assert Switch(room.store).flag(FLAG).gates == SHARE
    assert look.complaints == []


def _fill(look: Look, act: str, fields: dict[str, str]) -> None:
    summary = look.page.locator("summary", has_text=act).first
    form = look.page.locator("details.act", has=summary).first
    summary.click()
    for label, value in {**fields, "Who are you?": "carol"}.items():
        form.get_by_label(label).fill(value)
    form.get_by_role("button", name=act).click()
