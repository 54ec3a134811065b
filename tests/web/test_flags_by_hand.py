"""`tripflag flags` and `tripflag audit` against a served daemon's API."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from daemon.cli import main
from daemon.web import WebServer
from flags.model import Gates
from tests.web.conftest import FLAG, Room

TENTH = Gates.of(("percentage_of_actors", "10"))
Call = Callable[..., Result]


@pytest.fixture
def call(room: Room, served: Callable[[Room], WebServer]) -> Call:
    """Run the command line as another process would, with its exit code."""
    url = served(room).url

    def run(*words: str, given: str | None = None) -> Result:
        return CliRunner(env={"TRIPFLAG_URL": url}).invoke(main, words, input=given)

    return run


def test_off_writes_at_once_and_says_what_it_became(room: Room, call: Call) -> None:
    ended = call("flags", "off", FLAG, "-r", "wrong names")
    assert ended.exit_code == 0, ended.output
    assert f"{FLAG}: off (no gate), guarded by representative_status" in ended.stdout
    assert room.flag() == "off"


def test_raising_exposure_is_confirmed_and_lowering_is_not(room: Room, call: Call) -> None:
    assert call("flags", "percent", FLAG, "25", "-r", "ramp down").exit_code == 0
    refused = call("flags", "percent", FLAG, "50", "-r", "ramp up")
    assert refused.exit_code == 2
    assert "confirm with --yes" in refused.stderr
    assert room.store.gates(FLAG) == Gates.of(("percentage_of_actors", "25"))
    assert call("flags", "percent", FLAG, "50", "-r", "ramp up", "--yes").exit_code == 0
    assert room.store.gates(FLAG) == Gates.of(("percentage_of_actors", "50"))


def test_actors_come_and_go(room: Room, call: Call) -> None:
    assert call("flags", "off", FLAG, "-r", "start").exit_code == 0
    added = call("flags", "actors", FLAG, "--add", "User;1", "--add", "User;2", "-r", "us", "-y")
    assert added.exit_code == 0, added.output
    assert call("flags", "actors", FLAG, "--remove", "User;1", "-r", "left").exit_code == 0
    assert room.store.gates(FLAG) == Gates.of(("actors", "User;2"))
    assert call("flags", "actors", FLAG, "-r", "nothing").exit_code == 2


def test_a_snapshot_is_restored_exactly(room: Room, call: Call, tmp_path: Path) -> None:
    mixed = Gates.of(("actors", "User;1"), ("groups", "beta"), ("percentage_of_actors", "12.5"))
    room.store.replace_gates(FLAG, mixed)
    file = tmp_path / "kept.json"
    file.write_text(call("flags", "snapshot", FLAG).stdout)
    assert call("flags", "off", FLAG, "-r", "kill").exit_code == 0
    assert call("flags", "restore", FLAG, str(file), "-r", "back", "-y").exit_code == 0
    assert room.store.gates(FLAG) == mixed
    other = call("flags", "restore", "assessment_fallback_enabled", str(file), "-r", "x", "-y")
    assert other.exit_code == 2
    assert "is a snapshot of" in other.stderr
    file.write_text("{}")
    assert call("flags", "restore", FLAG, str(file), "-r", "x", "-y").exit_code == 2


def test_what_somebody_changed_meanwhile_is_not_overwritten(room: Room) -> None:
    client = room.app().test_client()
    room.store.replace_gates(FLAG, TENTH)
    body = {"reason": "because", "seen": [["boolean", "true"]]}
    refused = client.post(f"/api/v1/flags/{FLAG}/disable", json=body)
    assert refused.status_code == 409
    assert "changed by someone else" in refused.get_json()["detail"]
    assert room.store.gates(FLAG) == TENTH


def test_who_does_not_confirm_writes_nothing(room: Room, call: Call) -> None:
    before = Gates.of(("actors", "User;1"))
    room.store.replace_gates(FLAG, before)
    room.engine.poll_flags()
    words = ("--add", "User;2", "--remove", "User;1", "-r", "one for the other")
    refused = call("flags", "actors", FLAG, *words)
    assert refused.exit_code == 2
    assert refused.stderr == f"User;2 will be exposed to {FLAG}: confirm with --yes\n"
    assert room.store.gates(FLAG) == before


def test_history_tells_ours_and_what_was_written_past_us(room: Room, call: Call) -> None:
    call("flags", "off", FLAG, "-r", "wrong names")
    room.store.replace_gates(FLAG, TENTH)
    room.engine.poll_flags()
    rows = json.loads(call("flags", "history", FLAG, "--json").stdout)
    assert [(row["adopted"], row["reason"]) for row in rows] == [
        (True, "written past Tripflag, found by a poll"),
        (False, "wrong names"),
    ]
    assert "wrong names" in call("flags", "history", FLAG).stdout


def test_an_export_verifies_and_a_touched_one_names_the_row(
    room: Room, call: Call, tmp_path: Path
) -> None:
    call("flags", "off", FLAG, "-r", "one")
    call("flags", "on", FLAG, "-r", "two", "-y")
    assert call("audit", "verify").stdout.startswith("2 rows, every link holds")
    file = tmp_path / "audit.jsonl"
    file.write_text(call("audit", "export").stdout)
    assert call("audit", "verify", str(file)).exit_code == 0
    file.write_text(file.read_text().replace('"one"', '"eins"'))
    touched = call("audit", "verify", str(file))
    assert touched.exit_code == 1
    assert touched.stderr == "broken at row 1: its content is not what was written\n"
    file.write_text("nonsense\n")
    assert call("audit", "verify", str(file)).exit_code == 2


def test_an_unknown_flag_and_an_absent_daemon_are_told_in_one_line(call: Call) -> None:
    unknown = call("flags", "off", "no_such_flag", "-r", "x")
    assert unknown.exit_code == 2
    assert "no flag is named 'no_such_flag'" in unknown.stderr
    absent = call("flags", "list", "--url", "http://127.0.0.1:9")
    assert absent.exit_code == 1
    assert "no daemon answers" in absent.stderr


def test_every_flag_is_listed_with_its_state(call: Call) -> None:
    listed = json.loads(call("flags", "list", "--json").stdout)
    assert {flag["name"]: flag["state"] for flag in listed} == {
        FLAG: "on",
        "assessment_fallback_enabled": "off",
    }
    assert FLAG in call("flags", "show", FLAG).stdout
