"""An operator's word on a guard's mode holds over the configuration's, until taken back."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from daemon import history
from tests.web.conftest import BOTH, GUARD, OPERATOR, Build, Room, bearer
from tests.web.test_drills import Hall

PATH = f"/api/v1/guards/{GUARD}"
PHASE = "tripflag_guard_phase"


def set_mode(client: FlaskClient, mode: str, reason: str = "we deploy") -> TestResponse:
    return client.post(f"{PATH}/mode", json={"mode": mode, "reason": reason, "by": "pat"})


def shown(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get(PATH).get_json()
    return found


def test_a_guard_that_only_observes_does_not_act_and_says_whose_word_that_is(room: Room) -> None:
    client = room.app().test_client()
    answer = set_mode(client, "observe")
    assert answer.status_code == 200
    guard = shown(client)
    assert (guard["mode"], guard["mode_configured"], guard["phase"]) == (
        "observe",
        "enforce",
        "observe",
    )
    assert (guard["mode_set_by"], guard["mode_reason"]) == ("pat", "we deploy")
    assert guard["mode_set_at"] == guard["timeline"][-1]["at"] == guard["since"]
    assert guard["spec"]["mode"] == "observe"
    room.break_widget()
    assert room.flag() == "on"
    assert shown(client)["blockers"] == ["observe mode: decides but does not act"]


def test_a_guard_that_observes_by_configuration_can_be_let_act(build: Build) -> None:
    room = build(mode="observe")
    assert set_mode(room.app().test_client(), "enforce").status_code == 200
    room.break_widget()
    assert room.flag() == "off"


def test_it_holds_over_a_restart_and_a_reload_until_taken_back(room: Room) -> None:
    set_mode(room.app().test_client(), "observe")
    room.reopen()
    room.engine.reload(room.config)
    client = room.app().test_client()
    guard = shown(client)
    assert (guard["mode"], guard["mode_set_by"]) == ("observe", "pat")
    room.break_widget()
    assert room.flag() == "on"

    back = set_mode(client, "configured", "deployed").get_json()

    assert (back["mode"], back["mode_set_by"], back["mode_set_at"], back["mode_reason"]) == (
        "enforce",
        None,
        None,
        None,
    )
    room.reopen()
    assert shown(room.app().test_client())["mode"] == "enforce"


def test_a_reload_with_another_mode_does_not_undo_it(build: Build) -> None:
    room = build(mode="observe")
    client = room.app().test_client()
    set_mode(client, "observe")  # pinned: what the file will say later does not matter
    spec = room.config.guards[GUARD].model_copy(update={"mode": "enforce"})
    guards = {**room.config.guards, GUARD: spec}
    room.engine.reload(room.config.model_copy(update={"guards": guards}))
    guard = shown(client)
    assert (guard["mode"], guard["mode_configured"]) == ("observe", "enforce")


def test_metrics_show_the_phase_of_the_mode_at_once(room: Room) -> None:
    client = room.app().test_client()
    before = room.registry.get_sample_value(PHASE, {"guard": GUARD, "phase": "armed"})
    set_mode(client, "observe")
    values = [
        room.registry.get_sample_value(PHASE, {"guard": GUARD, "phase": phase})
        for phase in ("armed", "observe")
    ]
    assert (before, values) == (1, [0, 1])


def test_a_drill_under_way_goes_on_and_says_that_the_guard_only_observes(room: Room) -> None:
    hall = Hall(room)
    room.engine.modes.changed = hall.drills.see
    client = hall.app().test_client()
    for mode, says in (
        ("observe", "in enforce mode it would have turned"),
        ("configured", "would have turned"),
    ):
        assert client.post(f"{PATH}/drill", json={}).status_code == 202
        drill = hall.drills.reports()[0].id
        hall.come_in()
        assert set_mode(client, mode).status_code == 200  # of the next drill, not of this one
        hall.finish()
        report = hall.drills.report(drill)
        assert report is not None
        assert report.ending in ("would_kill", "held_back")
        client.post(f"{PATH}/drill", json={})
        hall.finish()
        assert hall.drills.reports()[0].says.startswith(says)


def test_each_change_is_in_the_audit_and_the_timeline(build: Build) -> None:
    room = build(web={"tokens": BOTH})
    client = room.app().test_client()
    for mode in ("observe", "configured"):
        body = {"mode": mode, "reason": "because", "by": "pat"}
        headers = {**bearer(OPERATOR), "X-Request-ID": f"req-{mode}"}
        answer = client.post(f"{PATH}/mode", json=body, headers=headers)
        assert answer.headers["X-Request-ID"] == f"req-{mode}"
    assert [
        (row.actor, row.action, row.before, row.after, row.reason, row.request_id)
        for row in room.audited(f"guard {GUARD}")
    ] == [
        ("pat (token operator)", "mode", "enforce", "observe", "because", "req-observe"),
        ("pat (token operator)", "mode", "observe", "enforce", "because", "req-configured"),
    ]
    assert [line.text for line in history.timeline(room.journal, GUARD)][-2:] == [
        "mode observe, by pat (token operator) (was enforce): because",
        "mode enforce, as configured, by pat (token operator) (was observe): because",
    ]


def test_what_is_so_already_is_a_conflict_and_leaves_no_row(room: Room) -> None:
    client = room.app().test_client()
    nothing = set_mode(client, "configured")
    assert (nothing.status_code, nothing.get_json()["detail"]) == (
        409,
        "nobody set the mode of representative_status: it is the configuration's already (enforce)",
    )
    set_mode(client, "observe")
    again = set_mode(client, "observe")
    assert (again.status_code, again.get_json()["detail"]) == (
        409,
        "representative_status is in observe mode already, set by pat: there is nothing to do",
    )
    assert len(room.audited()) == 1


@pytest.mark.parametrize("body", [{"mode": "off", "reason": "x"}, {"mode": "observe"}])
def test_another_mode_or_no_reason_is_refused(client: FlaskClient, body: dict[str, str]) -> None:
    assert client.post(f"{PATH}/mode", json=body).status_code == 422
    assert shown(client)["mode"] == "enforce"
