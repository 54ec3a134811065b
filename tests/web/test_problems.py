"""Errors are problem+json with a remedy, and tell nothing of our insides."""

from __future__ import annotations

import html
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from daemon.web.kinds import KINDS
from tests.web.conftest import FLAG, GUARD, JSON, Build, Room

TRIP = f"/api/v1/guards/{GUARD}/trip"


def problem(answer: Any) -> dict[str, Any]:
    assert answer.mimetype == "application/problem+json"
    body: dict[str, Any] = answer.json
    kind = KINDS[body["type"].removeprefix("/problems/")]
    assert (body["status"], body["title"]) == (answer.status_code, kind.title)
    assert body["status"] == kind.status
    assert body["instance"] == answer.headers["X-Request-ID"]
    return body


def test_an_unknown_guard_is_answered_with_the_known_ones(client: FlaskClient) -> None:
    sent = client.get("/api/v1/guards/representative", headers={"X-Request-ID": "mine-1"})
    assert problem(sent) == {
        "type": "/problems/not-found",
        "title": "Nothing is here",
        "instance": "mine-1",
        "status": 404,
        "detail": "no guard is named 'representative': name one of: assessment, "
        "representative_status",
        "known": ["assessment", "representative_status"],
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/guards/nobody/trip"),
        ("GET", "/api/v1/probes/nobody"),
        ("POST", "/api/v1/probes/nobody/run"),
        ("GET", "/api/v1/flags/nobody"),
        ("POST", "/api/v1/flags/nobody/enable"),
    ],
)
def test_an_unknown_name_creates_nothing(room: Room, method: str, path: str) -> None:
    body = None if method == "GET" else {} if path.endswith("run") else {"reason": "why not"}
    answer = room.app().test_client().open(path, method=method, json=body)
    assert answer.status_code == 404
    assert "nobody" not in problem(answer)["known"]
    assert "name one of: " in answer.json["detail"]
    assert [flag.name for flag in room.store.flags()] == ["assessment_fallback_enabled", FLAG]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "reason: required, but it was not sent"),
        ({"reason": "  "}, "reason: string should have at least 1 character"),
        ({"reason": 5}, "reason: input should be a valid string"),
        ({"reason": "x" * 501}, "reason: string should have at most 500 characters"),
        ({"reason": "a\nb"}, "reason: must be one line of printable text"),
        ({"reason": "a\u202eb"}, "reason: must be one line of printable text"),
        (
            {"reason": "\ud800"},
            "reason: input should be a valid string, unable to parse raw data as a unicode string",
        ),
        ({"reason": "x", "by": "Guard"}, "by: `guard` is not a person: say who asks"),
        ({"reason": "x", "why": 1}, "why: not known here: remove it, or check its spelling"),
        ([], "body: must be a JSON object"),
        (None, "body: must be a JSON object"),
    ],
)
def test_a_body_that_does_not_fit_is_answered_in_words(room: Room, body: Any, detail: str) -> None:
    answer = room.app().test_client().post(TRIP, data=json.dumps(body), headers=JSON)
    told = problem(answer)
    assert (told["status"], told["detail"]) == (422, detail)
    assert room.flag() == "on"


def test_a_body_with_several_faults_names_each(client: FlaskClient) -> None:
    answer = client.post(f"/api/v1/guards/{GUARD}/hold", json={"for_s": -1})
    assert problem(answer)["errors"] == [
        {"at": "reason", "says": "required, but it was not sent"},
        {"at": "for_s", "says": "input should be greater than 0"},
    ]


@pytest.mark.parametrize("body", ["", "{", "reason=x", "[" * 60_000, b"\xff\xfe"])
def test_a_body_that_is_not_json_is_a_bad_request(client: FlaskClient, body: str | bytes) -> None:
    told = problem(client.post(TRIP, data=body, headers=JSON))
    assert told["status"] == 400
    assert told["detail"].startswith("the body is not JSON")
    assert told["detail"].endswith("send an object, `{}` at least")


def test_a_body_that_is_too_long_is_refused(client: FlaskClient) -> None:
    told = problem(client.post(TRIP, json={"reason": "x" * 70_000}))
    assert (told["status"], told["detail"]) == (
        413,
        "the body is over 65536 bytes: send a shorter reason",
    )


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("limit=0", "limit: input should be greater than or equal to 1"),
        ("limit=501", "limit: input should be less than or equal to 500"),
        ("outcom=failed", "outcom: not known here: remove it, or check its spelling"),
        ("cursor=yesterday", "cursor: must be `next` of the page before, as it was sent"),
        ("cursor=", "cursor: must be `next` of the page before, as it was sent"),
        ("cursor=" + "9" * 17 + "~a", "cursor: must be `next` of the page before, as it was sent"),
        ("since=yesterday", "since: is no time: give one such as 2026-01-31T12:00:00Z"),
        (
            "until=2026-01-31T12:00:00",
            "until: has no zone: add Z for UTC, or an offset such as %2B01:00",
        ),
    ],
)
def test_a_query_that_does_not_fit_is_answered_in_words(
    client: FlaskClient, query: str, detail: str
) -> None:
    told = problem(client.get(f"/api/v1/runs?{query}"))
    assert (told["status"], told["detail"]) == (422, detail)


def test_an_outcome_that_there_is_not_is_answered_with_those_that_there_are(
    client: FlaskClient,
) -> None:
    told = problem(client.get("/api/v1/runs?outcome=broken"))
    assert "'passed', 'degraded', 'failed', 'error' or 'skipped'" in told["detail"]


def test_a_command_that_makes_no_sense_now_is_a_conflict(client: FlaskClient) -> None:
    told = problem(client.post(f"/api/v1/guards/{GUARD}/reset", json={"reason": "x"}))
    assert (told["status"], told["detail"]) == (
        409,
        "not tripped (armed): there is nothing to reset",
    )


def test_running_a_probe_that_is_under_way_is_a_conflict(client: FlaskClient) -> None:
    first = client.post("/api/v1/probes/page/run", json={})
    assert (first.status_code, first.json) == (202, {"runs": ["page-local"]})
    told = problem(client.post("/api/v1/probes/page/run", json={}))
    assert (told["status"], told["detail"]) == (409, "page is under way: wait for its run")


def test_a_method_that_is_not_served_says_which_are(client: FlaskClient) -> None:
    answer = client.put("/api/v1/guards")
    assert problem(answer)["detail"] == "PUT is not served here: use GET, HEAD, OPTIONS"
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_a_path_that_there_is_not_points_to_those_that_there_are(client: FlaskClient) -> None:
    assert "/openapi/openapi.json" in problem(client.get("/favicon.ico"))["detail"]


def test_a_store_that_is_away_is_unavailable_with_the_remedy(room: Room, tmp_path: Path) -> None:
    room.store.close()
    (tmp_path / "flags.sqlite").unlink()
    (tmp_path / "flags.sqlite").mkdir()
    told = problem(room.app().test_client().get("/api/v1/flags"))
    assert told["status"] == 503
    assert "Check that the flag store is up and reachable" in told["detail"]


def test_a_journal_that_cannot_be_read_is_unavailable_with_the_remedy(room: Room) -> None:
    with room.journal.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE runs")
    told = problem(room.app().test_client().get("/api/v1/runs"))
    assert told["status"] == 503
    assert "Check that the file is there and readable" in told["detail"]


def test_a_defect_of_ours_shows_nothing_of_our_insides(
    build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    room = build()
    room.problems = None  # type: ignore[assignment]
    told = problem(room.app().test_client().get("/readyz"))
    assert told["status"] == 500
    assert "NoneType" not in str(told)
    assert "NoneType" in capsys.readouterr().out


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_problem_has_a_page_that_needs_no_token(locked: Room, name: str) -> None:
    page = locked.app().test_client().get(f"/problems/{name}")
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    told = html.unescape(page.text)
    assert KINDS[name].title in told
    assert KINDS[name].remedy in told


def test_a_kind_that_there_is_not_is_answered_with_those_that_there_are(
    client: FlaskClient,
) -> None:
    answer = client.get("/problems/bad-luck", headers={"Accept": "application/problem+json"})
    assert problem(answer)["known"] == list(KINDS)


def test_a_request_id_that_could_be_more_than_an_id_is_not_repeated(client: FlaskClient) -> None:
    answer = client.get("/api/v1/guards/x", headers={"X-Request-ID": "a b<script>" * 20})
    assert problem(answer)["instance"] == str(uuid.UUID(answer.headers["X-Request-ID"]))
