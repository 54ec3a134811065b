"""Guards, probes, runs and the audit from the command line, on a real engine and journal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from probes.model import Outcome, Step
from tests.cli.conftest import Call
from tests.web.conftest import FLAG, GUARD, Room

HOSTILE = "[red]boo[/red] \x1b[2Jgone\x07"


def test_guards_are_listed_with_shape_phase_and_what_they_wait_for(room: Room, call: Call) -> None:
    said = call("guards", "list")
    assert said.exit_code == 0, said.output
    line = next(each for each in said.stdout.splitlines() if each.startswith(GUARD))
    assert "● ARMED" in line
    assert FLAG in line
    (listed, _) = json.loads(call("guards", "list", "--json").stdout)
    assert (listed["name"], listed["phase"]) == (GUARD, "armed")


@pytest.mark.parametrize("group", [(), ("guards",)])
def test_a_guard_is_tripped_held_released_and_reset(
    room: Room, call: Call, group: tuple[str, ...]
) -> None:
    tripped = call(*group, "trip", GUARD, "-r", "wrong names")
    assert (tripped.exit_code, tripped.stdout) == (0, f"{GUARD}: killed_unverified\n")
    assert room.flag() == "off"
    shown = call("guards", "show", GUARD).stdout
    assert "wrong names" in shown
    assert "ladder:" in shown
    assert call(*group, "reset", GUARD, "-r", "mended").stdout == f"{GUARD}: armed\n"
    assert room.flag() == "on"
    held = call(*group, "hold", GUARD, "-r", "load test", "--minutes", "5", "--json")
    assert json.loads(held.stdout)["hold"]["reason"] == "load test"
    assert "load test" in call("guards", "show", GUARD).stdout
    assert call(*group, "release", GUARD, "-r", "done").stdout == f"{GUARD}: armed\n"


def test_a_guards_mode_is_set_and_given_back(room: Room, call: Call) -> None:
    said = call("guards", "mode", GUARD, "observe", "-r", "look first")
    assert (said.exit_code, said.stdout) == (0, f"{GUARD}: observe, mode observe\n")
    assert "look first; the configuration says enforce" in call("guards", "show", GUARD).stdout
    back = call("guards", "mode", GUARD, "configured", "-r", "seen enough")
    assert back.stdout == f"{GUARD}: armed, mode enforce\n"


def test_what_makes_no_sense_ends_with_2_and_names_the_remedy(call: Call) -> None:
    unknown = call("trip", "nobody", "-r", "x")
    assert unknown.exit_code == 2
    assert unknown.stderr == (f"no guard is named 'nobody': name one of: assessment, {GUARD}\n")
    slash = call("guards", "show", "../flags")
    assert slash.exit_code == 2
    empty = call("trip", GUARD, "-r", " ")
    assert empty.exit_code == 2
    assert "reason" in empty.stderr
    assert call("trip", GUARD).exit_code == 2
    assert call("guards", "mode", GUARD, "sleep", "-r", "x").exit_code == 2


def test_an_act_that_somebody_was_first_with_ends_with_3(call: Call) -> None:
    refused = call("release", GUARD, "-r", "x")
    assert refused.exit_code == 3, refused.output
    assert refused.stderr.count("\n") == 1


def test_probes_are_listed_paused_and_resumed(room: Room, call: Call) -> None:
    room.run("page", outcome="failed", reason=HOSTILE)
    listed = call("probes", "list").stdout
    assert "[red]boo[/red] gone" in listed
    assert "\x1b" not in listed
    paused = call("probes", "pause", "page", "-r", "it is being moved", "--minutes", "30")
    assert paused.exit_code == 0, paused.output
    assert paused.stdout.startswith("page: paused for 30 minutes")
    assert "it is being moved" in call("probes", "show", "page").stdout
    assert "paused" in call("probes", "list").stdout
    assert call("probes", "resume", "page", "-r", "moved").stdout == "page: runs again\n"
    assert json.loads(call("probes", "show", "page", "--json").stdout)["paused"] is None


def test_runs_are_filtered_and_paged(room: Room, call: Call) -> None:
    for number in range(7):
        room.run("page", outcome="failed" if number % 2 else "passed")
    room.run("widget_signed_out")
    listed = json.loads(call("runs", "list", "--probe", "page", "--json").stdout)
    assert [run["id"] for run in listed] == [f"run-{n:04}" for n in range(7, 0, -1)]
    failed = json.loads(
        call("runs", "list", "--outcome", "failed", "--limit", "2", "--json").stdout
    )
    assert [run["id"] for run in failed] == ["run-0006", "run-0004"]
    assert "✗ failed" in call("runs", "list", "--outcome", "failed").stdout
    assert (
        json.loads(call("runs", "list", "--since", "2099-01-01T00:00:00Z", "--json").stdout) == []
    )
    assert call("runs", "list", "--since", "noon").exit_code == 2


def test_more_runs_than_a_page_holds_are_all_listed(
    room: Room, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.cli.runs.PAGE", 3)
    for _ in range(8):
        room.run("page")
    listed = json.loads(call("runs", "list", "--limit", "7", "--json").stdout)
    assert [run["id"] for run in listed] == [f"run-{n:04}" for n in range(8, 1, -1)]


def test_a_run_is_shown_with_its_steps_and_its_evidence_is_saved(
    room: Room, call: Call, tmp_path: Path
) -> None:
    kept = room.keep("run-0001", "screenshot", "screenshot.png", b"\x89PNG")
    steps = (Step("open", Outcome.PASSED, 0.5), Step("look", Outcome.FAILED, 1.0, HOSTILE))
    room.run("page", outcome="failed", reason=HOSTILE, steps=steps, artifacts=(kept,))
    folder = tmp_path / "evidence"
    shown = call("runs", "show", "run-0001", "--artifacts", str(folder))
    assert shown.exit_code == 0, shown.output
    assert "✓ passed    0.50 s  open" in shown.stdout
    assert "[red]boo[/red] gone" in shown.stdout
    assert "\x1b" not in shown.stdout
    (saved,) = folder.iterdir()
    assert (saved.name, saved.read_bytes()) == ("run-0001-screenshot.png", b"\x89PNG")
    unwritable = call("runs", "show", "run-0001", "--artifacts", str(saved))
    assert unwritable.exit_code == 2
    assert unwritable.stderr == f"cannot write into {saved}: File exists. Name another folder\n"
    assert call("runs", "show", "gone").exit_code == 2


def test_the_audit_is_listed_exported_and_verified(room: Room, call: Call, tmp_path: Path) -> None:
    call("flags", "off", FLAG, "-r", "first")
    call("flags", "on", FLAG, "-r", "second", "--yes")
    listed = call("audit", "list").stdout
    assert listed.index("second") < listed.index("first")
    (newest,) = json.loads(call("audit", "list", "--limit", "1", "--json").stdout)
    assert newest["reason"] == "second"
    exported = tmp_path / "audit.jsonl"
    exported.write_text(call("audit", "export").stdout)
    held = json.loads(call("audit", "verify", str(exported), "--json").stdout)
    assert (held["rows"], held["broken"]) == (2, None)
    exported.write_text(exported.read_text().replace("second", "2nd"))
    broken = call("audit", "verify", str(exported))
    assert broken.exit_code == 1
    assert broken.stderr == "broken at row 2: its content is not what was written\n"
    assert call("audit", "verify", str(tmp_path / "none")).exit_code == 2


def test_a_flags_history_says_who_wrote_what_newest_first(call: Call) -> None:
    call("flags", "off", FLAG, "-r", "one")
    call("flags", "percent", FLAG, "25", "-r", "two", "--yes")
    rows = json.loads(call("flags", "history", FLAG, "--json").stdout)
    assert [row["reason"] for row in rows] == ["two", "one"]
    said = call("flags", "history", FLAG, "--limit", "1").stdout
    assert "two" in said
    assert "one" not in said.replace("none", "")


@pytest.mark.parametrize("group", ["circuits", "flags", "guards", "incidents", "probes", "runs"])
def test_one_thing_is_shown_by_the_same_word_in_every_group(call: Call, group: str) -> None:
    lost = call(group, "show", "nothing")
    assert (lost.exit_code, lost.stdout) == (2, "")
    assert lost.stderr.count("\n") == 1
    verbs = call(group, "--help").stdout.split()
    assert "show" in verbs
    assert "get" not in verbs


def test_the_word_of_before_still_shows_a_flag(call: Call) -> None:
    assert call("flags", "get", FLAG).stdout == call("flags", "show", FLAG).stdout
