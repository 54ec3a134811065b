"""The incident pages, and the audit's: what a person reads and does there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from markupsafe import escape
from playwright.sync_api import expect
from sqlalchemy import text

from daemon import history
from daemon.web import WebServer
from tests.web.conftest import FLAG, GUARD, Look, Room
from tests.web.test_circuits import with_circuit
from tests.web.test_incidents import WHY, act, opened

Serve = Callable[[Room], WebServer]
HOSTILE = "<img src=x onerror=alert(1)>"


def page(client: FlaskClient, path: str, status: int = 200) -> str:
    answered = client.get(path)
    assert answered.status_code == status
    return answered.text


def test_the_list_tells_open_ones_from_those_that_are_over(room: Room, client: FlaskClient) -> None:
    assert "None is open." in page(client, "/incidents?open=true")
    incident = opened(room)
    assert f'href="/incidents/{incident}"' in page(client, "/incidents?open=true")
    assert "to be acknowledged by" in page(client, "/incidents")
    assert incident not in page(client, "/incidents?open=false")
    client.post(f"/api/v1/guards/{GUARD}/reset", json=WHY)
    assert "nobody acknowledged it" in page(client, "/incidents?open=false")
    assert "severity: " in page(client, "/incidents?severity=9", 422)


def test_the_list_is_paged_and_keeps_its_filter(room: Room, client: FlaskClient) -> None:
    ids = []
    for _ in range(2):
        ids.append(opened(room))
        client.post(f"/api/v1/guards/{GUARD}/reset", json=WHY)
    first = page(client, "/incidents?open=false&limit=1")
    assert (ids[1] in first, ids[0] in first) == (True, False)
    address = first.split('class="more" href="')[1].split('"')[0].replace("&amp;", "&")
    second = page(client, address)
    assert (ids[1] in second, ids[0] in second) == (False, True)
    assert 'class="more"' not in second


def test_an_incident_page_shows_ladder_notes_and_messages_and_escapes_what_is_not_ours(
    room: Room, client: FlaskClient
) -> None:
    room.break_widget(HOSTILE)
    room.prove()
    (told,) = history.incidents(room.journal)
    act(client, told.id, "note", {"text": HOSTILE, "by": "bob"})
    shown = page(client, f"/incidents/{told.id}")
    assert "<img" not in shown
    assert "&lt;img src=x" in shown
    for words in (
        "Nobody has acknowledged it yet.",
        "proven in a fresh browser",
        'class="by-person"',
        'data-copy="#message-opening"',
        f"/api/v1/incidents/{told.id}/postmortem.md",
        "It cannot be resolved here: guard representative_status holds it open",
    ):
        assert words in shown
    assert "message-resolved" not in shown
    assert "no such incident" in page(client, "/incidents/nobody", 404)


def test_a_post_mortem_is_downloaded_as_a_file(room: Room, client: FlaskClient) -> None:
    incident = opened(room)
    act(client, incident, "acknowledge")
    sent = client.get(f"/api/v1/incidents/{incident}/postmortem.md")
    assert sent.mimetype == "text/markdown"
    assert sent.headers["Content-Disposition"] == (
        f'attachment; filename="postmortem-{incident.replace("_", "-")}.md"'
    )
    for words in (
        f"<http://localhost/incidents/{incident}>",
        "Acknowledged by ` alice ` after",
        "` widget_signed_out ` at ` local `, confirm, **failed**",
        "` alice ` ` acknowledge ` ` incident",
        f"` guard ` ` flip ` ` {FLAG} `",
        "first failed run",
    ):
        assert words in sent.text
    assert client.get("/api/v1/incidents/nobody/postmortem.md").status_code == 404


def test_the_audit_is_filtered_and_its_chain_verified_only_when_asked(
    room: Room, client: FlaskClient
) -> None:
    incident = opened(room)
    act(client, incident, "note", {"text": HOSTILE, "by": "bob"})
    shown = page(client, "/audit")
    assert "The chain" not in shown
    assert "<img" not in shown
    assert f"incident {incident}" in shown
    assert f"incident {incident}" not in page(client, "/audit?actor=guard")
    assert f"incident {incident}" not in page(client, f"/audit?flag={FLAG}")
    assert "No row is like that" in page(client, "/audit?until=2020-01-01T00:00:00Z")
    assert "has no zone" in page(client, "/audit?since=2020-01-01T00:00:00", 422)
    assert "The chain holds: 2 rows verified" in page(client, "/audit?verify=yes")
    with room.journal.turn() as turn:
        turn.db.execute(text("UPDATE audit SET reason = 'another' WHERE id = 2"))
    broken = page(client, "/audit?verify=yes")
    assert "The chain is broken at row 2:</strong> its content is not what was written" in broken


def test_the_audit_and_the_flags_history_tell_gates_in_the_same_words(
    room: Room, client: FlaskClient
) -> None:
    share = {"reason": "a slow start", "by": "alice", "percentage": 25}
    assert client.post(f"/api/v1/flags/{FLAG}/percentage", json=share).status_code == 200
    said = ("on for everybody", "on for 25 % of actors")
    (write,) = client.get(f"/api/v1/flags/{FLAG}/history").get_json()["writes"]
    assert (write["before"], write["after"]) == said
    cells = [f"<code>{words}</code>" for words in said]
    assert " → ".join(cells) in page(client, "/audit")
    assert '</td><td class="gates">'.join(cells) in page(client, f"/flags/{FLAG}")


def test_a_row_whose_gates_somebody_made_unreadable_is_still_shown(
    room: Room, client: FlaskClient
) -> None:
    room.engine.flip(FLAG, False, "alice", "because")
    for gates in ("", "{", "5", "[[1]]", '[["boolean", "true"], ["meta", "[]"]]'):
        with room.journal.turn() as turn:
            turn.db.execute(text("UPDATE audit SET before = :gates"), {"gates": gates})
        assert f"<code>{escape(gates)}</code>" in page(client, "/audit")
        assert f"<code>{escape(gates)}</code>" in page(client, f"/flags/{FLAG}")


def test_a_circuits_row_of_the_audit_leads_to_the_circuit(room: Room) -> None:
    client = with_circuit(room).app().test_client()
    answered = client.post("/api/v1/circuits/assessment_api/open", json=WHY)
    assert answered.status_code == 200
    shown = page(client, "/audit")
    assert 'href="/circuits#circuit-assessment_api">circuit assessment_api</a>' in shown
    assert "<code>closed</code> → <code>open</code>" in shown
    assert 'id="circuit-assessment_api"' in page(client, "/circuits")


@pytest.mark.usefixtures("browser")
def test_a_person_acknowledges_notes_and_grades_in_a_browser(
    room: Room, served: Serve, look: Look
) -> None:
    incident = opened(room)
    server, tab = served(room), look.page
    tab.goto(f"{server.url}/incidents/{incident}")
    form = tab.locator("details.act", has=tab.locator("summary", has_text="Acknowledge"))
    form.locator("summary").click()
    form.get_by_label("Who are you?").fill("alice")
    form.get_by_label("Why?").fill("looking into it")
    form.get_by_role("button", name="Acknowledge").click()
    expect(tab.locator(".clock")).to_contain_text("alice acknowledged it at")
    form = tab.locator("details.act", has=tab.locator("summary", has_text="Add a note"))
    form.locator("summary").click()
    form.get_by_label("Who are you?").fill("bob")
    form.get_by_label("Note").fill("the CDN serves an old bundle")
    form.get_by_role("button", name="Add a note").click()
    expect(tab.locator(".story .by-person").last).to_contain_text("bob the CDN serves an old")
    form = tab.locator("details.act", has=tab.locator("summary", has_text="Set severity"))
    form.locator("summary").click()
    form.get_by_label("Severity").select_option("3")
    form.get_by_label("Who are you?").fill("alice")
    form.get_by_label("Why?").fill("the fallback serves")
    form.get_by_role("button", name="Set severity").click()
    expect(tab.locator("h1")).to_contain_text("severity 3, medium")
    told = history.incident(room.journal, incident)
    assert told is not None
    assert (told.severity, told.acknowledged_by, told.notes) == (3, "alice", 3)
    assert look.complaints == []
