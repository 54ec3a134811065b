"""An act that is asked for twice under one key is done once, and answered twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from daemon import answers, history
from daemon.answers import Answers
from daemon.journal import JournalError
from daemon.tables import ANSWERS
from daemon.turn import Turn
from tests.web.conftest import BOTH, FLAG, GUARD, OPERATOR, Build, Room, bearer, race

HOLD = f"/api/v1/guards/{GUARD}/hold"
TRIP = f"/api/v1/guards/{GUARD}/trip"
REASON = {"reason": "because"}
LEFT = (
    "the first request with this Idempotency-Key left no answer that could be repeated, and nobody "
    "knows how far it came: look at the resource, and if the act is still needed take a new key"
)


def post(client: FlaskClient, path: str = HOLD, key: str = "k-1", **body: Any) -> TestResponse:
    return client.post(path, json={**REASON, **body}, headers={"Idempotency-Key": key})


def replayed(answer: TestResponse) -> bool:
    return answer.headers.get("Idempotency-Replayed") == "true"


def test_a_repetition_is_answered_as_the_first_and_does_nothing(
    room: Room, client: FlaskClient
) -> None:
    first = post(client, TRIP)
    second = post(client, TRIP)  # without the key: 409, already tripped
    assert (first.status_code, replayed(first), replayed(second)) == (200, False, True)
    assert second.status_code == 200
    assert second.data == first.data
    for name in ("ETag", "Content-Type"):
        assert second.headers[name] == first.headers[name]
    assert len(history.flips(room.journal)) == 1
    assert [row.action for row in room.audited()] == ["trip", "flip"]


def test_the_place_of_what_was_made_is_repeated_too(client: FlaskClient) -> None:
    run = "/api/v1/probes/page/run"
    first, second = (post(client, run) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"] == "/api/v1/runs/page-local"
    assert (second.status_code, replayed(second)) == (202, True)


def test_a_refusal_is_repeated_as_it_was_even_when_the_act_would_make_sense_now(
    client: FlaskClient,
) -> None:
    release = f"/api/v1/guards/{GUARD}/release"
    assert post(client, release).status_code == 409
    assert post(client, HOLD, "k-2").status_code == 200
    again = post(client, release)
    assert (again.status_code, replayed(again)) == (409, True)
    assert again.mimetype == "application/problem+json"
    assert post(client, release, "k-3").status_code == 200


def test_members_in_another_order_are_the_same_request(client: FlaskClient) -> None:
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    one, other = b'{"reason": "x", "for_s": 60}', b'{"for_s":60,"reason":"x"}'
    assert client.post(HOLD, data=one, headers=headers).status_code == 200
    assert replayed(client.post(HOLD, data=other, headers=headers))


def test_a_query_is_a_part_of_the_request_even_one_that_is_no_text(client: FlaskClient) -> None:
    headers = {"Idempotency-Key": "k"}
    told = [
        client.post(HOLD, json=REASON, headers=headers, environ_overrides={"QUERY_STRING": query})
        for query in ("x=\xff", "x=\xff", "x=\xfe")
    ]
    assert [(each.status_code, replayed(each)) for each in told] == [
        (200, False),
        (200, True),
        (422, False),
    ]


@pytest.mark.parametrize(("path", "body"), [(HOLD, {"reason": "another"}), (TRIP, {})])
def test_a_key_stands_for_one_request_only(
    room: Room, client: FlaskClient, path: str, body: dict[str, str]
) -> None:
    post(client)
    answer = post(client, path, **body)
    assert (answer.status_code, answer.get_json()["detail"]) == (
        422,
        "this Idempotency-Key was used for another request: take a new key for each act",
    )
    assert [row.action for row in room.audited()] == ["hold"]


@pytest.mark.parametrize("key", ["", " ", "two words", "Müll", "x" * 256])
def test_a_key_that_is_none_is_refused_before_anything_happens(
    room: Room, client: FlaskClient, key: str
) -> None:
    answer = post(client, key=key)
    assert (answer.status_code, answer.get_json()["detail"]) == (
        400,
        "Idempotency-Key must be 1 to 255 visible ASCII characters, such as a UUID",
    )
    assert room.audited() == []


def test_each_caller_has_keys_of_its_own(build: Build) -> None:
    admin = "admin-token-0123456789abc"
    room = build(web={"tokens": {**BOTH, "admin": admin}})
    client = room.app().test_client()
    for token in (OPERATOR, admin):
        headers = {"Idempotency-Key": "k", **bearer(token)}
        answer = client.post(HOLD, json=REASON, headers=headers)
        assert (answer.status_code, replayed(answer)) == (200, False)
    assert [row.actor for row in room.audited()] == ["operator", "admin"]


def test_of_two_at_once_one_acts_and_the_other_is_told_to_ask_again(room: Room) -> None:
    app = room.app()
    told = race(*(lambda: post(app.test_client(), TRIP) for _ in range(2)))
    acted = [each for each in told if each.status_code == 200 and not replayed(each)]
    assert len(acted) == 1
    (other,) = [each for each in told if each is not acted[0]]
    if other.status_code == 409:
        assert "still under way" in other.get_json()["detail"]
    else:  # it came so late that the answer was there
        assert replayed(other)
    assert len(history.flips(room.journal)) == 1
    assert post(app.test_client(), TRIP).data == acted[0].data


def test_a_new_daemon_repeats_what_the_last_one_answered(room: Room) -> None:
    first = post(room.app().test_client(), TRIP)
    room.reopen()
    again = post(room.app().test_client(), TRIP)
    assert (again.status_code, again.data, replayed(again)) == (200, first.data, True)
    assert len(history.flips(room.journal)) == 1


def test_an_act_that_a_daemon_died_in_is_told_as_that(room: Room, client: FlaskClient) -> None:
    post(client)
    with room.journal.turn() as turn:  # as it is between the act and its answer
        turn.db.execute(update(ANSWERS).values(status=None, headers=None, body=None))
    room.reopen()
    answer = post(room.app().test_client())
    assert (answer.status_code, answer.get_json()["detail"]) == (
        409,
        LEFT,
    )
    assert post(room.app().test_client(), key="k-2").status_code == 200


def test_a_fault_of_ours_is_not_kept(room: Room, client: FlaskClient) -> None:
    drill = f"/api/v1/guards/{GUARD}/drill"
    for _ in range(2):
        answer = post(client, drill)
        assert (answer.status_code, replayed(answer)) == (503, False)
    with room.journal.reading() as db:
        assert db.execute(ANSWERS.select()).all() == []


def test_an_act_that_was_committed_before_a_fault_of_ours_is_not_done_again_under_its_key(
    room: Room, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise JournalError("the disk is full")

    # Decided and signed, but what applies it at once cannot.
    monkeypatch.setattr(room.engine, "apply_pending", away)
    assert post(client).status_code == 503
    monkeypatch.undo()
    for _ in range(2):
        again = post(client)
        assert (again.status_code, again.get_json()["detail"]) == (409, LEFT)
    assert [row.action for row in room.audited()] == ["hold"]
    assert post(client, key="k-2").status_code == 200


def test_a_key_is_free_again_after_a_fault_before_anything_was_committed(
    room: Room, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert post(client, key="k-0").status_code == 200  # what this thread committed before is no act

    def away(*_: object, **__: object) -> None:
        raise JournalError("the disk is full")

    monkeypatch.setattr(Turn, "sign", away)
    assert post(client).status_code == 503
    monkeypatch.undo()
    assert post(client).status_code == 200
    assert [row.action for row in room.audited()] == ["hold", "hold"]


def test_a_request_whose_body_is_refused_can_be_mended_only_under_a_new_key(
    client: FlaskClient,
) -> None:
    headers = {"Idempotency-Key": "k"}
    assert client.post(HOLD, json={}, headers=headers).status_code == 422
    assert replayed(client.post(HOLD, json={}, headers=headers))
    assert "take a new key" in client.post(HOLD, json=REASON, headers=headers).text


def test_who_may_not_act_takes_no_key(locked: Room) -> None:
    client = locked.app().test_client()
    assert post(client).status_code == 401
    with locked.journal.reading() as db:
        assert db.execute(ANSWERS.select()).all() == []


def test_answers_are_kept_for_a_day(room: Room) -> None:
    now = datetime.now(UTC)
    kept = Answers(room.journal)
    for hours, key in ((23.9, "young"), (24.1, "old")):
        assert kept.claim("open", key, "f", now - timedelta(hours=hours)) is None
        kept.give("open", key, answers.Given(200, "{}", key))
    assert kept.claim("open", "young", "f", now) == answers.Given(200, "{}", "young")
    assert kept.claim("open", "old", "other", now) is None
    kept.give("open", "old", answers.Given(200, "{}", "new"))
    with room.journal.turn() as turn:
        answers.prune(turn, now + timedelta(hours=23))
        left = turn.db.execute(ANSWERS.select()).all()
    assert [(row.key, row.body) for row in left] == [("old", "new")]


def test_reading_needs_no_key_and_applications_none(client: FlaskClient) -> None:
    headers = {"Idempotency-Key": "not kept"}
    assert client.get("/api/v1/guards", headers=headers).status_code == 200
    evaluated = client.post(
        f"/ofrep/v1/evaluate/flags/{FLAG}", json={"context": {}}, headers=headers
    )
    assert evaluated.status_code == 200


def test_a_first_that_ends_while_its_repetition_is_looked_at_is_not_called_dead(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, now, turn = Answers(room.journal), datetime.now(UTC), room.journal.turn
    assert given.claim("ann", "k-1", "same", now) is None

    @contextmanager
    def then_the_first_is_answered() -> Iterator[Turn]:
        with turn() as opened:
            yield opened
        monkeypatch.undo()
        given.give("ann", "k-1", answers.Given(200, "{}", "done"))

    monkeypatch.setattr(room.journal, "turn", then_the_first_is_answered)
    with pytest.raises(answers.KeyRefused, match="still under way"):
        given.claim("ann", "k-1", "same", now)
    again = given.claim("ann", "k-1", "same", now)
    assert again is not None
    assert again.body == "done"


def test_a_key_that_is_given_back_while_it_is_claimed_anew_stands_for_the_new_act(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, now, turn = Answers(room.journal), datetime.now(UTC), room.journal.turn
    assert given.claim("ann", "k-1", "same", now) is None
    claims: list[threading.Thread] = []

    @contextmanager
    def then_it_is_asked_for_anew() -> Iterator[Turn]:
        with turn() as opened:
            yield opened
        monkeypatch.undo()
        claim = threading.Thread(target=given.claim, args=("ann", "k-1", "same", now))
        claims.append(claim)
        claim.start()
        claim.join(0.2)  # it ends here only where nothing makes it wait

    monkeypatch.setattr(room.journal, "turn", then_it_is_asked_for_anew)
    given.drop("ann", "k-1")
    claims[0].join()
    with pytest.raises(answers.KeyRefused, match="still under way"):
        given.claim("ann", "k-1", "same", now)
