"""What applications read from a daemon: without a token, from any origin, as soon as we write."""

from __future__ import annotations

import pytest

from flags.model import StoreUnavailable
from tests.web.conftest import BOTH, FLAG, Build, Room, bearer

TOGGLES = f"/v0/feature_toggles?features={FLAG}"
EVALUATE = f"/ofrep/v1/evaluate/flags/{FLAG}"


def told(room: Room) -> tuple[bool, bool]:
    """The flag as both faces tell it."""
    client = room.app().test_client()
    (feature,) = client.get(TOGGLES).get_json()["data"]["features"]
    evaluated = client.post(EVALUATE, json={"context": {}}).get_json()
    return feature["value"], evaluated["value"]


def test_an_application_needs_no_token_and_may_come_from_any_page(locked: Room) -> None:
    client = locked.app().test_client()
    elsewhere = {"Origin": "https://www.example.org"}
    evaluated = client.post(EVALUATE, json={"context": {}}, headers=elsewhere)
    assert (evaluated.status_code, evaluated.get_json()["value"]) == (200, True)
    assert evaluated.headers["Access-Control-Allow-Origin"] == "*"
    assert client.get(TOGGLES).status_code == 200


def test_a_kill_is_told_before_any_poll(room: Room) -> None:
    assert told(room) == (True, True)
    room.break_widget()
    assert told(room) == (False, False)
    client = room.app().test_client()
    killed = client.post(EVALUATE, json={"context": {}}).get_json()
    assert (killed["reason"], killed["variant"]) == ("DISABLED", "off")


def test_what_others_write_is_told_after_a_poll(room: Room) -> None:
    room.store.set(FLAG, False)
    assert told(room) == (True, True)
    room.engine.poll_flags()
    assert told(room) == (False, False)


def test_an_unreadable_store_leaves_the_last_answer_and_says_that_it_is_stale(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise StoreUnavailable("read", "*", OSError("no route to host"))

    monkeypatch.setattr(room.store, "flags", away)
    room.engine.poll_flags()
    assert told(room) == (True, True)
    answer = room.app().test_client().get(TOGGLES)
    assert "X-Tripflag-Stale" in answer.headers


def test_a_host_that_is_not_ours_is_refused_here_too(room: Room) -> None:
    answer = room.app().test_client().get(TOGGLES, headers={"Host": "evil.example.org"})
    assert answer.status_code == 403


def test_a_daemon_that_serves_no_flags_has_no_such_paths(build: Build) -> None:
    client = build(web={"tokens": BOTH, "serve_flags": False}).app().test_client()
    assert client.get(TOGGLES, headers=bearer(BOTH["operator"])).status_code == 404
