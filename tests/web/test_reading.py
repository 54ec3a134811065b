"""What the API says of the journal and the guards."""

from __future__ import annotations

import json
import sqlite3
import threading
from datetime import datetime
from pathlib import Path

from daemon import history
from daemon.guard.messages import OperatorAsked
from daemon.web.views.flag import FlagsLately
from flags.model import Flag
from flags.stores.sql import SqlFlagStore
from flags.switch import Switch
from probes.model import Artifact, FailedRequest, Outcome, Purpose, Step, Vitals
from tests.web.conftest import FLAG, GUARD, Build, Room, ago


def test_runs_come_newest_first_a_page_at_a_time_and_each_once(room: Room) -> None:
    same = ago(10)
    made = [room.run(started_at=same if n in (2, 3, 4) else ago(60 - n)).id for n in range(7)]
    client = room.app().test_client()
    seen: list[str] = []
    cursor = ""
    for _ in range(4):
        page = client.get(f"/api/v1/runs?limit=2{cursor}").json
        seen += [run["id"] for run in page["runs"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert sorted(seen) == sorted(made)
    assert len(seen) == 7
    assert seen[:3] == ["run-0005", "run-0004", "run-0003"]
    everything = [run["id"] for run in client.get("/api/v1/runs?limit=7").json["runs"]]
    assert seen == everything


def test_runs_are_found_by_probe_outcome_purpose_and_time(room: Room) -> None:
    room.run("page", started_at=ago(100))
    room.run("page", "failed", started_at=ago(50))
    room.run("widget_gone", purpose=Purpose.PROOF)
    client = room.app().test_client()

    def ids(query: str) -> list[str]:
        return [run["id"] for run in client.get(f"/api/v1/runs?{query}").json["runs"]]

    assert ids("probe=page") == ["run-0002", "run-0001"]
    assert ids("probe=page&outcome=failed") == ["run-0002"]
    assert ids("purpose=proof") == ["run-0003"]
    assert ids("location=local&probe=page") == ["run-0002", "run-0001"]
    assert ids("location=elsewhere") == []
    at = f"{ago(75):%Y-%m-%dT%H:%M:%SZ}"
    assert ids(f"until={at}") == ["run-0001"]
    assert ids(f"since={at}&outcome=failed&location=local&purpose=scheduled") == ["run-0002"]
    assert ids("probe=nobody") == []


def test_one_run_is_shown_whole(room: Room) -> None:
    run = room.run(
        outcome="failed",
        reason="x" * 5000,
        steps=(Step("open", Outcome.PASSED, 0.2), Step("settle", Outcome.FAILED, 1.0, "alert")),
        vitals=Vitals(lcp_s=0.4),
        failed_requests=(FailedRequest("GET", "http://va.test/x", 500),),
        artifacts=(Artifact("trace", "run-0001/trace.zip"),),
    )
    client = room.app().test_client()
    assert client.get(f"/api/v1/runs/{run.id}").json["run"] == {
        **json.loads(run.to_json()),
        "started_at": run.started_at.isoformat().replace("+00:00", "Z"),
        "exposure": {
            "flag": FLAG,
            "value": True,
            "rendered": False,
            "reason": "",
            "seen_at": None,
        },
    }
    (line,) = client.get("/api/v1/runs").json["runs"]
    assert (line["failed_step"], line["artifacts"]) == ("settle", ["trace"])
    assert len(line["reason"]) < 1000
    assert client.get("/api/v1/runs/nobody").status_code == 404


def test_a_kill_is_told_with_its_measured_times_and_its_story(room: Room) -> None:
    room.break_widget("the mount node is empty")
    room.prove()
    client = room.app().test_client()
    guard = client.get(f"/api/v1/guards/{GUARD}").json
    kill = guard["kill"]
    assert guard["phase"] == "killed"
    assert kill["by"] == "guard"
    assert 0 < kill["decided_after_s"] < kill["written_after_s"] < kill["verified_after_s"] < 30
    assert guard["since"] == kill["verified_at"]
    assert "no longer meets" in guard["says"]

    (incident,) = client.get("/api/v1/incidents?open=true").json["incidents"]
    story = client.get(f"/api/v1/incidents/{incident['id']}").json
    texts = [line["text"] for line in story["timeline"]]
    assert texts[0].startswith("SUSPECT: widget_signed_out: 1 failed run in a row")
    assert texts[-1] == "KILLED: a fresh browser no longer meets it"
    assert client.get("/api/v1/incidents?open=false").json["incidents"] == []
    assert client.get("/api/v1/incidents?guard=assessment").json["incidents"] == []

    client.post(f"/api/v1/guards/{GUARD}/reset", json={"reason": "mended"})
    story = client.get(f"/api/v1/incidents/{incident['id']}").json
    assert story["incident"]["closed_at"] is not None
    assert story["timeline"][-1]["text"] == "reset: users are exposed again"


def test_a_suspicious_guard_says_what_it_waits_for(room: Room) -> None:
    room.run(outcome="failed", reason="an error alert")
    client = room.app().test_client()
    guard = client.get(f"/api/v1/guards/{GUARD}").json
    assert guard["phase"] == "suspect"
    assert guard["since"] == guard["suspicion"]["since"]
    assert guard["blockers"] == [
        "0 of 3 confirming runs with the flag seen, or 0 of 2 hard ones",
        "the control has not been measured yet",
    ]
    assert client.get("/api/v1/probes/widget_signed_out").json["pace"] == "fast"


def test_a_blind_guard_says_since_when(room: Room) -> None:
    for _ in range(5):
        room.run(outcome="error", reason="no browser")
    guard = room.app().test_client().get(f"/api/v1/guards/{GUARD}").json
    assert guard["phase"] == "blind"
    assert guard["since"] == guard["timeline"][-1]["at"]


def test_a_guard_whose_hold_ended_by_the_clock_is_armed_since_then(room: Room) -> None:
    client, until = room.app().test_client(), ago(-0.3)
    room.engine.ask(GUARD, OperatorAsked("hold", "ann", "for the release", until))
    deadline = ago(-10)
    while (guard := client.get(f"/api/v1/guards/{GUARD}").json)["phase"] == "held":
        assert ago(0) < deadline
    assert guard["phase"] == "armed"
    assert datetime.fromisoformat(guard["since"]) == until


def test_a_probe_shows_how_it_went_lately_but_none_of_its_secrets(build: Build) -> None:
    room = build()
    for n in range(25):
        room.run("page", "failed" if n == 24 else "passed", started_at=ago(100 - n))
    probes = room.app().test_client().get("/api/v1/probes").json["probes"]
    page = next(probe for probe in probes if probe["name"] == "page")
    (local,) = page["locations"]
    assert (page["what"], page["pace"]) == ("GET /help/", "normal")
    assert len(local["recent"]) == 20
    assert local["recent"][0]["outcome"] == local["last"]["outcome"] == "failed"
    control = next(probe for probe in probes if probe["name"] == "widget_control")
    assert (control["pace"], control["used_by"][0]) == (
        "on_demand",
        {"guard": GUARD, "role": "control"},
    )
    assert not {"cookies", "headers", "params", "body"} & set(page)


def test_what_a_drill_planted_is_no_news_of_a_probe(room: Room) -> None:
    room.run("page")
    room.run("page", "failed", purpose=Purpose.DRILL)
    (local,) = room.app().test_client().get("/api/v1/probes/page").json["locations"]
    assert [mark["outcome"] for mark in local["recent"]] == ["passed"]
    assert local["last"]["outcome"] == "passed"


def test_flips_come_a_page_at_a_time(room: Room) -> None:
    for to in (False, True, False):
        room.engine.flip(FLAG, to, "pat", "try")
    client = room.app().test_client()
    first = client.get("/api/v1/flips?limit=2").json
    assert [flip["after"] for flip in first["flips"]] == ["off", "on"]
    rest = client.get(f"/api/v1/flips?limit=2&cursor={first['next']}").json
    assert ([flip["after"] for flip in rest["flips"]], rest["next"]) == (["off"], None)


def test_flips_that_are_owed_are_filtered_too(room: Room, tmp_path: Path) -> None:
    client = room.app().test_client()
    locker = sqlite3.connect(tmp_path / "flags.sqlite", isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")  # others read, and cannot write
    trip = client.post(f"/api/v1/guards/{GUARD}/trip", json={"reason": "look at it"})
    assert trip.status_code == 200
    owed = {
        query: [flip["flag"] for flip in client.get(f"/api/v1/flips?{query}").json["pending"]]
        for query in ("", f"flag={FLAG}", f"guard={GUARD}", "flag=another", "guard=assessment")
    }
    locker.execute("ROLLBACK")
    locker.close()
    assert owed == {
        "": [FLAG],
        f"flag={FLAG}": [FLAG],
        f"guard={GUARD}": [FLAG],
        "flag=another": [],
        "guard=assessment": [],
    }


def test_the_overview_still_shows_everything_else_when_the_store_is_away(
    room: Room, tmp_path: Path
) -> None:
    client = room.app().test_client()
    assert client.get("/api/v1/overview").json["store_problem"] is None
    room.store.close()
    (tmp_path / "flags.sqlite").unlink()
    (tmp_path / "flags.sqlite").mkdir()
    overview = client.get("/api/v1/overview").json
    assert "Check that the flag store is up" in overview["store_problem"]
    assert [guard["name"] for guard in overview["guards"]] == [GUARD, "assessment"]
    assert FLAG in [flag["name"] for flag in overview["flags"]]  # as last read


def test_while_one_page_waits_for_a_hung_store_the_others_are_answered(tmp_path: Path) -> None:
    store = SqlFlagStore(f"sqlite:///{tmp_path}/hung.sqlite", timeout_s=30)
    store.create_tables()
    store.create(FLAG)
    reached = threading.Event()

    class Watched(Switch):
        def flags(self) -> tuple[Flag, ...]:
            reached.set()
            return super().flags()

    lately = FlagsLately(Watched(store))
    locker = sqlite3.connect(tmp_path / "hung.sqlite", isolation_level=None)
    locker.execute("BEGIN EXCLUSIVE")  # in rollback mode readers wait too, until their time-out
    waiting = threading.Thread(target=lately.read)
    waiting.start()
    assert reached.wait(10)
    assert lately.read() == ((), "the flag store was not read yet")
    assert waiting.is_alive()
    locker.execute("ROLLBACK")
    locker.close()
    waiting.join(30)
    assert [flag.name for flag in lately.read()[0]] == [FLAG]
    store.close()


def test_health_tells_a_supervisor_and_readiness_a_balancer(room: Room) -> None:
    client = room.app().test_client()
    assert (client.get("/healthz").status_code, client.get("/readyz").status_code) == (200, 200)
    room.problems["store"] = "no answer"
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (
        503,
        {"ready": False, "problems": {"store": "no answer"}},
    )
    room.alive = False
    assert client.get("/healthz").status_code == 503


def test_metrics_come_as_text_whatever_else_a_scraper_accepts(room: Room) -> None:
    room.run("page")
    accept = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
    text = room.app().test_client().get("/metrics", headers=accept)
    assert text.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert 'probe_success{instance="http://va.test",job="page",location="local"} 1.0' in text.text


def test_text_that_no_encoder_takes_does_not_take_the_page_away(room: Room) -> None:
    room.run("page", "failed", reason="\ud800 and \x00", duration_s=float("inf"))
    client = room.app().test_client()
    last = next(p for p in client.get("/api/v1/overview").json["probes"] if p["name"] == "page")
    shown = last["locations"][0]["last"]
    assert (shown["reason"], shown["duration_s"]) == ("\ud800 and \x00", None)


def test_runs_since_a_time_come_oldest_first(room: Room) -> None:
    room.run("page", started_at=ago(100))
    room.run("page", started_at=ago(10))
    room.run("page", started_at=ago(50))
    found = history.runs_since(room.journal, ago(60))
    assert [run.id for run in found] == ["run-0003", "run-0002"]
