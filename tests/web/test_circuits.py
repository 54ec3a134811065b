"""Circuits through the API and the command line, and as applications read them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from typer.testing import CliRunner, Result

from config.schema import CircuitSpec
from daemon.cli import main
from daemon.guard.messages import SwitchCircuit
from daemon.web import WebServer
from tests.web.conftest import BOTH, OPERATOR, VIEWER, Build, Room, bearer

CIRCUITS = "/api/v1/circuits"
API = f"{CIRCUITS}/assessment_api"
FLAG = "circuit.assessment_api"
Call = Callable[..., Result]


def with_circuit(room: Room, **limits: Any) -> Room:
    """Reload with one circuit, which the probe `page` judges."""
    spec = CircuitSpec(name="assessment_api", probe="page", min_runs=2, **limits)
    room.engine.reload(room.config.model_copy(update={"circuits": {"assessment_api": spec}}))
    return room


@pytest.fixture
def room(room: Room) -> Room:
    return with_circuit(room)


@pytest.fixture
def call(room: Room, served: Callable[[Room], WebServer]) -> Call:
    url = served(room).url

    def run(*words: str) -> Result:
        return CliRunner(env={"TRIPFLAG_URL": url}).invoke(main, ["circuits", *words])

    return run


def seen(client: FlaskClient) -> dict[str, Any]:
    answer = client.get(API)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.get_json()
    return found


def guard_switches(room: Room, open_it: bool) -> None:
    circuits = room.engine.circuits
    with room.journal.turn() as turn:
        order = SwitchCircuit("assessment_api", open_it, "the <b>widget</b> [red]broke\x1b[2J")
        circuits.switch(turn, order, "guard assessment", datetime.now(UTC))
    circuits.shown()


def test_a_circuit_that_never_moved_says_what_would_open_it(client: FlaskClient) -> None:
    assert seen(client) == {
        "name": "assessment_api",
        "phase": "closed",
        "go_round": False,
        "flag": FLAG,
        "since": None,
        "why": "closed: nothing ever opened it",
        "probe": "page",
        "failure_share": None,
        "threshold": 0.5,
        "runs": 0,
        "min_runs": 2,
        "close_passes": 2,
        "kept_open_by": [],
        "next_change_at": None,
        "openings": 0,
    }


def test_its_probes_runs_open_it_and_the_answer_says_why_and_until_when(
    room: Room, client: FlaskClient
) -> None:
    room.run("page", "passed")
    assert (seen(client)["runs"], seen(client)["failure_share"]) == (1, 0.0)
    room.run("page", "failed", reason="503")
    circuit = seen(client)
    assert (circuit["phase"], circuit["go_round"], circuit["openings"]) == ("open", True, 1)
    assert circuit["why"] == (
        "open: 1 of 2 runs of page failed in 60 s, 50% with a limit of 50% (the last: 503)"
    )
    opened, due = (datetime.fromisoformat(circuit[key]) for key in ("since", "next_change_at"))
    assert (due - opened).total_seconds() == 30


def test_time_alone_makes_it_half_open_for_readers(room: Room, client: FlaskClient) -> None:
    with_circuit(room, timeout_s=0.001)
    room.run("page", "failed")
    room.run("page", "failed")
    circuit = seen(client)
    assert (circuit["phase"], circuit["go_round"]) == ("half_open", True)
    room.run("page", "passed")
    room.run("page", "passed")
    assert (seen(client)["phase"], seen(client)["go_round"]) == ("closed", False)


def test_an_operator_opens_and_closes_with_a_reason(client: FlaskClient) -> None:
    opened = client.post(f"{API}/open", json={"reason": "deploying", "by": "ann"})
    assert opened.status_code == 200
    (keeper,) = opened.get_json()["kept_open_by"]
    assert (keeper["by"], keeper["guard"], keeper["reason"]) == ("ann", False, "deploying")
    assert seen(client)["next_change_at"] is None
    closed = client.post(f"{API}/close", json={"reason": "deployed"})
    assert (closed.get_json()["phase"], closed.get_json()["kept_open_by"]) == ("half_open", [])


def test_what_a_guard_keeps_open_is_listed_with_the_guard(room: Room, client: FlaskClient) -> None:
    guard_switches(room, True)
    (circuit,) = client.get(CIRCUITS).get_json()["circuits"]
    (keeper,) = circuit["kept_open_by"]
    assert (keeper["by"], keeper["guard"]) == ("guard assessment", True)
    assert keeper["reason"] == "the <b>widget</b> [red]broke [2J"


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        (f"{API}/open", {}, 422, "reason: required"),
        (f"{API}/open", {"reason": "  "}, 422, "reason"),
        (f"{API}/open", {"reason": "x", "by": "guard"}, 422, "is not a person"),
        (f"{API}/open", {"reason": "x", "for_s": 3}, 422, "not known here"),
        (f"{API}/close", {"reason": "x"}, 409, "assessment_api is closed"),
        (f"{CIRCUITS}/gone/open", {"reason": "x"}, 404, "name one of: assessment_api"),
    ],
)
def test_what_cannot_be_done_is_a_problem_with_the_remedy(
    client: FlaskClient, path: str, body: dict[str, Any], status: int, says: str
) -> None:
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert says in answer.get_json()["detail"]
    assert seen(client)["phase"] == "closed"


def test_an_unknown_circuit_is_not_found(client: FlaskClient) -> None:
    assert client.get(f"{CIRCUITS}/gone").status_code == 404


def test_viewers_read_and_only_operators_act(build: Build) -> None:
    client = with_circuit(build(web={"tokens": BOTH})).app().test_client()
    assert client.get(API).status_code == 401
    assert client.get(API, headers=bearer(VIEWER)).status_code == 200
    act = {"path": f"{API}/open", "json": {"reason": "x"}}
    assert client.post(**act, headers=bearer(VIEWER)).status_code == 403
    assert client.post(**act, headers=bearer(OPERATOR)).status_code == 200


def test_a_change_is_a_row_of_the_audit(client: FlaskClient) -> None:
    client.post(f"{API}/open", json={"reason": "deploying", "by": "ann"})
    (row,) = client.get(f"/api/v1/audit?flag={FLAG}").get_json()["rows"]
    assert (row["actor"], row["action"], row["before"], row["after"]) == (
        "ann",
        "circuit",
        "closed",
        "open",
    )


# --- the command line ---------------------------------------------------------------------------


def test_the_command_line_lists_shows_opens_and_closes(call: Call) -> None:
    opened = call("open", "assessment_api", "-r", "deploying")
    assert opened.exit_code == 0, opened.output
    assert "assessment_api: open since 20" in opened.stdout
    assert "until let go: deploying" in call("show", "assessment_api").stdout
    assert call("get", "assessment_api").stdout == call("show", "assessment_api").stdout
    assert "assessment_api" in call("list").stdout
    (listed,) = json.loads(call("list", "--json").stdout)
    assert (listed["phase"], listed["go_round"]) == ("open", True)
    assert call("close", "assessment_api", "-r", "deployed").exit_code == 0
    assert json.loads(call("show", "assessment_api", "--json").stdout)["phase"] == "half_open"


def test_the_command_line_tells_refusals_by_their_exit_codes(call: Call) -> None:
    conflict = call("close", "assessment_api", "-r", "x")
    assert (conflict.exit_code, conflict.stdout) == (3, "")
    assert conflict.stderr == "assessment_api is closed: there is nothing to let go\n"
    assert call("show", "gone").exit_code == 2
    assert call("open", "assessment_api").exit_code == 2  # no reason
    assert call("list", "--url", "http://127.0.0.1:9").exit_code == 1


def test_what_a_target_said_is_no_markup_on_the_terminal(room: Room, call: Call) -> None:
    guard_switches(room, True)
    for printed in (call("show", "assessment_api").stdout, call("list").stdout):
        assert "[red]" in printed
        assert "\x1b" not in printed


# --- as a flag ----------------------------------------------------------------------------------


def told(client: FlaskClient) -> tuple[bool, bool]:
    (feature,) = client.get(f"/v0/feature_toggles?features={FLAG}").get_json()["data"]["features"]
    evaluated = client.post(f"/ofrep/v1/evaluate/flags/{FLAG}", json={"context": {}}).get_json()
    return feature["value"], evaluated["value"]


def test_applications_read_it_as_a_flag_that_is_on_while_they_must_go_round_it(
    room: Room, client: FlaskClient
) -> None:
    assert told(client) == (False, False)
    room.run("page", "failed")
    room.run("page", "failed")
    assert told(client) == (True, True)
    room.engine.poll_flags()
    assert told(client) == (True, True)


def test_it_is_told_while_the_store_is_away_and_a_change_still_comes_through(
    room: Room, client: FlaskClient
) -> None:
    version = room.engine.mirror.reading.version
    room.engine.mirror.lost("no route to host", datetime.now(UTC))
    client.post(f"{API}/open", json={"reason": "deploying"})
    assert told(client) == (True, True)
    assert room.engine.mirror.wait(version, 5) == version + 1


def test_a_flag_of_the_store_with_the_same_name_does_not_hide_it(
    room: Room, client: FlaskClient
) -> None:
    room.store.create(FLAG, is_enabled=True)
    room.engine.poll_flags()
    assert told(client) == (False, False)


def test_a_removed_circuit_is_told_no_longer_and_the_stores_flag_is_seen_again(
    room: Room, client: FlaskClient
) -> None:
    room.store.create(FLAG, is_enabled=True)
    room.engine.poll_flags()
    room.engine.reload(room.config)
    assert told(client) == (True, True)
    assert client.get(CIRCUITS).get_json() == {"circuits": []}
    room.store.delete(FLAG)
    room.engine.poll_flags()
    missing = client.post(f"/ofrep/v1/evaluate/flags/{FLAG}", json={"context": {}})
    assert missing.get_json()["errorCode"] == "FLAG_NOT_FOUND"
