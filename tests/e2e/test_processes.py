"""The real daemon as a process: real signals, real crashes, bad surroundings."""

import json
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import requests

from daemon.demo import DEMO
from tests.e2e.conftest import Process, World, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.process]

FLAG = "representative_status_enabled"
Run = Callable[..., Process]


def rows(journal: Path, query: str) -> list[tuple[object, ...]]:
    """Read the journal of a daemon, alive or dead."""
    with sqlite3.connect(f"file:{journal}?mode=ro", uri=True, timeout=10) as connection:
        return connection.execute(query).fetchall()


def passed(world: World) -> int:
    query = "SELECT count(DISTINCT probe) FROM runs WHERE outcome = 'passed'"
    try:
        return int(str(rows(world.journal, query)[0][0]))
    except sqlite3.OperationalError:
        return 0  # not made yet


def test_a_kill_decided_before_kill_9_is_written_once_after_the_restart(
    world: World, run_daemon: Run
) -> None:
    first = run_daemon().started()
    wait_for("the probes pass", lambda: passed(world) >= 5)
    # Readers go on, so that the stage still serves toggles; the daemon's write must wait.
    blocker = sqlite3.connect(world.folder / "flags.sqlite", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    world.fault("api_500")
    decided = "SELECT id FROM decisions WHERE kind = 'flip' AND state = 'pending'"
    wait_for("the kill is decided", lambda: rows(world.journal, decided))

    first.signal(signal.SIGKILL)
    first.ended()
    blocker.execute("ROLLBACK")
    blocker.close()
    assert world.flag(FLAG).exposing
    assert rows(world.journal, "SELECT * FROM flips") == []

    run_daemon().started()
    wait_for("the flag goes off", lambda: not world.flag(FLAG).exposing)
    proven = "SELECT text FROM timeline WHERE text LIKE 'KILLED:%'"
    wait_for("the kill is proven", lambda: rows(world.journal, proven))
    flips = rows(world.journal, "SELECT before, after FROM flips")
    assert flips == [("on", "off")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
def test_a_stopped_daemon_leaves_no_process_behind(
    number: signal.Signals, world: World, run_daemon: Run
) -> None:
    daemon = run_daemon().started()
    wait_for("a probe passes", lambda: passed(world) >= 1)
    assert world.processes()

    daemon.signal(number)

    assert daemon.ended() == 0
    # Python's own resource tracker reads the end of its pipe a moment after we are gone.
    wait_for("everything is gone", lambda: world.processes() == [], 10)
    errors = (
        "SELECT reason FROM (SELECT json_extract(doc, '$.reason') AS reason, outcome FROM runs)"
    )
    assert rows(world.journal, f"{errors} WHERE outcome = 'error'") == []


def test_a_killed_daemon_leaves_no_browser_and_no_driver_behind(
    world: World, run_daemon: Run
) -> None:
    daemon = run_daemon().started()
    wait_for("a probe passes", lambda: passed(world) >= 1)
    assert len(world.processes()) > 4

    daemon.signal(signal.SIGKILL)
    daemon.ended()

    wait_for("everything is gone", lambda: world.processes() == [], 10)


def test_a_good_configuration_is_taken_at_sighup_and_a_bad_one_is_refused_whole(
    world: World, run_daemon: Run, tmp_path: Path
) -> None:
    file = tmp_path / "watched.yaml"
    file.write_text(DEMO.read_text())
    daemon = run_daemon(file).started()
    wait_for("the probes pass", lambda: passed(world) >= 6)
    assert 'probe_success{instance="' in _metrics(daemon)
    assert 'job="page"' in _metrics(daemon)

    file.write_text(DEMO.read_text().replace(" confirmations: 3", " confirmatons: 3"))
    daemon.signal(signal.SIGHUP)
    wait_for("it is refused", lambda: "configuration refused" in daemon.log)
    assert "guards.assessment.confirmatons: unknown key" in daemon.log
    assert "tripflag_config_reload_success 0.0" in _metrics(daemon)
    assert requests.get(f"{daemon.url()}/healthz", timeout=5).status_code == 200

    text = DEMO.read_text()
    start = text.index("  # No browser: is the page there at all?")
    file.write_text(text[:start] + text[text.index("  # What the assessment's circuit goes by") :])
    daemon.signal(signal.SIGHUP)
    wait_for("it is taken", lambda: "configuration taken" in daemon.log)
    wait_for("the removed probe's series are gone", lambda: 'job="page"' not in _metrics(daemon))
    assert "tripflag_config_reload_success 1.0" in _metrics(daemon)


def test_a_journal_that_is_busy_at_sighup_keeps_the_old_configuration_running(
    world: World, run_daemon: Run
) -> None:
    daemon = run_daemon().started()
    wait_for("a probe passes", lambda: passed(world) >= 1)
    # Longer than the journal's own patience: somebody's forgotten shell with a transaction.
    blocker = sqlite3.connect(world.journal, isolation_level=None, timeout=30)
    blocker.execute("BEGIN IMMEDIATE")

    daemon.signal(signal.SIGHUP)

    wait_for("it is refused", lambda: "configuration refused" in daemon.log)
    assert "database is locked" in daemon.log
    blocker.execute("ROLLBACK")
    blocker.close()
    before = rows(world.journal, "SELECT count(*) FROM runs")[0]
    wait_for("it goes on", lambda: rows(world.journal, "SELECT count(*) FROM runs")[0] > before)
    daemon.signal(signal.SIGHUP)
    wait_for("it is taken now", lambda: "configuration taken" in daemon.log)
    assert daemon.popen.poll() is None


def _metrics(daemon: Process) -> str:
    return requests.get(f"{daemon.url()}/metrics", timeout=5).text


def test_a_journey_that_raises_is_an_error_and_moves_no_flag(
    world: World, run_daemon: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "journeys"
    folder.mkdir()
    (folder / "broken.py").write_text(
        "from probes.journey import Page, Visit, journey, step\n\n\n"
        '@journey("broken")\n'
        "def broken(page: Page, visit: Visit) -> None:\n"
        '    with step("typo"):\n'
        '        {}["no such key"]\n'
    )
    file = tmp_path / "broken.yaml"
    text = DEMO.read_text().replace("journey: representative_status", "journey: broken", 1)
    text = text.replace(
        text[text.index("    params:") : text.index("  widget_representative:")], "\n"
    )
    file.write_text(f"{text}\njourneys_folder: {folder}\n")
    daemon = run_daemon(file).started()

    query = "SELECT doc FROM runs WHERE probe = 'widget_signed_out' AND outcome = 'error'"
    wait_for("three runs end in error", lambda: len(rows(world.journal, query)) >= 3)

    run = json.loads(str(rows(world.journal, query)[0][0]))
    assert run["reason"] == "the journey's own code: KeyError: 'no such key' at broken.py:7"
    assert rows(world.journal, "SELECT * FROM flips") == []
    assert world.flag(FLAG).exposing
    assert daemon.popen.poll() is None


def refused(world: World, config: Path = DEMO) -> subprocess.CompletedProcess[str]:
    """Run a daemon that must not start."""
    command = (sys.executable, "-m", "daemon.cli", "up", str(config))
    return subprocess.run(
        command, env=world.env, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_journal_that_is_not_sqlite_is_refused_and_left_as_it_is(world: World) -> None:
    content = "not a database, but somebody's only copy of something\n" * 40
    world.journal.write_text(content)

    ended = refused(world)

    assert ended.returncode == 1
    assert ended.stderr == (
        f"cannot use {world.journal} as the journal: file is not a database. Give journal.path a "
        "new name, or restore the file from a backup; it was left as it is\n"
    )
    assert world.journal.read_text() == content


def test_a_port_in_use_is_refused_before_anything_starts(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        world.env["TRIPFLAG_WEB_PORT"] = str(port)

        ended = refused(world)

    assert ended.returncode == 1
    assert f"{port}" in ended.stderr
    assert "in use" in ended.stderr
    assert world.processes() == []


def test_a_browser_that_is_not_there_is_refused_with_the_remedy(world: World) -> None:
    world.env["TRIPFLAG_BROWSER"] = str(world.folder / "no-such-browser")

    ended = refused(world)

    assert ended.returncode == 1
    assert "no-such-browser" in ended.stderr
    assert "tripflag browser install" in ended.stderr


def test_a_second_daemon_on_one_journal_is_refused(world: World, run_daemon: Run) -> None:
    run_daemon().started()

    ended = refused(world)

    assert ended.returncode == 1
    assert ended.stderr == (
        f"another daemon uses the journal {world.journal}: stop it, or set another journal.path\n"
    )


def test_bad_configuration_ends_with_2_and_names_file_line_and_key(
    world: World, tmp_path: Path
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(DEMO.read_text().replace(" confirmations: 3", " confirmations: 0", 1))
    line = file.read_text().splitlines().index("    confirmations: 0") + 1

    ended = refused(world, file)

    assert ended.returncode == 2
    assert ended.stderr.startswith(f"{file}:{line}: guards.representative_status.confirmations: ")


def test_a_killed_demo_takes_its_stage_along() -> None:
    command = (sys.executable, "-m", "daemon.cli", "demo", "--port", "0", "--stage-port", "0")
    demo = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def below(module: str) -> list[psutil.Process]:
        children = psutil.Process(demo.pid).children()
        return [each for each in children if module in " ".join(each.cmdline())]

    # Workers come only once the stage has said its address: it serves now.
    wait_for("the daemon starts", lambda: below("multiprocessing.spawn"))
    (stage,) = below("daemon.stage")
    demo.kill()
    demo.wait(10)

    _, alive = psutil.wait_procs([stage], timeout=20)
    assert alive == []


def test_the_demo_plays_its_story_and_every_line_happens_in_order() -> None:
    ended = subprocess.run(
        (sys.executable, "-m", "daemon.cli", "demo", "--auto", "--interval-s", "5"),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "every line happened, in the right order" in ended.stdout
