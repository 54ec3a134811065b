"""Two clients act upon the same sight at the same moment: one wins, the other is told."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from flask_openapi3.openapi import OpenAPI
from werkzeug.test import TestResponse

from config.schema import CircuitSpec
from daemon import history
from flags.model import Gates
from probes.model import Violation
from tests.web.conftest import FLAG, GUARD, Room, race
from tests.web.test_drills import Hall

PROBE = "widget_signed_out"
GUARD_PATH, FLAG_PATH = f"/api/v1/guards/{GUARD}", f"/api/v1/flags/{FLAG}"
PROBE_PATH, CIRCUIT_PATH = f"/api/v1/probes/{PROBE}", "/api/v1/circuits/api"
TENTH = Gates.of(("percentage_of_actors", "10"))


def post(app: OpenAPI, path: str, etag: str | None = None, **body: Any) -> TestResponse:
    headers = {} if etag is None else {"If-Match": etag}
    return app.test_client().post(path, json={"reason": "because", **body}, headers=headers)


def raced(app: OpenAPI, path: str, etag: str | None, *bodies: dict[str, Any]) -> TestResponse:
    """Let two clients ask at once, and return the answer of the one that lost."""
    one, other = bodies or ({"by": "ann"}, {"by": "bob"})
    told = race(lambda: post(app, path, etag, **one), lambda: post(app, path, etag, **other))
    assert sorted(each.status_code < 300 for each in told) == [False, True], [
        each.get_json() for each in told
    ]
    return next(each for each in told if each.status_code >= 300)


def etag_of(app: OpenAPI, path: str) -> str:
    return app.test_client().get(path).headers["ETag"]


def prepared(room: Room, path: str, verb: str) -> OpenAPI:
    """Bring about what the act can undo, by hand."""
    circuits = {"api": CircuitSpec(name="api", probe="page")}
    room.engine.reload(room.config.model_copy(update={"circuits": circuits}))
    room.run(PROBE, violations=(Violation("image-alt", "critical", "img", "Images need text"),))
    app = room.app()
    before = {"reset": "trip", "release": "hold", "resume": "pause", "close": "open"}.get(verb)
    if before is not None:
        assert post(app, f"{path}/{before}", by="eve").status_code == 200
    return app


ACTS = [
    (GUARD_PATH, "trip", {}),
    (GUARD_PATH, "reset", {}),
    (GUARD_PATH, "hold", {}),
    (GUARD_PATH, "release", {}),
    (GUARD_PATH, "mode", {"mode": "observe"}),
    (PROBE_PATH, "pause", {}),
    (PROBE_PATH, "resume", {}),
    (PROBE_PATH, "baseline", {}),
    (CIRCUIT_PATH, "open", {}),
    (CIRCUIT_PATH, "close", {}),
]


@pytest.mark.parametrize(("path", "verb", "body"), ACTS, ids=[verb for _, verb, _ in ACTS])
def test_of_two_who_saw_the_same_one_acts_and_is_signed_and_the_other_is_told(
    room: Room, path: str, verb: str, body: dict[str, Any]
) -> None:
    app = prepared(room, path, verb)
    etag, signed = etag_of(app, path), len(room.audited())
    subject = path.removeprefix("/api/v1/").replace("s/", " ", 1)

    lost = raced(app, f"{path}/{verb}", etag, {**body, "by": "ann"}, {**body, "by": "bob"})

    assert lost.status_code == 412
    assert f"someone was first: {subject} is not what you saw" in lost.get_json()["detail"]
    ours = room.audited(subject)
    assert len(ours) == (2 if verb in ("reset", "release", "resume", "close") else 1)
    assert (ours[-1].action, ours[-1].actor in ("ann", "bob")) == (
        "circuit" if path == CIRCUIT_PATH else verb,
        True,
    )
    flips = sum(row.action == "flip" for row in room.audited())
    assert flips == {"trip": 1, "reset": 2}.get(verb, 0)
    assert len(room.audited()) == signed + 1 + (verb in ("trip", "reset"))


@pytest.mark.parametrize("verb", ["trip", "reset", "release"])
def test_without_if_match_the_second_trip_reset_or_release_makes_no_sense(
    room: Room, verb: str
) -> None:
    app = prepared(room, GUARD_PATH, verb)
    assert raced(app, f"{GUARD_PATH}/{verb}", None).status_code == 409
    assert sum(row.action == verb for row in room.audited()) == 1


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (f"{PROBE_PATH}/pause", "is paused already, by "),
        (f"{PROBE_PATH}/run", "is under way"),
        (f"{CIRCUIT_PATH}/open", "keeps api open already"),
    ],
)
def test_without_if_match_a_second_pause_run_or_opening_is_a_conflict(
    room: Room, path: str, says: str
) -> None:
    lost = raced(prepared(room, path, ""), path, None)
    assert (lost.status_code, says in lost.get_json()["detail"]) == (409, True)
    assert len(room.audited()) == 1


def test_of_two_who_rehearse_at_once_one_begins(room: Room) -> None:
    hall = Hall(room)
    app = hall.app()
    lost = raced(app, f"{GUARD_PATH}/drill", etag_of(app, GUARD_PATH))
    assert (lost.status_code, "is under way: wait for it" in lost.text) == (409, True)
    (row,) = room.audited(f"guard {GUARD}")
    (drill,) = hall.drills.reports()
    assert (row.action, row.after, row.actor) == ("drill", f"drill {drill.id}", drill.by)
    stale = post(app, f"{GUARD_PATH}/drill", '"older"')
    assert stale.status_code == 409  # what is under way goes first


FLAG_ACTS: dict[str, dict[str, Any]] = {
    "enable": {},
    "disable": {},
    "percentage": {"percentage": 10},
    "actors": {"actor": "User;1"},
    "restore": {"gates": TENTH.rows},
}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("disable", "disable"),
        ("disable", "percentage"),
        ("percentage", "restore"),
        ("actors", "actors"),
        ("enable", "disable"),
    ],
)
def test_a_flag_that_two_write_at_once_holds_what_one_of_them_wrote(
    room: Room, one: str, other: str
) -> None:
    app = room.app()
    for number in range(4):
        room.store.replace_gates(FLAG, Gates.of(("percentage_of_actors", str(20 + number))))
        room.engine.poll_flags()
        etag, before = etag_of(app, FLAG_PATH), history.flips(room.journal)
        told = race(
            lambda: post(app, f"{FLAG_PATH}/{one}", etag, by="ann", **FLAG_ACTS[one]),  # noqa: B023
            lambda: post(app, f"{FLAG_PATH}/{other}", etag, by="bob", **FLAG_ACTS[other]),  # noqa: B023
        )
        assert sorted(each.status_code for each in told) == [200, 412], [
            each.get_json() for each in told
        ]
        newest, *older = history.flips(room.journal)
        winner = "ann" if told[0].status_code == 200 else "bob"
        assert (newest.by, older) == (winner, list(before))
        won = next(each for each in told if each.status_code == 200)
        assert won.headers["ETag"] == etag_of(app, FLAG_PATH)
        assert [row.actor for row in room.audited() if row.action == "flip"][-1] == winner


def test_a_write_that_waits_for_the_store_is_not_overtaken_by_who_did_not_know(
    room: Room, tmp_path: Path
) -> None:
    app = room.app()
    etag = etag_of(app, FLAG_PATH)
    locker = sqlite3.connect(tmp_path / "flags.sqlite", isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")  # readers pass, writers wait in vain
    assert post(app, f"{FLAG_PATH}/disable", etag).status_code == 202
    assert post(app, f"{FLAG_PATH}/percentage", etag, percentage=50).status_code == 412
    locker.execute("ROLLBACK")
    locker.close()
    (pending,) = history.pending_flips(room.journal)
    assert (pending.flag, pending.to) == (FLAG, False)
