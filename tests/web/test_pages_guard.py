"""A guard's own page, circuits and drills: rendered, without a browser."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient
from markupsafe import escape

from daemon.engine import utc_now
from daemon.guard import Phase
from daemon.history import NumberedLine
from daemon.web.pages.headline import headline
from daemon.web.pages.page import local_path
from daemon.web.pages.phases import WINDOW, entered_by, spans
from daemon.web.views.guard import guard_view
from probes.model import Exposure
from tests.web.conftest import FLAG, GUARD, Room

PAGE = f"/guards/{GUARD}"


def words(html: str) -> str:
    """The text that a page shows."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def test_it_says_what_is_so_why_and_what_is_next(room: Room, client: FlaskClient) -> None:
    room.run(outcome="failed", reason="an error alert")
    said = words(client.get(PAGE).text)
    assert "◐ SUSPECT" in said
    assert "A rule is breached. Confirming, and measuring the control, before any act." in said
    assert "consecutive_failures ✖ breached" in said
    assert "What stands between it and its act" in said
    assert "the control has not been measured yet" in said


def test_runs_that_did_not_count_say_why(room: Room, client: FlaskClient) -> None:
    room.run(outcome="error", reason="no browser")
    html = client.get(PAGE).text
    assert 'href="/runs/run-0001"' in html
    row = html[html.index('id="told-run-0001"') :]
    assert "could not judge" in words(row[: row.index("</tr>")])


def test_treatment_and_control_stand_side_by_side_with_their_pictures(
    room: Room, client: FlaskClient
) -> None:
    shot = room.keep("run-0001", "screenshot", "screenshot.png", b"\x89PNG")
    room.run(outcome="failed", reason="an alert", artifacts=(shot,))
    room.run("widget_control", exposure=Exposure(FLAG, value=False, rendered=False))
    html = client.get(PAGE).text
    assert '<img src="/api/v1/runs/run-0001/artifacts/screenshot"' in html
    assert html.count("/artifacts/screenshot") == 1
    assert f"Its page was told that {FLAG} is off; the widget was not shown." in words(html)


def test_a_past_time_is_explained_and_a_wrong_one_is_said(room: Room, client: FlaskClient) -> None:
    room.run()
    then = utc_now()
    room.break_widget()
    past = client.get(PAGE, query_string={"at": then.isoformat()})
    assert past.status_code == 200
    assert "Why it was so at" in words(past.text)
    assert "All is well. Turns" in words(past.text)
    for at, says in (
        ("yesterday", "at is no time: give one such as 2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00", "at has no zone"),
        ("2999-01-01T00:00:00Z", "at is in the future"),
    ):
        wrong = client.get(PAGE, query_string={"at": at})
        assert wrong.status_code == 400
        assert says in words(wrong.text)
        assert "■ KILLED" in words(wrong.text) or "KILLED, UNVERIFIED" in words(wrong.text)


def test_every_act_is_offered_or_says_why_not(room: Room, client: FlaskClient) -> None:
    html = client.get(PAGE).text
    for verb in ("trip", "hold", "mode"):
        assert f'action="/acts/guards/{GUARD}/{verb}"' in html
    said = words(html)
    assert "Not now: not held: there is nothing to release" in said
    assert "Not now: no drill is configured for this guard" in said
    etag = client.get(f"/api/v1{PAGE}").headers["ETag"]
    assert f'name="if_match" value="{escape(etag)}"' in html


def test_the_mode_is_set_from_the_page(room: Room, client: FlaskClient) -> None:
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(PAGE).text)
    assert token is not None
    form = {"csrf_token": token[1], "mode": "observe", "by": "pat", "reason": "try", "back": PAGE}
    assert client.post(f"/acts{PAGE}/mode", data=form).status_code == 303
    said = words(client.get(PAGE).text)
    assert "observe, set by pat" in said
    assert "as configured: enforce" in said


def test_a_guard_that_nobody_has_is_a_page_that_names_those_there_are(client: FlaskClient) -> None:
    lost = client.get("/guards/nobody")
    assert lost.status_code == 404
    assert f"no guard is named 'nobody': name one of: assessment, {GUARD}" in words(lost.text)


def test_circuits_and_drills_say_so_when_there_are_none(client: FlaskClient) -> None:
    assert "No circuit is configured." in words(client.get("/circuits").text)
    assert "no scheduler that could walk a drill" in words(client.get("/drills").text)
    assert client.get("/drills/nothing").status_code == 404
    assert client.get("/drills?cursor=nonsense").status_code == 422


def test_the_last_day_is_cut_where_the_guards_own_lines_say(room: Room) -> None:
    spec, now = room.config.guards[GUARD], utc_now()

    def line(hours: float, text: str, by: str | None = None) -> NumberedLine:
        return NumberedLine(1, now - timedelta(hours=hours), text, by, None)

    told = [
        line(1, "KILLED: a fresh browser no longer meets it"),
        line(1.5, "KILLED: says a person, in a note", by="pat"),
        line(2, "SUSPECT: three failed"),
        line(4, "suspicion cleared after 2 passing runs: x"),
        line(30, "PAGE: BLIND: no run has judged for 600 s"),
    ]
    since = now - timedelta(hours=1)
    found = spans(spec, told, Phase.KILLED, since, now, now - timedelta(days=9))
    assert [each.phase for each in found] == [
        Phase.BLIND,
        Phase.ARMED,
        Phase.SUSPECT,
        Phase.KILLED,
    ]
    assert found[0].start == now - WINDOW
    assert sum(each.width for each in found) == pytest.approx(1000)
    quiet = spans(spec, [], Phase.ARMED, None, now, now - WINDOW)
    assert [each.phase for each in quiet] == [Phase.ARMED]


def test_a_guard_is_said_to_be_at_rest_only_since_it_is_watched(room: Room) -> None:
    spec, now = room.config.guards[GUARD], utc_now()
    started, suspected = now - timedelta(hours=2), now - timedelta(hours=1)
    fresh = spans(spec, [], Phase.ARMED, None, now, started)
    assert [(each.phase, each.start) for each in fresh] == [
        (None, now - WINDOW),
        (Phase.ARMED, started),
    ]
    line = NumberedLine(1, suspected, "SUSPECT: two failed", None, None)
    found = spans(spec, [line], Phase.SUSPECT, suspected, now, started)
    assert [each.phase for each in found] == [None, Phase.ARMED, Phase.SUSPECT]
    assert found[1].start == started
    # Lines were left out: nobody knows what was before them.
    left_out = spans(spec, [line], Phase.SUSPECT, suspected, now, None)
    assert [each.phase for each in left_out] == [None, Phase.SUSPECT]
    assert [each.phase for each in spans(spec, [], Phase.ARMED, None, now, now)] == [None]


def test_a_fresh_guards_page_says_since_when_it_is_watched(room: Room, client: FlaskClient) -> None:
    room.run(started_at=utc_now())
    html = client.get(PAGE).text
    (before, at_rest) = re.findall("<li data-tone.*?</li>", html.split('class="spans"')[1], re.S)
    assert "not watched yet" in words(before)
    assert re.search(r"ARMED .*, for \d s$", words(at_rest))
    assert re.search(r"● ARMED watched for \d+ s ?, at rest all along", words(html))
    assert "Nothing in all that is on record, since" in words(html)


def test_a_kill_that_is_held_stays_a_kill_in_the_picture(room: Room) -> None:
    spec, now = room.config.guards[GUARD], utc_now()
    texts = (
        "reset: users are exposed again",
        "released by pat: x",
        "HELD by pat until released: x",
        "KILLED: a fresh browser no longer meets it",
    )
    told = [
        NumberedLine(n, now - timedelta(hours=n), text, None, None)
        for n, text in enumerate(texts, start=1)
    ]
    found = spans(spec, told, Phase.ARMED, told[0].at, now, told[-1].at)
    assert [(each.phase, each.start) for each in found[1:]] == [
        (Phase.KILLED, told[-1].at),
        (Phase.ARMED, told[0].at),
    ]


@pytest.mark.parametrize(
    ("text", "phase"),
    [
        (f"{FLAG} is off in the store, read back equal", Phase.KILLED_UNVERIFIED),
        (f"{FLAG} is on and this guard did not write that: a person's decision, adopted", "on"),
        (f"{FLAG} is off and this guard did not write that: a person's decision, adopted", "off"),
        ("PAGE: SITE_DOWN: the control fails too", Phase.SITE_DOWN),
        ("HELD by pat until released: x", Phase.HELD),
        ("reset: users are exposed again", Phase.ARMED),
        ("reset asked by pat: mended", None),
        ("the fallback other is on in the store, read back equal", None),
    ],
)
def test_a_line_tells_of_the_phase_that_it_begins(
    room: Room, text: str, phase: Phase | str | None
) -> None:
    wanted = {"on": Phase.HUMAN_ON, "off": Phase.HUMAN_OFF}.get(str(phase), phase)
    assert entered_by(room.config.guards[GUARD], text, Phase.ARMED) == wanted


def test_the_headline_names_the_worst_first_and_never_calls_trouble_well(room: Room) -> None:
    desk = room.desk()
    both = [guard_view(desk, name) for name in room.config.guards]
    quiet = headline(both, {}, alive=True)
    assert (quiet.tone, quiet.text) == ("calm", "All is well.")
    assert headline(both, {"store": "away"}, alive=True).text == "Not all is well: store."
    assert headline(both, {}, alive=False).tone == "alarm"
    assert headline([], {}, alive=True).text == "No guard is configured: nothing is watched."
    observing = headline(both[1:], {}, alive=True)
    assert observing.text == "All is well, but nothing would be killed."
    views = [
        both[0].model_copy(update={"phase": Phase.HELD}),
        both[1].model_copy(update={"phase": Phase.KILL_FAILED}),
    ]
    told = headline(views, {}, alive=True)
    assert told.text == "assessment is KILL FAILED."
    assert told.more.endswith(f"{GUARD} is HELD.")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/guards/x?at=1", "/guards/x?at=1"),
        ("//evil.test", "/"),
        ("/\\evil.test", "/"),
        ("https://evil.test/", "/"),
        ("/x\r\nSet-Cookie: a=b", "/"),
        ("", "/"),
    ],
)
def test_only_a_path_of_ours_is_gone_back_to(text: str, path: str) -> None:
    assert local_path(text) == path


def test_after_a_kill_the_sides_show_what_it_was_decided_by(room: Room) -> None:
    room.break_widget()
    room.prove()
    page = room.app().test_client().get(f"/guards/{GUARD}").get_data(as_text=True)
    sides = page.split('id="sides-title"')[1].split('id="lines-title"')[0]
    treatment = sides.split('aria-label="Treatment"')[1].split('aria-label="Control"')[0]
    assert "when the kill was decided" in sides
    assert 'data-outcome="failed"' in treatment
    # Its ladder leads to the same moment.
    assert "Explain the moment of the decision" in page


def test_the_overviews_row_says_whether_somebody_acknowledged_its_incident(room: Room) -> None:
    room.break_widget()
    page = room.app().test_client().get("/").get_data(as_text=True)
    row = page.split(f'data-guard="{GUARD}"')[1].split("</article>")[0]
    assert "nobody has acknowledged it yet; due by" in row
    assert "/acknowledge" in row
