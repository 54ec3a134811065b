"""`tripflag status`: the overview in the terminal, once and for as long as somebody looks."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from daemon.artifacts import Lost
from daemon.cli import terminal
from daemon.guard import Phase
from daemon.web import WebServer, wording
from tests.cli.conftest import Call, Start, run_command
from tests.web.conftest import GUARD, Room, ago


def test_all_is_well_ends_with_0_and_one_line_a_guard(room: Room, call: Call) -> None:
    said = call("status")
    assert said.exit_code == 0, said.output
    first, second = said.stdout.splitlines()
    assert first.startswith(f"● ARMED             {GUARD}  on ")
    assert second.startswith("○ OBSERVE           assessment")


def test_a_kill_ends_with_1_and_says_why_and_which_incident(room: Room, call: Call) -> None:
    room.break_widget("[red]an alert[/red] \x1b[2Jis shown")
    said = call("status")
    assert said.exit_code == 1
    guard, _, incident = said.stdout.splitlines()
    assert guard.startswith(f"◐ KILLED UNVERIFIED {GUARD}  off")
    assert "[red]an alert[/red] is shown" in guard
    assert incident.startswith("incident ")
    assert f"of {GUARD}, severity" in incident
    assert "nobody has acknowledged it" in incident
    overview = call("status", "--json")
    assert overview.exit_code == 1
    assert json.loads(overview.stdout)["guards"][0]["phase"] == "killed_unverified"


def test_a_problem_of_the_daemons_own_ends_with_1(room: Room, call: Call) -> None:
    room.problems["pool local"] = "no worker starts"
    said = call("status")
    assert said.exit_code == 1
    assert "problem: pool local: no worker starts" in said.stdout


def test_lost_evidence_is_said_and_is_nothing_that_needs_somebody_at_night(
    room: Room, call: Call
) -> None:
    room.evidence_lost = Lost("disk full: No space left on device at x", ago(120))
    said = call("status")
    assert said.exit_code == 0
    assert said.stdout.splitlines()[-1] == "evidence lost: disk full: No space left on device at x"


def test_no_daemon_ends_with_3_and_the_remedy() -> None:
    ended = run_command("http://127.0.0.1:9", "status")
    assert ended.exit_code == 3
    assert ended.stderr == (
        "no daemon answers at http://127.0.0.1:9 (ConnectionError): start it with `tripflag up "
        "FILE`, or give --url or TRIPFLAG_URL\n"
    )
    assert run_command("nonsense", "status").exit_code == 3


def test_watch_and_json_together_are_refused(call: Call) -> None:
    refused = call("status", "--watch", "--json")
    assert refused.exit_code == 2
    assert refused.stderr == ("--json is one look: leave --watch away, or read /api/v1/events\n")


def test_every_phase_looks_here_as_it_does_on_the_pages() -> None:
    for phase in Phase:
        shape, _ = terminal.PHASES[phase.value]
        assert shape == wording.shape(wording.tone(phase)), phase


def read_until(process: subprocess.Popen[str], *texts: str, within_s: float = 30) -> None:
    """Read lines until each text stood in one of them, in whatever order."""
    assert process.stdout is not None
    # What ends a read that nothing comes to.
    late = threading.Timer(within_s, process.kill)
    late.start()
    missing = set(texts)
    try:
        for line in process.stdout:
            missing = {text for text in missing if text not in line}
            if not missing:
                return
    finally:
        late.cancel()
    pytest.fail(f"not within {within_s:g} s: {missing}")


def test_watch_says_what_changed_and_ctrl_c_leaves_cleanly(
    room: Room, served: Callable[[Room], WebServer], start: Start
) -> None:
    watching = start(served(room).url, "status", "--watch", PYTHONUNBUFFERED="1")
    read_until(watching, f"● ARMED             {GUARD}  on")
    room.break_widget()
    read_until(watching, f"◐ KILLED UNVERIFIED {GUARD}  off", f"of {GUARD}, severity")
    watching.send_signal(signal.SIGINT)
    _, errors = watching.communicate(timeout=15)
    assert (watching.returncode, errors) == (0, "")


def test_watch_waits_for_a_daemon_that_went_away(
    room: Room, served: Callable[[Room], WebServer], start: Start
) -> None:
    server = served(room)
    watching = start(server.url, "status", "--watch", PYTHONUNBUFFERED="1")
    read_until(watching, GUARD)
    server.close()
    read_until(watching, f"no daemon answers at {server.url}")
    watching.send_signal(signal.SIGINT)
    _, errors = watching.communicate(timeout=15)
    assert (watching.returncode, errors) == (0, "")


def test_on_a_terminal_watch_draws_the_screen_and_gives_it_back(
    room: Room, served: Callable[[Room], WebServer]
) -> None:
    url = served(room).url
    ours, theirs = pty.openpty()
    watching = subprocess.Popen(
        (sys.executable, "-m", "daemon.cli", "status", "--watch"),
        env={**os.environ, "TRIPFLAG_URL": url, "TERM": "xterm-256color", "NO_COLOR": "1"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    drawn = b""

    def draw_until(text: bytes) -> None:
        nonlocal drawn
        until = time.monotonic() + 30
        while text not in drawn and time.monotonic() < until:
            if select.select([ours], [], [], 0.2)[0]:
                try:
                    drawn += os.read(ours, 65536)
                except OSError:  # the other end is closed
                    break
        assert text in drawn, drawn

    try:
        draw_until(b"Ctrl-C leaves")
        assert b"\x1b[?1049h" in drawn
        assert b"\x1b[31m" not in drawn
        watching.send_signal(signal.SIGINT)
        draw_until(b"\x1b[?1049l")
        draw_until(b"\x1b[?25h")
        assert watching.wait(15) == 0
        assert b"Traceback" not in drawn
    finally:
        watching.kill()
        os.close(ours)
