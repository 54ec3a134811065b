"""Who acts upon what is no longer so is told, and nothing is written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from daemon.web.etag import etag_of
from daemon.web.views.guard import etag_of_guard
from flags.model import Gates
from probes.model import Violation
from tests.web.conftest import FLAG, GUARD, Room

PROBE = "widget_signed_out"
GUARD_PATH, FLAG_PATH = f"/api/v1/guards/{GUARD}", f"/api/v1/flags/{FLAG}"
PROBE_PATH = f"/api/v1/probes/{PROBE}"
STALE = '"not-the-one-of-now"'


def etag(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.headers["ETag"]


def post(client: FlaskClient, path: str, if_match: str, **body: Any) -> TestResponse:
    return client.post(path, json={"reason": "because", **body}, headers={"If-Match": if_match})


@pytest.mark.parametrize("path", [GUARD_PATH, FLAG_PATH, PROBE_PATH])
def test_who_has_the_newest_is_answered_304_without_a_body(client: FlaskClient, path: str) -> None:
    known = etag(client, path)
    again = client.get(path, headers={"If-None-Match": f'"older", {known}'})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", known)
    assert client.get(path, headers={"If-None-Match": STALE}).status_code == 200


@pytest.mark.parametrize(
    ("shown_by", "path", "act"),
    [
        ("daemon.web.api.guards.guard_view", GUARD_PATH, f"{GUARD_PATH}/hold"),
        ("daemon.web.api.probes.probe_views", PROBE_PATH, f"{PROBE_PATH}/pause"),
        ("daemon.web.pages.probe.probe_views", f"/probes/{PROBE}", f"{PROBE_PATH}/pause"),
        ("daemon.web.pages.probe.probe_views", "/probes", f"{PROBE_PATH}/pause"),
        ("daemon.web.pages.guard_row.guard_view", f"/guards/{GUARD}", f"{GUARD_PATH}/hold"),
    ],
)
def test_who_was_shown_the_older_is_not_given_the_newer_etag(
    room: Room,
    client: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    shown_by: str,
    path: str,
    act: str,
) -> None:
    module, _, name = shown_by.rpartition(".")
    look, other = getattr(import_module(module), name), room.app().test_client()
    acted: list[int] = []

    def then_somebody_acts(*asked: Any) -> Any:
        shown = look(*asked)
        monkeypatch.undo()
        acted.append(other.post(act, json={"reason": "because"}).status_code)
        return shown

    monkeypatch.setattr(shown_by, then_somebody_acts)
    seen = client.get(path)
    assert (seen.status_code, acted) == (200, [200])
    newest = etag(client, act.rpartition("/")[0])
    assert seen.headers.get("ETag") != newest
    assert newest.strip('"') not in seen.text


@pytest.mark.parametrize(
    "act",
    [
        f"{GUARD_PATH}/trip",
        f"{GUARD_PATH}/hold",
        f"{GUARD_PATH}/mode",
        f"{FLAG_PATH}/disable",
        f"{PROBE_PATH}/pause",
        f"{PROBE_PATH}/run",
    ],
)
def test_an_act_upon_something_older_writes_nothing(
    room: Room, client: FlaskClient, act: str
) -> None:
    path, verb = act.rsplit("/", 1)
    body = {"mode": "observe"} if verb == "mode" else {}
    now = etag(client, path)
    answer = post(client, act, STALE, **body)
    assert answer.status_code == 412
    subject = path.removeprefix("/api/v1/").replace("s/", " ", 1)
    assert answer.get_json()["detail"] == (
        f"someone was first: {subject} is not what you saw. Nothing was written: look again, and "
        "decide anew"
    )
    assert answer.headers["ETag"] == now == etag(client, path)
    assert (room.flag(), room.audited(), room.busy) == ("on", [], set())
    assert post(client, act, now, **body).status_code in (200, 202)


def test_a_reset_a_release_and_a_resume_go_by_it_too(room: Room, client: FlaskClient) -> None:
    for act, undo, path in (
        ("trip", "reset", GUARD_PATH),
        ("hold", "release", GUARD_PATH),
        ("pause", "resume", PROBE_PATH),
    ):
        before = etag(client, path)
        done = post(client, f"{path}/{act}", before)
        assert done.status_code == 200
        assert done.headers["ETag"] == etag(client, path) != before
        assert post(client, f"{path}/{undo}", before).status_code == 412
        assert post(client, f"{path}/{undo}", done.headers["ETag"]).status_code == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("{now}", 200),
        ('"older", {now}', 200),
        ("*", 200),
        ("W/{now}", 412),
        (f"{STALE}, {STALE}", 412),
        ("", 400),
    ],
)
def test_if_match_is_read_as_the_standard_says(client: FlaskClient, sent: str, status: int) -> None:
    now = etag(client, GUARD_PATH)
    answer = post(client, f"{GUARD_PATH}/hold", sent.format(now=now))
    assert answer.status_code == status, answer.get_json()


def test_an_empty_if_match_says_what_to_send(client: FlaskClient) -> None:
    assert post(client, f"{GUARD_PATH}/hold", " ").get_json()["detail"] == (
        "If-Match holds no ETag: send the one of an earlier answer, or leave it out"
    )


def test_runs_that_change_no_decision_leave_a_guards_etag_alone(
    room: Room, client: FlaskClient
) -> None:
    room.run()
    before = etag(client, GUARD_PATH)
    room.run()
    assert etag(client, GUARD_PATH) == before
    room.run(outcome="failed", reason="an error alert")
    suspicious = etag(client, GUARD_PATH)
    assert suspicious != before
    room.run(outcome="failed", reason="another alert")
    assert etag(client, GUARD_PATH) == suspicious


@pytest.mark.parametrize(
    "change",
    [
        lambda room: room.break_widget(),
        lambda room: room.store.set(FLAG, False) or room.engine.poll_flags(),
        lambda room: (
            room.app()
            .test_client()
            .post(f"{GUARD_PATH}/mode", json={"mode": "observe", "reason": "x"})
        ),
    ],
    ids=["a kill", "a person's write", "a mode"],
)
def test_what_changes_a_decision_changes_a_guards_etag(
    room: Room, client: FlaskClient, change: Callable[[Room], object]
) -> None:
    before = etag(client, GUARD_PATH)
    change(room)
    assert etag(client, GUARD_PATH) != before


def test_a_flags_etag_is_of_its_gates_alone(room: Room, client: FlaskClient) -> None:
    first = etag(client, FLAG_PATH)
    room.store.replace_gates(FLAG, Gates.of(("percentage_of_actors", "10")))
    assert etag(client, FLAG_PATH) != first
    room.store.replace_gates(FLAG, Gates.of(("boolean", "true")))
    assert etag(client, FLAG_PATH) == first


def test_if_match_and_seen_refuse_a_changed_flag_each_in_its_own_way(
    room: Room, client: FlaskClient
) -> None:
    known = etag(client, FLAG_PATH)
    room.store.replace_gates(FLAG, Gates.of(("percentage_of_actors", "10")))
    seen = [["boolean", "true"]]
    assert post(client, f"{FLAG_PATH}/disable", known).status_code == 412
    body = {"reason": "because", "seen": seen}
    assert client.post(f"{FLAG_PATH}/disable", json=body).status_code == 409
    assert room.flag() == "conditional"
    assert room.audited() == []


def test_a_new_baseline_changes_a_probes_etag(room: Room, client: FlaskClient) -> None:
    room.run(PROBE, violations=(Violation("image-alt", "critical", "img", "Images need text"),))
    before = etag(client, PROBE_PATH)
    assert post(client, f"{PROBE_PATH}/baseline", before).status_code == 200
    assert post(client, f"{PROBE_PATH}/baseline", before).status_code == 412


def test_a_drill_upon_an_older_guard_is_refused_as_one(client: FlaskClient) -> None:
    answer = post(client, f"{GUARD_PATH}/drill", STALE)
    assert answer.status_code == 503  # no scheduler here; tests/web/test_drills.py has one


def test_equal_facts_have_equal_etags_in_every_process() -> None:
    code = "from daemon.web.etag import etag_of; print(etag_of('x', {'b': 1, 'a': [None, True]}))"
    env = {**os.environ, "PYTHONHASHSEED": "7"}
    told = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == etag_of("x", {"a": [None, True], "b": 1})


def test_a_time_is_the_same_fact_in_every_zone_and_other_objects_are_none() -> None:
    utc = datetime.fromisoformat("2026-01-31T12:00:00+00:00")
    assert etag_of(utc) == etag_of(datetime.fromisoformat("2026-01-31T13:00:00+01:00"))
    with pytest.raises(TypeError, match="object has no place in an ETag"):
        etag_of(object())


def test_a_latch_is_something_that_an_operator_decides_upon(room: Room) -> None:
    spec, state = room.config.guards[GUARD], room.engine.state(GUARD)
    latched = replace(state, latched="2 failed kills in 24 h")
    assert etag_of_guard(spec, state) != etag_of_guard(spec, latched)
