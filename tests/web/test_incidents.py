"""What people do with incidents over the API, and what it leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from typer.testing import CliRunner, Result

from daemon import history
from daemon.cli.incidents import incidents
from daemon.web import WebServer
from probes.model import Purpose
from tests.web.conftest import GUARD, OPERATOR, VIEWER, Build, Room, bearer

WHY = {"reason": "looking into it", "by": "alice"}


def opened(room: Room) -> str:
    """Kill the widget, and return the incident's id."""
    room.break_widget("the mount node is empty")
    room.prove()
    (incident,) = history.incidents(room.journal, is_open=True)
    return incident.id


def down(room: Room) -> str:
    """Let the control fail too, and return the incident's id."""
    room.run(outcome="failed", reason="an alert")
    room.run("widget_control", "failed", purpose=Purpose.CONTROL, reason="no answer")
    for _ in range(2):
        room.run(outcome="failed", reason="an alert", purpose=Purpose.CONFIRM, hard=True)
    (incident,) = history.incidents(room.journal, is_open=True)
    assert incident.cause == "site"
    return incident.id


def act(client: FlaskClient, incident: str, verb: str, body: Any = WHY, **headers: str) -> Any:
    return client.post(f"/api/v1/incidents/{incident}/{verb}", json=body, headers=headers)


def rows(room: Room) -> list[tuple[str, str, str, str, str]]:
    return [
        (row.actor, row.action, row.before, row.after, row.reason)
        for row in history.audit(room.journal)
        if row.subject.startswith("incident ")
    ]


def test_an_acknowledged_incident_says_by_whom_and_its_clock_stops(
    room: Room, client: FlaskClient
) -> None:
    incident = opened(room)
    before = client.get(f"/api/v1/incidents/{incident}")
    assert before.json["incident"]["acknowledged_by"] is None
    answered = act(client, incident, "acknowledge")
    assert answered.status_code == 200
    told = answered.json["incident"]
    assert (told["acknowledged_by"], told["overdue"], told["notes"]) == ("alice", False, 1)
    assert answered.json["timeline"][-1]["text"] == "acknowledged: looking into it"
    assert answered.json["timeline"][-1]["by"] == "alice"
    assert answered.headers["ETag"] != before.headers["ETag"]
    assert rows(room) == [("alice", "acknowledge", "", "", "looking into it")]

    again = act(client, incident, "acknowledge", {"reason": "me too", "by": "bob"})
    assert again.status_code == 409
    assert again.json["detail"].startswith("alice acknowledged it at 20")
    assert again.json["detail"].endswith("UTC: leave a note if you take it over")
    assert len(rows(room)) == 1


def test_a_note_is_kept_in_the_persons_name_and_in_one_line(
    room: Room, client: FlaskClient
) -> None:
    incident = opened(room)
    told = act(client, incident, "note", {"text": " PAGE: BLIND: not really ", "by": "bob"}).json
    assert told["timeline"][-1] | {"at": ""} == {
        "at": "",
        "text": "PAGE: BLIND: not really",
        "by": "bob",
    }
    assert rows(room) == [("bob", "note", "", "", "PAGE: BLIND: not really")]
    # It begins like a guard's own line, but is none.
    assert history.last_noted(room.journal, GUARD, "PAGE: BLIND:") is None
    for text in ("", "   ", "two\nlines", "x" * 1001, "turned \u202e round"):
        refused = act(client, incident, "note", {"text": text})
        assert refused.status_code == 422
        assert "text: " in refused.json["detail"]
    assert len(rows(room)) == 1


def test_a_severity_is_kept_with_what_it_was_and_moves_the_clock(
    room: Room, client: FlaskClient
) -> None:
    incident = opened(room)
    told = act(client, incident, "severity", {**WHY, "severity": 3}).json["incident"]
    assert told["severity"] == 3
    assert told["ack_due_at"] > told["opened_at"]
    assert rows(room) == [("alice", "severity", "1", "3", "looking into it")]
    same = act(client, incident, "severity", {**WHY, "severity": 3})
    assert (same.status_code, same.json["detail"]) == (
        409,
        "its severity is 3 already: nothing was changed",
    )
    for severity in (0, 5, "grave", None):
        assert act(client, incident, "severity", {**WHY, "severity": severity}).status_code == 422


def test_an_incident_whose_trip_is_not_reset_is_closed_by_the_reset_alone(
    room: Room, client: FlaskClient
) -> None:
    incident = opened(room)
    refused = act(client, incident, "resolve")
    assert refused.status_code == 409
    assert refused.json["detail"] == (
        f"guard {GUARD} holds it open, because its trip is not reset. Reset the guard (`tripflag "
        f"reset {GUARD}`): that puts representative_status_enabled back and closes the incident. "
        "Until then acknowledge it, or lower its severity"
    )
    assert client.get(f"/api/v1/incidents/{incident}").json["held_open"] == refused.json["detail"]
    assert client.post(f"/api/v1/guards/{GUARD}/reset", json=WHY).status_code == 200
    over = client.get(f"/api/v1/incidents/{incident}").json
    assert over["incident"]["closed_at"] is not None
    assert (over["held_open"], over["restored_at"] is None) == ("", False)
    late = act(client, incident, "acknowledge")
    assert late.status_code == 409
    assert "so nobody needs to take it" in late.json["detail"]
    again = act(client, incident, "resolve")
    assert "(reset: the snapshot was replayed): add a note" in again.json["detail"]
    # What is over still takes notes and a severity.
    assert act(client, incident, "note", {"text": "it was the CDN"}).status_code == 200
    graded = act(client, incident, "severity", {**WHY, "severity": 2})
    assert [line["by"] for line in graded.json["timeline"][-2:]] == ["operator", "alice"]


def test_a_site_incident_whose_cause_its_guard_still_sees_is_not_a_persons_to_close(
    room: Room, client: FlaskClient
) -> None:
    incident = down(room)
    refused = act(client, incident, "resolve")
    assert refused.status_code == 409
    assert (
        "still sees its cause: it closes this incident itself after 2 passing"
        in (refused.json["detail"])
    )
    state = room.engine.state(GUARD).incident
    assert state is not None
    assert state.id == incident
    for _ in range(2):
        room.run()
    assert room.engine.state(GUARD).incident is None
    assert client.get(f"/api/v1/incidents/{incident}").json["incident"]["closed_at"] is not None


def test_an_incident_of_a_guard_that_left_is_resolved_by_hand_and_stays_so(
    room: Room, client: FlaskClient
) -> None:
    incident = down(room)
    with_it = room.config
    left = {name: spec for name, spec in with_it.guards.items() if name != GUARD}
    room.engine.reload(with_it.model_copy(update={"guards": left}))
    answered = act(client, incident, "resolve")
    assert answered.status_code == 200
    assert answered.json["incident"]["closing"] == "resolved by alice: looking into it"
    assert rows(room) == [("alice", "resolve", "", "", "looking into it")]

    room.engine.reload(with_it)
    assert room.engine.state(GUARD).incident is None
    room.run(outcome="failed", reason="an alert")
    (anew,) = history.incidents(room.journal, is_open=True)
    assert anew.id != incident
    for _ in range(2):
        room.run()
    closed = history.incident(room.journal, incident)
    assert closed is not None
    assert closed.closing == "resolved by alice: looking into it"


@pytest.mark.parametrize("verb", ["acknowledge", "note", "severity", "resolve"])
def test_an_act_on_what_somebody_changed_first_writes_nothing(
    room: Room, client: FlaskClient, verb: str
) -> None:
    incident = opened(room)
    seen = client.get(f"/api/v1/incidents/{incident}").headers["ETag"]
    act(client, incident, "note", {"text": "first"})
    body = {"note": {"text": "second"}, "severity": {**WHY, "severity": 4}}.get(verb, WHY)
    refused = act(client, incident, verb, body, **{"If-Match": seen})
    assert refused.status_code == 412
    assert refused.json["detail"].startswith(f"someone was first: incident {incident} is not")
    assert [row[1] for row in rows(room)] == ["note"]


def test_of_two_who_acknowledge_at_once_one_has_it(room: Room) -> None:
    incident, app = opened(room), room.app()

    def take(name: str) -> int:
        body = {"reason": "mine", "by": name}
        return int(act(app.test_client(), incident, "acknowledge", body).status_code)

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(take, ("alice", "bob"))) == [200, 409]
    assert [row[1] for row in rows(room)] == ["acknowledge"]


def test_only_operators_act_and_a_tokens_name_is_kept(build: Build, locked: Room) -> None:
    incident, client = opened(locked), locked.app().test_client()
    assert act(client, incident, "note", {"text": "x"}, **bearer(VIEWER)).status_code == 403
    assert act(client, incident, "note", {"text": "x"}).status_code == 401
    assert act(client, incident, "note", {"text": "x"}, **bearer(OPERATOR)).status_code == 200
    assert rows(locked) == [("operator", "note", "", "", "x")]


@pytest.mark.parametrize("verb", ["acknowledge", "note", "severity", "resolve"])
def test_an_act_on_no_incident_is_told_where_they_are_listed(
    client: FlaskClient, verb: str
) -> None:
    body = {"note": {"text": "x"}, "severity": {**WHY, "severity": 1}}.get(verb, WHY)
    answered = act(client, "nobody", verb, body)
    assert answered.status_code == 404
    assert answered.json["detail"].startswith("no such incident: list /api/v1/incidents")


def test_messages_hold_facts_and_the_address_and_nothing_that_a_chat_obeys(
    build: Build,
) -> None:
    room = build(web={"public_url": "https://flags.va.test/"})
    room.break_widget("<!channel> @here see http://evil.test\nand `more`")
    room.prove()
    (record,) = history.incidents(room.journal)
    client = room.app().test_client()
    said = client.get(f"/api/v1/incidents/{record.id}").json["messages"]
    address = f"https://flags.va.test/incidents/{record.id}"
    assert said["resolved"] is None
    for text in (said["opening"], said["update"], said["status_page"]):
        assert 3 <= len(text.split("\n")) <= 6
        assert (address in text) == (text != said["status_page"])
        assert not {"<", ">", "@here", "http://evil"} & {*text.split(), *text}
        assert "http://evil" not in text
    assert said["opening"].startswith(
        f"[SEV 1] {GUARD}: representative_status_enabled was turned off\nWhy: "
    )
    assert "proven in a fresh browser +" in said["update"]
    assert "evil" not in said["status_page"]
    assert GUARD not in said["status_page"]

    client.post(f"/api/v1/guards/{GUARD}/reset", json=WHY)
    said = client.get(f"/api/v1/incidents/{record.id}").json["messages"]
    assert "How it ended: reset: the snapshot was replayed" in said["resolved"]
    assert said["status_page"].startswith("Resolved\n")


def test_an_incidents_kill_is_told_from_its_first_failed_run(
    room: Room, client: FlaskClient
) -> None:
    incident = opened(room)
    kill = client.get(f"/api/v1/guards/{GUARD}").json["kill"]
    whole = client.get(f"/api/v1/incidents/{incident}").json
    (trip,) = whole["trips"]
    for rung in ("decided_at", "written_at", "verified_at", "by", "reason"):
        assert trip[rung] == kill[rung]
    # The explanation that is kept rounds to a tenth of a second.
    assert trip["took_s"] == pytest.approx(kill["verified_after_s"], abs=0.06)
    assert whole["began_at"] <= trip["decided_at"]


def test_the_command_line_does_what_the_api_does(
    room: Room, served: Callable[[Room], WebServer], tmp_path: Path
) -> None:
    incident, url = opened(room), served(room).url

    def run(*words: str) -> Result:
        return CliRunner().invoke(incidents, [*words, "--url", url])

    assert "due by 20" in run("list", "--open").output
    assert json.loads(run("list", "--json").output)[0]["id"] == incident
    assert run("ack", incident, "-r", "mine").exit_code == 0
    twice = run("ack", incident, "-r", "mine")
    assert (twice.exit_code, "acknowledged it at" in twice.stderr) == (3, True)
    assert run("note", incident, "the CDN serves an old bundle").exit_code == 0
    assert "severity 4" in run("severity", incident, "4", "-r", "the fallback serves").output
    assert run("severity", incident, "9", "-r", "x").exit_code == 2
    held = run("resolve", incident, "-r", "over")
    assert (held.exit_code, "Reset the guard" in held.stderr) == (3, True)
    shown = run("show", incident).output
    for words in (": the CDN serves an old bundle", "proven after", "message: status page"):
        assert words in shown
    assert json.loads(run("show", incident, "--json").output)["incident"]["severity"] == 4
    assert run("show", "nobody").exit_code == 2
    file = tmp_path / "post.md"
    assert run("postmortem", incident, "-o", str(file)).exit_code == 0
    (title, *_) = file.read_text().split("\n")
    assert title.startswith(f"# Post-mortem: ` {GUARD} `")
    assert run("postmortem", incident).output.startswith(f"{title}\n\nAll times are UTC.")
    nowhere = run("postmortem", incident, "-o", str(tmp_path / "none" / "post.md"))
    assert (nowhere.exit_code, "give another file with -o" in nowhere.stderr) == (2, True)
