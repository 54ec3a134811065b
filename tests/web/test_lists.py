"""Lists that grow: a page at a time, filtered, each thing once, and never slower."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import event

from daemon import history
from daemon.audit import AuditEntry, first_broken
from probes.model import Outcome, Purpose
from tests.web.conftest import FLAG, GUARD, Room, ago


def test_a_page_neither_repeats_nor_leaves_out_a_run_though_others_come_in(room: Room) -> None:
    same = ago(100)
    for _ in range(5):
        room.run("page", started_at=same)
    client = room.app().test_client()
    first = client.get("/api/v1/runs?probe=page&limit=2").get_json()
    room.run("page")  # newer than all: on no page behind the first
    late = room.run("page", id="run-0000", started_at=same)  # older than all by its id
    seen = [run["id"] for run in first["runs"]]
    cursor = first["next"]
    while cursor is not None:
        page = client.get(f"/api/v1/runs?probe=page&limit=2&cursor={cursor}").get_json()
        seen += [run["id"] for run in page["runs"]]
        cursor = page["next"]
    assert seen == ["run-0005", "run-0004", "run-0003", "run-0002", "run-0001", late.id]


@pytest.mark.parametrize("outcome", [None, *Outcome])
@pytest.mark.parametrize("probe", [None, "page"])
@pytest.mark.parametrize("location", [None, "local"])
def test_no_filter_makes_a_deep_page_of_runs_walk_from_the_newest(
    room: Room, outcome: Outcome | None, probe: str | None, location: str | None
) -> None:
    plans: list[str] = []

    def explain(connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT runs.doc"):
            rows = connection.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in rows)

    event.listen(room.journal.engine, "before_cursor_execute", explain)
    before = history.Before(ago(10), "run-0001")
    history.runs(room.journal, outcome=outcome, probe=probe, location=location, before=before)
    event.remove(room.journal.engine, "before_cursor_execute", explain)
    assert re.fullmatch(r"SEARCH runs USING INDEX runs_by_\w+ \(.*started_at<\?\)", plans[0])
    # Only runs of the very same time are sorted.
    assert [re.sub("LAST TERM|RIGHT PART", "END", each) for each in plans[1:]] == [
        "USE TEMP B-TREE FOR END OF ORDER BY"
    ]


def test_a_flag_has_its_history_and_the_gates_of_before_each_write(room: Room) -> None:
    room.engine.flip(FLAG, False, "pat", "it is broken", "req-1")
    room.engine.flip(FLAG, True, "sam", "it is mended")
    room.store.set(FLAG, False)  # past us
    room.engine.poll_flags()
    client = room.app().test_client()
    told = client.get(f"/api/v1/flags/{FLAG}/history?limit=2").get_json()
    rest = client.get(f"/api/v1/flags/{FLAG}/history?cursor={told['next']}").get_json()
    writes = told["writes"] + rest["writes"]
    assert [(each["by"], each["adopted"]) for each in writes] == [
        ("unknown", True),
        ("sam", False),
        ("pat", False),
    ]
    assert (writes[2]["before"], writes[2]["reason"]) == ("on for everybody", "it is broken")
    assert (writes[2]["request_id"], rest["next"]) == ("req-1", None)

    kept = client.get(f"/api/v1/flags/{FLAG}/snapshots?limit=1").get_json()
    older = client.get(f"/api/v1/flags/{FLAG}/snapshots?cursor={kept['next']}").get_json()
    assert [each["by"] for each in kept["snapshots"] + older["snapshots"]] == ["sam", "pat"]
    assert (older["snapshots"][0]["gates"], older["next"]) == ([["boolean", "true"]], None)
    body = {"reason": "as before", "gates": older["snapshots"][0]["gates"]}
    assert client.post(f"/api/v1/flags/{FLAG}/restore", json=body).status_code == 200
    assert room.flag() == "on"
    for what in ("history", "snapshots"):
        assert client.get(f"/api/v1/flags/nobody/{what}").status_code == 404


def test_the_audit_is_filtered_and_paged_in_both_directions(room: Room) -> None:
    client = room.app().test_client()
    for reason in ("one", "two", "three"):
        room.engine.flip(FLAG, reason == "two", "pat", reason)
    hold = {"by": "sam", "reason": "hands off"}
    assert client.post(f"/api/v1/guards/{GUARD}/hold", json=hold).status_code == 200

    def rows(query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = client.get(f"/api/v1/audit?limit=2&{query}{cursor}").get_json()
            found += page["rows"]
            if page["next"] is None:
                return found
            cursor = f"&cursor={page['next']}"

    everything = rows("order=asc")
    assert [row["id"] for row in everything] == [1, 2, 3, 4]
    assert rows("order=desc") == everything[::-1]
    assert [row["reason"] for row in rows("actor=pat&order=desc")] == ["three", "two", "one"]
    assert [row["action"] for row in rows(f"subject=guard%20{GUARD}")] == ["hold"]
    assert [row["flag"] for row in rows("action=flip")] == [FLAG] * 3
    assert rows(f"flag={FLAG}&since={ago(-60):%Y-%m-%dT%H:%M:%SZ}") == []
    assert first_broken(AuditEntry.of(row) for row in everything) is None


def test_incidents_are_filtered_and_paged(room: Room) -> None:
    client = room.app().test_client()
    for _ in range(3):
        trip = {"reason": "look at it"}
        assert client.post(f"/api/v1/guards/{GUARD}/trip", json=trip).status_code == 200
        assert client.post(f"/api/v1/guards/{GUARD}/reset", json=trip).status_code == 200
    first = client.get("/api/v1/incidents?limit=2").get_json()
    rest = client.get(f"/api/v1/incidents?limit=2&cursor={first['next']}").get_json()
    ids = [each["id"] for each in first["incidents"] + rest["incidents"]]
    assert (len(set(ids)), ids, rest["next"]) == (3, sorted(ids, reverse=True), None)
    full = client.get("/api/v1/incidents?limit=3").get_json()
    assert (len(full["incidents"]), full["next"]) == (3, None)  # no empty page comes behind it
    (one, *_) = first["incidents"]
    for query, count in (
        (f"cause={one['cause']}&severity={one['severity']}", 3),
        ("cause=nothing", 0),
        (f"severity={one['severity'] % 4 + 1}", 0),
        (f"since={ago(-60):%Y-%m-%dT%H:%M:%SZ}", 0),
        (f"until={ago(-60):%Y-%m-%dT%H:%M:%SZ}", 3),
    ):
        assert len(client.get(f"/api/v1/incidents?{query}").get_json()["incidents"]) == count


def test_a_guard_s_whole_timeline_comes_a_page_at_a_time(room: Room) -> None:
    room.break_widget()
    room.prove()
    client = room.app().test_client()
    whole = client.get(f"/api/v1/guards/{GUARD}/timeline?limit=500").get_json()
    assert whole["next"] is None
    first = client.get(f"/api/v1/guards/{GUARD}/timeline?limit=2").get_json()
    rest = client.get(f"/api/v1/guards/{GUARD}/timeline?cursor={first['next']}").get_json()
    assert first["lines"] + rest["lines"] == whole["lines"]
    assert whole["lines"][0]["text"] == "KILLED: a fresh browser no longer meets it"
    assert client.get("/api/v1/guards/nobody/timeline").status_code == 404


def test_what_is_rare_is_looked_for_a_stretch_at_a_time_and_found_once(room: Room) -> None:
    same = ago(110)
    for n in range(16):
        rare = n in (0, 4, 5, 15)
        purpose = Purpose.PROOF if rare else Purpose.SCHEDULED
        room.run("page", purpose=purpose, started_at=same if 3 <= n <= 6 else ago(150 - n * 9))
    whole, rest = history.runs(room.journal, purpose=Purpose.PROOF)
    assert (len(whole), rest) == (4, None)
    seen: list[str] = []
    sizes: list[int] = []
    before: history.Before | None = None
    while True:
        page, before = history.runs(
            room.journal, purpose=Purpose.PROOF, before=before, limit=1, looks_at=3
        )
        seen += [run.id for run in page]
        sizes.append(len(page))
        if before is None:
            break
    assert seen == [run.id for run in whole]
    assert 0 in sizes[:-1]
