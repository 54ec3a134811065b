"""What operators ask for through the API really happens in the store and in the journal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from daemon import history
from daemon.audit import first_broken
from flags.model import Gates
from flags.switch import Switch
from tests.web.conftest import BOTH, FLAG, GUARD, OPERATOR, Build, Room, bearer


def act(client: FlaskClient, verb: str, status: int = 200, **body: Any) -> Any:
    answer = client.post(f"/api/v1/guards/{GUARD}/{verb}", json={"reason": "because", **body})
    assert answer.status_code == status, answer.json
    return answer.json


def test_a_trip_turns_the_flag_off_and_a_reset_puts_back_the_very_same_gates(room: Room) -> None:
    gates = Gates.of(("actors", "user-7"), ("percentage_of_actors", "12.5"))
    room.store.replace_gates(FLAG, gates)
    client = room.app().test_client()

    tripped = act(client, "trip", by="pat")
    assert room.flag() == "off"
    assert (tripped["phase"], tripped["flag_value"]) == ("killed_unverified", False)
    assert tripped["kill"]["by"] == "pat"
    assert tripped["kill"]["written_after_s"] >= 0

    reset = act(client, "reset", by="pat")
    assert Switch(room.store).flag(FLAG).gates == gates
    assert (reset["phase"], reset["kill"]) == ("armed", None)
    told = [(flip.before, flip.after, flip.by) for flip in history.flips(room.journal)]
    assert told == [("off", "conditional", "pat"), ("conditional", "off", "pat")]


def test_a_fallback_is_tripped_by_turning_its_flag_on(room: Room) -> None:
    client = room.app().test_client()
    answer = client.post("/api/v1/guards/assessment/trip", json={"reason": "the flow is stuck"})
    assert answer.status_code == 200
    assert room.flag("assessment_fallback_enabled") == "on"


def test_a_hold_ends_when_it_was_said_to(client: FlaskClient) -> None:
    before = datetime.now(UTC)
    held = act(client, "hold", for_s=3600, by="pat", reason="we deploy")
    assert held["phase"] == "held"
    assert (held["hold"]["by"], held["hold"]["reason"]) == ("pat", "we deploy")
    until = datetime.fromisoformat(held["hold"]["until"])
    assert before + timedelta(hours=1) <= until <= datetime.now(UTC) + timedelta(hours=1)
    assert "an operator's hold is in force" in held["blockers"] or held["suspicion"] is None


def test_a_hold_without_an_end_lasts_until_released(client: FlaskClient) -> None:
    assert act(client, "hold")["hold"]["until"] is None
    released = act(client, "release")
    assert (released["phase"], released["hold"]) == ("armed", None)
    act(client, "release", status=409)


def test_a_held_guard_does_not_act_on_a_broken_widget(room: Room) -> None:
    client = room.app().test_client()
    act(client, "hold")
    room.break_widget()
    assert room.flag() == "on"
    assert client.get(f"/api/v1/guards/{GUARD}").json["blockers"] == [
        "an operator's hold is in force"
    ]


def test_an_act_without_a_name_is_the_operators(room: Room) -> None:
    act(room.app().test_client(), "trip")
    assert history.flips(room.journal)[0].by == "operator"


@pytest.mark.parametrize(("verb", "state"), [("enable", "on"), ("disable", "off")])
def test_an_operator_writes_a_flag_and_its_guard_adopts_it(
    room: Room, verb: str, state: str
) -> None:
    client = room.app().test_client()
    room.store.set(FLAG, state == "off")
    room.engine.poll_flags()
    answer = client.post(f"/api/v1/flags/{FLAG}/{verb}", json={"reason": "launch", "by": "pat"})
    assert (answer.status_code, answer.json["state"]) == (200, state)
    assert room.flag() == state
    assert answer.json["guarded_by"] == GUARD
    guard = client.get(f"/api/v1/guards/{GUARD}").json
    assert guard["phase"] == ("human_off" if state == "off" else "human_on")


def test_a_flip_that_the_store_does_not_take_is_said_to_be_pending(
    room: Room, tmp_path: Path
) -> None:
    import sqlite3

    client = room.app().test_client()
    locker = sqlite3.connect(tmp_path / "flags.sqlite", isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")  # readers pass, writers wait in vain
    answer = client.post(f"/api/v1/flags/{FLAG}/disable", json={"reason": "it hurts"})
    assert (answer.status_code, answer.json["pending"]) == (202, "off")
    assert answer.json["state"] == "on"
    listed = client.get("/api/v1/flips").json
    assert listed["flips"] == []
    assert [(flip["flag"], flip["to"]) for flip in listed["pending"]] == [(FLAG, False)]
    assert "locked" in listed["pending"][0]["error"]
    locker.execute("ROLLBACK")
    locker.close()
    deadline = datetime.now(UTC) + timedelta(seconds=10)
    while room.flag() == "on" and datetime.now(UTC) < deadline:
        room.engine.apply_pending()
    assert room.flag() == "off"
    assert client.get(f"/api/v1/flags/{FLAG}").json["pending"] is None


# --- who acts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "actor"),
    [
        ({}, "operator"),
        ({"by": "operator"}, "operator"),
        ({"by": "pat"}, "pat (token operator)"),
    ],
)
def test_a_tokens_holder_acts_under_its_name_whatever_the_body_says(
    build: Build, body: dict[str, str], actor: str
) -> None:
    room = build(web={"tokens": BOTH})
    client = room.app().test_client()
    for path in (f"guards/{GUARD}/trip", f"flags/{FLAG}/enable"):
        sent = {"reason": "because", **body}
        answer = client.post(f"/api/v1/{path}", json=sent, headers=bearer(OPERATOR))
        assert answer.status_code == 200
    assert [row.actor for row in room.audited()] == [actor] * 3
    assert {flip.by for flip in history.flips(room.journal)} == {actor}


def test_every_act_on_a_guard_is_signed_with_what_it_changed(room: Room) -> None:
    client = room.app().test_client()
    for verb in ("hold", "release", "trip", "reset"):
        act(client, verb, by="pat")
    assert [
        (row.action, row.before, row.after, row.actor, row.reason)
        for row in room.audited(f"guard {GUARD}")
    ] == [
        ("hold", "armed", "held", "pat", "because"),
        ("release", "held", "armed", "pat", "because"),
        ("trip", "armed", "killing", "pat", "because"),
        ("reset", "killed_unverified", "killed_unverified, resetting", "pat", "because"),
    ]
    assert first_broken(room.audited()) is None


def test_a_hold_after_a_kill_is_signed_as_a_hold(room: Room) -> None:
    client = room.app().test_client()
    for verb in ("trip", "hold", "release"):
        act(client, verb, by="pat")
    changes = [(row.before, row.after) for row in room.audited(f"guard {GUARD}")]
    killed = "killed_unverified"
    assert changes[1:] == [(killed, f"{killed}, held"), (f"{killed}, held", killed)]


def test_an_act_that_is_refused_is_not_signed(room: Room) -> None:
    client = room.app().test_client()
    act(client, "release", status=409)
    act(client, "reset", status=409)
    act(client, "trip", status=422, by="guard")
    assert room.audited() == []


def test_the_requests_id_is_in_the_audit_and_in_the_answer(room: Room) -> None:
    client = room.app().test_client()
    path, body = f"/api/v1/guards/{GUARD}/hold", {"reason": "because"}
    named = client.post(path, json=body, headers={"X-Request-ID": "req-7"})
    made = client.post(path, json=body)
    unusable = client.post(path, json=body, headers={"X-Request-ID": "two words"})
    refused = client.post(path, json={}, headers={"X-Request-ID": "req-8"})
    told = [each.headers["X-Request-ID"] for each in (named, made, unusable)]
    assert [row.request_id for row in room.audited()] == told
    assert (told[0], refused.headers["X-Request-ID"]) == ("req-7", "req-8")
    assert len({*told, "two words"}) == 4
    assert [len(each) for each in told[1:]] == [36, 36]
