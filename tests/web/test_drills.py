"""Drills through the API, the dashboard and the command line; their runs come in by hand."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3.openapi import OpenAPI
from playwright.sync_api import expect
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from config.schema import DrillSpec, InjectedFault
from daemon.cli import main
from daemon.drills import Drills
from daemon.engine import utc_now
from daemon.guard.messages import RunProbe
from daemon.metrics import Metrics
from daemon.web import create_app, serve
from probes.model import Exposure, Outcome, Purpose, Run
from tests.web.conftest import BOTH, FLAG, GUARD, OPERATOR, VIEWER, Build, Look, Room, bearer

START = f"/api/v1/guards/{GUARD}/drill"
FAULT = InjectedFault(url="**/api", status=500)
NASTY = "saw <b>this</b> [red]and\x1b[2J that"


class Hall:
    """A room with drills, whose runs come in when told."""

    def __init__(self, room: Room, **drill: Any) -> None:
        self.room = room
        self.asked: list[tuple[str, str, str]] = []
        self._ids = count(1)
        spec = room.config.guards[GUARD]
        drilled = spec.model_copy(update={"drill": DrillSpec(faults=(FAULT,), **drill)})
        guards = {**room.config.guards, GUARD: drilled}
        self.config = room.config.model_copy(update={"guards": guards})
        room.engine.reload(self.config)
        self.drills = Drills(
            self.config,
            room.journal,
            Metrics(CollectorRegistry(), (1.0,)),
            room.engine.state,
            self._walk,
            lambda *_: None,
            utc_now,
            room.engine.news,
        )
        self.drills.start_crons()

    def _walk(self, order: RunProbe, _location: str, _faults: object) -> str:
        run = f"walk-{next(self._ids)}"
        self.asked.append((run, order.probe, order.control))
        return run

    def app(self) -> OpenAPI:
        return create_app(replace(self.room.desk(), drills=self.drills))

    def come_in(self, outcome: Outcome = Outcome.FAILED) -> None:
        """Everything that was asked for by now has been walked."""
        asked, self.asked = self.asked, []
        for run, probe, control in asked:
            pair = run if control else ""
            self._take(run, probe, outcome, pair)
            if control:
                self._take(f"{run}-control", control, Outcome.PASSED, pair)

    def _take(self, run: str, probe: str, outcome: Outcome, pair: str) -> None:
        self.drills.take(
            Run(
                id=run,
                probe=probe,
                location="local",
                purpose=Purpose.DRILL,
                started_at=datetime.now(UTC),
                duration_s=1.25,
                outcome=outcome,
                reason=NASTY if outcome is Outcome.FAILED else "",
                exposure=Exposure(FLAG, probe != "widget_control"),
                pair=pair,
            )
        )

    def finish(self, outcome: Outcome = Outcome.FAILED) -> None:
        """Let the drill under way come to its end."""
        for _ in range(20):
            self.come_in(outcome)
            self.drills.pass_time()


@pytest.fixture
def hall(room: Room) -> Hall:
    return Hall(room)


@pytest.fixture
def client(hall: Hall) -> FlaskClient:
    return hall.app().test_client()


def start(client: FlaskClient, **body: str) -> str:
    answer = client.post(START, json=body)
    assert answer.status_code == 202, answer.get_json()
    assert answer.get_json()["guard"] == GUARD
    return str(answer.get_json()["id"])


def told(client: FlaskClient, drill: str) -> dict[str, Any]:
    answer = client.get(f"/api/v1/drills/{drill}")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.get_json()["drill"]
    return found


def test_a_drill_is_started_watched_and_told_whole(hall: Hall, client: FlaskClient) -> None:
    drill = start(client, by="ann", reason="before a deploy")
    under_way = told(client, drill)
    assert (under_way["ending"], under_way["good"], under_way["runs"]) == (None, False, [])
    hall.come_in()
    assert len(told(client, drill)["runs"]) == 2
    hall.finish()
    report = told(client, drill)
    assert (report["ending"], report["good"], report["would_kill"]) == ("would_kill", True, True)
    assert (report["by"], report["reason"]) == ("ann", "before a deploy")
    assert report["faults"] == ["**/api is answered with 500"]
    assert [each["phase"] for each in report["phases"]] == ["armed", "suspect", "killing"]
    assert {each["judged_as"] for each in report["runs"]} == {"scheduled", "confirm", "control"}
    assert report["detection_s"] > 0


def test_drills_are_listed_without_their_runs(hall: Hall, client: FlaskClient) -> None:
    drill = start(client)
    hall.finish()
    second = start(client)
    listed = client.get(f"/api/v1/drills?guard={GUARD}").get_json()["drills"]
    assert [(each["id"], each["ending"]) for each in listed] == [
        (second, None),
        (drill, "would_kill"),
    ]
    assert "runs" not in listed[0]
    (newest,) = client.get("/api/v1/drills?limit=1").get_json()["drills"]
    assert newest["id"] == second
    assert client.get("/api/v1/drills?guard=assessment").get_json()["drills"] == []


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        (START, {"by": "guard"}, 422, "is not a person"),
        (START, {"by": "ann", "for_s": 3}, 422, "not known here"),
        ("/api/v1/guards/assessment/drill", {}, 409, "assessment has no drill"),
        ("/api/v1/guards/gone/drill", {}, 404, "name one of: assessment"),
    ],
)
def test_what_cannot_be_drilled_is_a_problem_with_the_remedy(
    hall: Hall, client: FlaskClient, path: str, body: dict[str, Any], status: int, says: str
) -> None:
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert says in answer.get_json()["detail"]
    assert hall.asked == []


def test_a_second_drill_and_one_of_a_tripped_guard_conflict(
    hall: Hall, client: FlaskClient
) -> None:
    start(client)
    again = client.post(START, json={})
    assert (again.status_code, "is under way" in again.get_json()["detail"]) == (409, True)
    hall.finish()
    hall.room.break_widget()
    tripped = client.post(START, json={})
    assert (tripped.status_code, "has tripped" in tripped.get_json()["detail"]) == (409, True)


def test_an_unknown_drill_is_not_found(client: FlaskClient) -> None:
    answer = client.get("/api/v1/drills/none")
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_viewers_read_and_only_operators_drill(build: Build) -> None:
    client = Hall(build(web={"tokens": BOTH})).app().test_client()
    assert client.get("/api/v1/drills").status_code == 401
    assert client.get("/api/v1/drills", headers=bearer(VIEWER)).status_code == 200
    assert client.post(START, json={}, headers=bearer(VIEWER)).status_code == 403
    assert client.post(START, json={}, headers=bearer(OPERATOR)).status_code == 202


def test_a_guards_view_shows_its_last_drill_and_whether_it_is_proven(
    hall: Hall, client: FlaskClient
) -> None:
    def seen(guard: str = GUARD) -> dict[str, Any]:
        found: dict[str, Any] = client.get(f"/api/v1/guards/{guard}").get_json()
        return found

    assert (seen()["drill"], seen()["unproven"]) == (None, True)
    assert (seen("assessment")["drill"], seen("assessment")["unproven"]) == (None, False)
    drill = start(client)
    hall.finish()
    assert seen()["unproven"] is False
    assert (seen()["drill"]["id"], seen()["drill"]["good"]) == (drill, True)
    assert seen()["phase"] == "armed"


def test_the_dashboard_marks_a_guard_that_nothing_proves(hall: Hall, look: Look) -> None:
    with served(hall) as url:
        look.page.goto(url)
        card = look.page.get_by_role("article", name=GUARD, exact=True)
        expect(card).to_contain_text("no good drill lately")
        other = look.page.get_by_role("article", name="assessment", exact=True)
        expect(other).to_contain_text("no drill configured")
        hall.drills.start(GUARD, "ann")
        hall.finish()
        look.page.reload()
        expect(card).to_contain_text("Drill: proven")
        expect(card).not_to_contain_text("no good drill lately")
    assert look.complaints == []


# --- the command line ---------------------------------------------------------------------------


@contextmanager
def served(hall: Hall) -> Iterator[str]:
    server = serve(hall.app(), "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield server.url
    server.close()
    thread.join(15)


@contextmanager
def walking(hall: Hall, outcome: Outcome) -> Iterator[None]:
    """Let runs come in by themselves, as they do from a pool."""
    over = threading.Event()

    def walk() -> None:
        while not over.wait(0.05):
            hall.come_in(outcome)
            hall.drills.pass_time()

    thread = threading.Thread(target=walk)
    thread.start()
    yield
    over.set()
    thread.join(15)


def call(url: str, *words: str) -> Result:
    # The daemon's log would be taken for the command's output: here both are one process.
    with capture_logs():
        return CliRunner(env={"TRIPFLAG_URL": url}).invoke(main, ["drill", *words])


def test_the_command_line_shows_each_run_and_the_verdict(hall: Hall) -> None:
    with served(hall) as url, walking(hall, Outcome.FAILED):
        done = call(url, GUARD)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "planted: **/api is answered with 500"
    assert lines[1].startswith("run of widget_signed_out in local: failed after 1.2 s: saw <b>")
    assert "[red]" in lines[1]
    assert "\x1b" not in done.stdout
    assert "control of widget_control in local: passed after 1.2 s" in lines
    assert lines[-1].startswith(f"{GUARD}: would have turned {FLAG} off after ")
    (drill,) = hall.drills.reports()
    assert (drill.reason, len(lines)) == ("rehearsal", len(drill.runs) + 2)


def test_a_drill_that_would_not_have_killed_ends_with_1(room: Room) -> None:
    hall = Hall(room, within_s=0.5)
    with served(hall) as url, walking(hall, Outcome.PASSED):
        done = call(url, GUARD, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["ending"] == "time_over"


def test_without_waiting_it_prints_the_id(hall: Hall, client: FlaskClient) -> None:
    with served(hall) as url:
        done = call(url, GUARD, "--no-wait")
        assert done.exit_code == 0, done.output
        assert told(client, done.stdout.strip())["ending"] is None
        refused = call(url, GUARD)
    assert (refused.exit_code, refused.stdout) == (3, "")
    assert "is under way: wait for it" in refused.stderr


def test_a_drill_that_gives_way_to_a_real_fault_ends_with_2(hall: Hall) -> None:
    real: Callable[[], Run] = lambda: hall.room.run(outcome="failed")  # noqa: E731
    with served(hall) as url:
        timer = threading.Timer(0.5, lambda: (real(), hall.drills.pass_time()))
        timer.start()
        done = call(url, GUARD)
        timer.join()
    assert done.exit_code == 2, done.output
    assert "aborted, and says nothing: the real guard is busy" in done.stdout


def test_it_ends_as_every_verb_does_without_a_daemon_and_with_a_wrong_name(hall: Hall) -> None:
    with served(hall) as url:
        assert call(url, "nobody").exit_code == 2
    done = call("http://127.0.0.1:9", GUARD)
    assert done.exit_code == 1
    assert "no daemon answers" in done.stderr
