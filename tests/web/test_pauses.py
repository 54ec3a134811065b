"""A paused probe is off its schedule, can be run by hand, and leaves its guard blind in the end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from daemon.audit import Signed
from daemon.journal import JournalError
from daemon.pauses import PauseRefused, Pauses
from tests.web.conftest import GUARD, Room, ago

PROBE = "widget_signed_out"
PATH = f"/api/v1/probes/{PROBE}"


def pause(client: FlaskClient, probe: str = PROBE, **body: Any) -> TestResponse:
    body = {"reason": "we deploy", "by": "pat", **body}
    return client.post(f"/api/v1/probes/{probe}/pause", json=body)


def resume(client: FlaskClient) -> TestResponse:
    return client.post(f"{PATH}/resume", json={"reason": "deployed", "by": "pat"})


def shown(client: FlaskClient) -> Any:
    return client.get(PATH).get_json()["paused"]


def test_a_pause_lasts_until_resumed_and_is_shown_with_its_reason(
    room: Room, client: FlaskClient
) -> None:
    assert shown(client) is None
    answer = pause(client)
    assert (answer.status_code, answer.get_json()["paused"]) == (200, shown(client))
    assert {**shown(client), "at": ""} == {
        "by": "pat",
        "reason": "we deploy",
        "at": "",
        "until": None,
    }
    assert room.engine.pauses.of(PROBE) is not None
    assert resume(client).get_json()["paused"] is None
    assert room.engine.pauses.of(PROBE) is None
    assert [(row.action, row.before, row.after) for row in room.audited(f"probe {PROBE}")] == [
        ("pause", "scheduled", "paused until resumed"),
        ("resume", "paused until resumed", "scheduled"),
    ]


def test_a_pause_holds_over_a_restart(room: Room, client: FlaskClient) -> None:
    before = pause(client, for_s=3600).get_json()["paused"]
    room.reopen()
    after = shown(room.app().test_client())
    assert after == before
    until = datetime.fromisoformat(after["until"])
    assert until - datetime.fromisoformat(after["at"]) <= timedelta(hours=1)
    assert until > datetime.now(UTC) + timedelta(minutes=59)
    assert resume(room.app().test_client()).status_code == 200
    room.reopen()
    assert shown(room.app().test_client()) is None


def test_a_pause_with_an_end_ends_by_itself(room: Room) -> None:
    now = datetime(2026, 1, 31, 12, tzinfo=UTC)
    pauses = Pauses(room.journal, lambda: now)
    pauses.pause(PROBE, Signed("pat", "we deploy"), now + timedelta(hours=1))
    now += timedelta(minutes=59, seconds=59)
    assert pauses.of(PROBE) is not None
    with pytest.raises(PauseRefused, match="paused already, by pat until 2026-01-31 13:00:00 UTC"):
        pauses.pause(PROBE, Signed("ann", "again"))
    now += timedelta(seconds=1)
    assert pauses.of(PROBE) is None
    with pytest.raises(PauseRefused, match="is not paused: there is nothing to resume"):
        pauses.resume(PROBE, Signed("pat", "deployed"))
    pauses.pause(PROBE, Signed("ann", "again"))
    with pytest.raises(PauseRefused, match="would end in the past"):
        pauses.pause("page", Signed("ann", "again"), now)


def test_a_pause_that_was_kept_is_in_force_though_nothing_can_be_read_any_more(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error says that nothing was changed, so none may come once the row is there."""

    def away() -> None:
        raise JournalError("cannot be read")

    pauses = room.engine.pauses
    monkeypatch.setattr(room.journal, "reading", away)
    pauses.pause(PROBE, Signed("pat", "we deploy"))
    assert pauses.of(PROBE) is not None
    pauses.resume(PROBE, Signed("pat", "deployed"))
    assert pauses.of(PROBE) is None


def test_a_paused_probe_can_be_run_by_hand(room: Room, client: FlaskClient) -> None:
    pause(client)
    answer = client.post(f"{PATH}/run", json={})
    assert (answer.status_code, answer.get_json()["runs"]) == (202, [f"{PROBE}-local"])
    assert answer.headers["Location"] == f"/api/v1/runs/{PROBE}-local"
    row = room.audited(f"probe {PROBE}")[-1]
    assert (row.action, row.actor, row.after) == ("run", "operator", f"{PROBE}-local")


def test_a_run_that_is_under_way_already_is_signed_once(room: Room, client: FlaskClient) -> None:
    client.post(f"{PATH}/run", json={"by": "pat", "reason": "look"})
    assert client.post(f"{PATH}/run", json={}).status_code == 409
    (row,) = room.audited()
    assert (row.actor, row.reason) == ("pat", "look")


def test_its_guard_hears_nothing_and_goes_blind_as_with_any_silent_probe(
    room: Room, client: FlaskClient
) -> None:
    pause(client)
    room.run(PROBE, started_at=ago(601))  # its last before the pause; silent_after_s is 600
    assert client.get(f"/api/v1/guards/{GUARD}").get_json()["phase"] == "blind"


@pytest.mark.parametrize(
    ("act", "status", "says"),
    [
        (resume, 409, f"{PROBE} is not paused: there is nothing to resume"),
        (
            lambda client: pause(client, "widget_control"),
            409,
            "widget_control runs on demand only: it has no schedule that could be paused",
        ),
        (lambda client: pause(client, "nobody"), 404, "no probe is named 'nobody': name one of: "),
        (lambda client: pause(client, reason=""), 422, "reason: "),
        (lambda client: pause(client, for_s=0), 422, "for_s: "),
    ],
)
def test_what_cannot_be_paused_or_resumed_is_a_problem_and_leaves_no_row(
    room: Room,
    client: FlaskClient,
    act: Callable[[FlaskClient], TestResponse],
    status: int,
    says: str,
) -> None:
    answer = act(client)
    assert (answer.status_code, answer.get_json()["detail"][: len(says)]) == (status, says)
    assert room.audited() == []
    assert shown(client) is None
