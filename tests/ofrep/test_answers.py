"""What OFREP answers, to well-behaved clients and to all others."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any
from urllib.parse import quote

import pytest
import requests
from flask import Flask

from flags.gates import flag_of
from flags.mirror import Mirror
from flags.ofrep import BODY_LIMIT, DEPTH_LIMIT, STALE_HEADER, ofrep_blueprint
from flags.stores.base import DISABLED, ENABLED
from tests.ofrep.conftest import FLAG, INSIDE, OUTSIDE, ROLLOUT, Room, Serve, now


def nested(levels: int) -> dict[str, Any]:
    """A context with so many levels of objects and arrays below it."""
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return {"a": value}


def asked_by(actor: str | None) -> dict[str, Any]:
    return {"context": {} if actor is None else {"targetingKey": actor}}


def test_a_kill_is_disabled_false_and_off_as_soon_as_it_is_written(room: Room) -> None:
    before = room.post(f"/{FLAG}", asked_by(INSIDE))
    room.kill()
    after = room.post(f"/{FLAG}", asked_by(INSIDE))
    common = {"key": FLAG, "metadata": {}}
    assert before.json() == {**common, "value": True, "reason": "STATIC", "variant": "on"}
    assert after.json() == {**common, "value": False, "reason": "DISABLED", "variant": "off"}
    assert after.headers["Content-Type"] == "application/json"


def test_what_others_write_is_served_after_the_next_poll_and_not_before(room: Room) -> None:
    room.killed_elsewhere()
    assert room.post(f"/{FLAG}", {}).json()["value"] is True
    room.poll()
    assert room.post(f"/{FLAG}", {}).json()["reason"] == "DISABLED"


@pytest.mark.parametrize(("actor", "value"), [(INSIDE, True), (OUTSIDE, False), (None, False)])
def test_a_rollout_is_answered_for_the_actor_who_asks(
    room: Room, actor: str | None, value: bool
) -> None:
    answer = room.post(f"/{ROLLOUT}", asked_by(actor)).json()
    assert (answer["value"], answer["variant"]) == (value, "on" if value else "off")
    assert answer["reason"] == "SPLIT"


@pytest.mark.parametrize("body", [{}, {"context": {}}, {"context": {"targetingKey": None}},
    {"context": {"targetingKey": "", "beta": [1, {"two": None}]}, "more": 1},
    {"context": nested(DEPTH_LIMIT)}])  # fmt: skip
def test_a_context_with_little_or_much_in_it_is_accepted(room: Room, body: Any) -> None:
    answers = [room.post(path, body) for path in ("", f"/{FLAG}")]
    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "PARSE_ERROR"),
        (b"{", 400, "PARSE_ERROR"),
        (b'{"context": {"targetingKey": "\xff"}}', 400, "PARSE_ERROR"),
        (b'{"context": {"age": NaN}}', 400, "PARSE_ERROR"),
        (b'{"context": {"age": -Infinity}}', 400, "PARSE_ERROR"),
        (b'{"context": {"age": ' + b"9" * 5000 + b"}}", 400, "PARSE_ERROR"),
        (b"[" * BODY_LIMIT, 400, "PARSE_ERROR"),
        (b"[]", 400, "PARSE_ERROR"),
        (b"null", 400, "PARSE_ERROR"),
        (b'"context"', 400, "PARSE_ERROR"),
        (b'{"context": null}', 400, "INVALID_CONTEXT"),
        (b'{"context": []}', 400, "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": 7}}', 400, "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": ["a"]}}', 400, "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": "\\ud800"}}', 400, "INVALID_CONTEXT"),
        (json.dumps({"context": nested(DEPTH_LIMIT + 1)}).encode(), 400, "INVALID_CONTEXT"),
        (b" " * (BODY_LIMIT + 1), 413, "GENERAL"),
    ],
    ids=lambda value: repr(value)[:40],
)
@pytest.mark.parametrize("path", ["", f"/{ROLLOUT}"])
def test_what_cannot_be_read_is_refused_with_a_code_and_details(
    room: Room, path: str, body: bytes, status: int, code: str
) -> None:
    answer = room.post(path, body)
    said = answer.json()
    assert (answer.status_code, said["errorCode"]) == (status, code)
    assert 0 < len(said["errorDetails"]) <= 200
    assert said.get("key") == (ROLLOUT if path else None)


@pytest.mark.parametrize("app_takes", [None, BODY_LIMIT * 4])
def test_a_body_of_any_or_no_known_length_is_read_up_to_the_limit(
    app_takes: int | None,
) -> None:
    mirror = Mirror()
    mirror.take((flag_of(FLAG, ENABLED),), now())
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = app_takes
    app.register_blueprint(ofrep_blueprint(mirror))
    ask = app.test_client().post
    for size, status in ((2, 200), (BODY_LIMIT + 1, 413), (BODY_LIMIT * 5, 413)):
        chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
        body = BytesIO(b"{}".ljust(size))
        answers = (
            ask(f"/ofrep/v1/evaluate/flags/{FLAG}", input_stream=body, environ_overrides=chunked),
            ask(f"/ofrep/v1/evaluate/flags/{FLAG}", data=body.getvalue()),
        )
        for answer in answers:
            said = answer.get_json()
            assert (answer.status_code, said["key"]) == (status, FLAG)
            assert said.get("errorCode") == (None if status == 200 else "GENERAL")


def test_a_flag_that_nobody_has_is_not_found(room: Room) -> None:
    answer = room.post("/nobody", {})
    assert answer.status_code == 404
    assert answer.json() == {
        "key": "nobody",
        "errorCode": "FLAG_NOT_FOUND",
        "errorDetails": "the flag store has no flag of that name",
    }


NAMES = [
    "a/b",
    "a//b",
    "/a",
    "ä“\u2028</script>",
    'q"uo\\te',
    "a b",
    "a?b=c#d",
    "%2e%2e",
    "x\x00\ny",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_found_and_comes_back_as_it_is(room: Room, name: str) -> None:
    room.mirror.take((flag_of(name, ENABLED),), now())
    answer = room.post("/" + quote(name, safe=""), {})
    assert (answer.status_code, answer.json()["key"]) == (200, name)
    assert [flag["key"] for flag in room.post("", {}).json()["flags"]] == [name]


def test_all_flags_come_sorted_with_the_stream_that_tells_of_changes(room: Room) -> None:
    said = room.post("", asked_by(INSIDE)).json()
    assert [(flag["key"], flag["value"]) for flag in said["flags"]] == [
        (ROLLOUT, True),
        (FLAG, True),
    ]
    assert said["eventStreams"] == [{"type": "sse", "endpoint": {"requestUri": "/ofrep/v1/events"}}]


def test_an_unchanged_answer_is_304_until_a_flag_changes_and_again_after(room: Room) -> None:
    first = room.post("", asked_by(INSIDE))
    etag = first.headers["ETag"]
    room.poll()
    for sent in (etag, "W/" + etag, f'"other", {etag}'):
        same = room.post("", asked_by(INSIDE), **{"If-None-Match": sent})
        assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", etag)
    room.kill()
    changed = room.post("", asked_by(INSIDE), **{"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != etag


def test_the_etag_of_one_actor_does_not_hide_the_answer_of_another(room: Room) -> None:
    etag = room.post("", asked_by(INSIDE)).headers["ETag"]
    other = room.post("", asked_by(OUTSIDE), **{"If-None-Match": etag})
    assert other.status_code == 200
    assert {flag["key"]: flag["value"] for flag in other.json()["flags"]}[ROLLOUT] is False


def test_while_the_store_is_away_the_last_answer_stays_and_says_that_it_is_stale(
    room: Room,
) -> None:
    fresh = room.post("", {})
    read_at = room.mirror.reading.read_at
    assert read_at is not None
    room.mirror.lost("connection refused by db.internal", now())
    stale = {"stale": True, "readAt": read_at.isoformat()}
    one = room.post(f"/{FLAG}", {})
    assert (one.json()["value"], one.json()["metadata"]) == (True, stale)
    # A client that polls with the ETag of the fresh answer learns of it too.
    every = room.post("", {}, **{"If-None-Match": fresh.headers["ETag"]})
    assert (every.status_code, every.json()["metadata"]) == (200, stale)
    for answer in (one, every, room.post("", {}, **{"If-None-Match": every.headers["ETag"]})):
        assert answer.headers[STALE_HEADER] == read_at.isoformat()
    assert "db.internal" not in one.text + every.text
    room.poll()
    again = room.post("", {})
    assert (again.json()["metadata"], again.headers["ETag"]) == ({}, fresh.headers["ETag"])
    assert STALE_HEADER not in again.headers


def test_before_the_first_read_it_is_an_error_that_clients_know_and_not_an_unknown_flag(
    serve_room: Serve,
) -> None:
    room = serve_room()
    for path in ("", f"/{FLAG}", "/nobody"):
        answer = room.post(path, {})
        assert (answer.status_code, answer.json()["errorCode"]) == (500, "GENERAL")
        assert "not read yet" in answer.json()["errorDetails"]


def test_a_kill_before_the_first_read_is_served(serve_room: Serve) -> None:
    room = serve_room()
    room.mirror.take_one(flag_of(FLAG, DISABLED), now())
    assert room.post(f"/{FLAG}", {}).json()["reason"] == "DISABLED"
    assert room.post(f"/{ROLLOUT}", {}).status_code == 500


PLACES = [("POST", "/ofrep/v1/evaluate/flags"), ("POST", f"/ofrep/v1/evaluate/flags/{FLAG}")]
READS = [("GET", "/v0/feature_toggles"), ("GET", "/ofrep/v1/events")]


@pytest.mark.parametrize(("method", "path"), PLACES + READS)
def test_pages_of_any_origin_may_ask_and_read_the_etag_but_bring_no_credentials(
    room: Room, method: str, path: str
) -> None:
    asks = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "content-type,if-none-match,authorization",
    }
    preflight = requests.options(room.url + path, headers=asks, timeout=5)
    assert preflight.ok
    assert method in preflight.headers["Access-Control-Allow-Methods"]
    assert preflight.headers["Access-Control-Allow-Headers"] == "*, Authorization"
    with requests.request(
        method, room.url + path, headers=asks, json={}, stream=True, timeout=5
    ) as answer:
        assert answer.ok
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_with_named_origins_only_those_may_read_and_caches_keep_them_apart(
    serve_room: Serve,
) -> None:
    room = serve_room(("https://app.example",))
    room.poll()
    for origin, allowed in [
        ("https://app.example", "https://app.example"),
        ("https://evil.example", None),
        ("https://app.example.evil.example", None),
    ]:
        answer = room.post("", {}, Origin=origin)
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed
        assert answer.headers["Vary"] == "Origin"


def test_a_page_of_a_refused_origin_cannot_read_an_error_either(serve_room: Serve) -> None:
    answer = serve_room(("https://app.example",)).post("", {}, Origin="https://evil.example")
    assert answer.status_code == 500
    assert "Access-Control-Allow-Origin" not in answer.headers
