"""`tripflag run`: through a served room, and here on the stage with a real browser."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.cli.run_table import percentile
from daemon.demo import FLAGS
from probes.model import Outcome, Step
from probes.stage.app import create_app
from probes.stage.server import serve
from tests.cli.conftest import Call, run_command
from tests.web.conftest import Room


def come_in(room: Room, outcome: str = "passed", **more: Any) -> None:
    """Let the run that the room's daemon starts be in already."""
    steps = (Step("open", Outcome.PASSED, 0.5), Step("look", Outcome(outcome), 1.0))
    room.run("page", id="page-local", outcome=outcome, steps=steps, **more)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [("passed", 0), ("degraded", 0), ("failed", 1), ("error", 5), ("skipped", 5)],
)
def test_a_run_of_the_daemons_is_followed_and_its_outcome_is_the_exit_code(
    room: Room, call: Call, outcome: str, code: int
) -> None:
    come_in(room, outcome, reason="[bold]why\x1b[2J[/bold]")
    ended = call("run", "page")
    assert ended.exit_code == code, ended.output
    assert "✓ passed    0.50 s  open" in ended.stdout
    assert f"{outcome} after 1.25 s: [bold]why[/bold]" in ended.stdout
    assert room.busy == {"page"}


def test_a_run_is_printed_as_one_document(room: Room, call: Call) -> None:
    come_in(room)
    told = json.loads(call("probes", "run", "page", "--json").stdout)
    assert (told["id"], told["outcome"]) == ("page-local", "passed")


def test_what_cannot_be_run_ends_with_2_and_names_what_can(room: Room, call: Call) -> None:
    unknown = call("run", "nothing")
    assert unknown.exit_code == 2
    assert unknown.stderr.startswith("no probe is named 'nothing': name one of: assessment, page")
    elsewhere = call("run", "page", "--location", "moon")
    assert (elsewhere.exit_code, elsewhere.stderr) == (
        2,
        "page does not run in 'moon': name one of local\n",
    )
    headed = call("run", "page", "--headed")
    assert (headed.exit_code, headed.stderr) == (
        2,
        "--headed shows a browser of this machine: give --file FILE with it\n",
    )
    assert call("run", "page", "--repeat", "0").exit_code == 2
    assert room.busy == set()


def test_a_probe_that_is_under_way_ends_with_3(room: Room, call: Call) -> None:
    room.busy.add("page")
    refused = call("run", "page")
    assert (refused.exit_code, refused.stderr) == (3, "page is under way: wait for its run\n")


def test_a_run_that_never_comes_in_is_not_waited_for_for_ever(
    room: Room, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeout_s = room.config.probes["page"].timeout_s
    monkeypatch.setattr("daemon.cli.run.PATIENCE_S", 0.5 - timeout_s)
    ended = call("run", "page")
    assert ended.exit_code == 5
    assert ended.stderr == (
        "run page-local did not come in: look at `tripflag probes list`, and at the daemon's log\n"
    )


def test_the_evidence_of_the_daemons_run_is_saved(room: Room, call: Call, tmp_path: Path) -> None:
    kept = room.keep("page-local", "trace", "trace.zip", b"PK")
    come_in(room, "failed", artifacts=(kept,))
    ended = call("run", "page", "--trace", str(tmp_path / "deep" / "er"))
    assert ended.exit_code == 1
    assert (tmp_path / "deep" / "er" / "page-local-trace.zip").read_bytes() == b"PK"


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert [percentile([4, 1, 3, 2], percent) for percent in (1, 25, 50, 95, 100)] == [
        1,
        1,
        2,
        4,
        4,
    ]
    assert percentile([7], 50) == 7
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


@pytest.fixture(scope="module")
def stage() -> Iterator[str]:
    server = serve(create_app(lambda _: dict(FLAGS)), "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield server.url
    server.close()
    thread.join(15)


@pytest.fixture
def file(stage: str, tmp_path: Path) -> Path:
    file = tmp_path / "mine.yaml"
    file.write_text(
        f"""\
targets: {{site: {{base_url: '{stage}'}}}}
store: {{url: 'sqlite:///{tmp_path}/flags.sqlite'}}
journal: {{path: {tmp_path}/journal.sqlite}}
probes:
  page: {{kind: request, target: site, path: /get-help-from-accredited-representative/}}
  gone: {{kind: request, target: site, path: /nowhere/}}
  widget:
    target: site
    journey: representative_status
    interval_s: null
    timeout_s: 25
    params: {{expect: signed_out}}
"""
    )
    return file


@pytest.mark.browser
def test_a_run_here_tells_each_step_keeps_a_trace_and_writes_nothing_else(
    file: Path, tmp_path: Path
) -> None:
    traces = tmp_path / "traces"
    ended = run_command("", "run", "widget", "-f", str(file), "--trace", str(traces))
    assert ended.exit_code == 0, ended.output
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("  ✓ passed")
    assert lines[0].endswith("open the page")
    assert sum("toggles arrive" in line for line in lines) == 1
    assert any(line.startswith("widget in local: ✓ passed after ") for line in lines)
    assert [each.name for each in traces.rglob("trace.zip")] == ["trace.zip"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["mine.yaml", "traces"]


@pytest.mark.browser
def test_repeated_runs_here_make_a_table(file: Path) -> None:
    ended = run_command("", "run", "widget", "-f", str(file), "--repeat", "3")
    assert ended.exit_code == 0, ended.output
    assert "✓ passed" in ended.stdout
    assert "100%" in ended.stdout
    whole = next(line for line in ended.stdout.splitlines() if line.startswith("whole run"))
    assert whole.split()[2] == "3"
    assert ended.stderr == ""
    told = json.loads(
        run_command("", "run", "page", "-f", str(file), "--repeat", "2", "--json").stdout
    )
    assert [run["outcome"] for run in told] == ["passed", "passed"]


def test_a_failed_request_here_ends_with_1(file: Path) -> None:
    ended = run_command("", "run", "gone", "-f", str(file))
    assert ended.exit_code == 1
    assert "gone in local: ✗ failed after " in ended.stdout


def test_wrong_files_names_places_and_folders_end_with_2(file: Path, tmp_path: Path) -> None:
    def refused(*words: str, **env: str) -> str:
        ended = run_command("", "run", *words, **env)
        assert ended.exit_code == 2, ended.output
        return ended.stderr

    assert refused("nothing", "-f", str(file)) == (
        "no probe is named 'nothing': name one of page, gone, widget\n"
    )
    assert refused("page", "-f", str(file), "--location", "moon") == (
        "page does not run in 'moon': name one of local\n"
    )
    assert refused("page", "-f", str(file), "--trace", str(file)) == (
        f"cannot write into {file}: File exists. Name another folder\n"
    )
    assert str(tmp_path / "none.yaml") in refused("page", "-f", str(tmp_path / "none.yaml"))
    no_display = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}
    assert refused("widget", "-f", str(file), "--headed", **no_display) == (
        "--headed needs a display, and neither DISPLAY nor WAYLAND_DISPLAY is set: run it in a "
        "desktop session or under `xvfb-run`, or leave --headed away and give --trace DIR\n"
    )


def test_the_headless_shell_is_not_taken_for_a_browser_with_a_window(
    file: Path, tmp_path: Path
) -> None:
    shell = tmp_path / "bin" / "chromium-headless-shell"
    shell.parent.mkdir()
    shell.write_text("#!/bin/sh\n")
    shell.chmod(0o755)
    home = {"HOME": str(tmp_path), "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path)}
    env = {"DISPLAY": ":99", "PATH": str(shell.parent), "TRIPFLAG_BROWSER": "", **home}
    ended = run_command("", "run", "widget", "-f", str(file), "--headed", **env)
    assert ended.exit_code == 2
    assert ended.stderr == (
        "no full Chromium is here, and only a full one shows a window; run `python -m playwright "
        "install chromium`, or install the package `chromium`, or set TRIPFLAG_BROWSER to one\n"
    )
    ended = run_command(
        "", "run", "widget", "-f", str(file), "--headed", **{**env, "TRIPFLAG_BROWSER": str(shell)}
    )
    assert ended.stderr.startswith(f"{shell} is the headless shell, and only a full one shows")
    assert os.environ.get("DISPLAY") != ":99"
