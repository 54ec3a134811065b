"""Drills in real browsers on the real stage: told whether the guard would kill, nothing written."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from config.load import load
from config.schema import Config, DrillSpec, InjectedFault
from daemon import history
from daemon.app import Daemon
from daemon.demo import DEMO
from daemon.drill import Ending
from daemon.drill_report import Report
from daemon.guard import GuardRefuses, Phase
from daemon.guard.messages import OperatorAsked
from flags.model import FlagState
from probes.model import Outcome, Purpose, Run
from probes.stage.faults import Fault
from tests.e2e.conftest import World, a_world, wait_for

pytestmark = pytest.mark.browser

GUARD, FLAG = "representative_status", "representative_status_enabled"
API = "**/representation_management/v0/power_of_attorney"
NOT_WRITTEN = ("audit", "circuits", "decisions", "flips", "incidents", "known_flags", "timeline")


def configured(
    world: World,
    *,
    control: dict[str, Any] | None = None,
    guard: dict[str, Any] | None = None,
    **drill: Any,
) -> Config:
    """The demo's widget and its guard, with a drill; some of what it goes by changed."""
    config = load(DEMO, world.env)
    faults = (InjectedFault(url=API, status=500),)
    spec = DrillSpec(**{"faults": faults, "within_s": 40, **drill})
    changed = {"drill": spec, **(guard or {})}
    probes = {name: probe for name, probe in config.probes.items() if name.startswith("widget_")}
    probe: Any = probes["widget_control"]
    params = {**probe.params, **(control or {})}
    probes["widget_control"] = probe.model_copy(update={"params": params})
    guards = {GUARD: config.guards[GUARD].model_copy(update=changed)}
    return config.model_copy(update={"guards": guards, "probes": probes, "circuits": {}})


#: Nothing on the stage makes such a call.
NOTHING = (InjectedFault(url="**/no/such/call", status=500),)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("drills")) as made:
        yield made


@pytest.fixture(scope="module")
def daemon(stage: World) -> Iterator[Daemon]:
    running = Daemon(configured(stage))
    running.start()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def calm(stage: World, daemon: Daemon) -> Iterator[None]:
    """Nothing is broken, and the guard knows it."""

    def is_calm() -> bool:
        state = daemon.engine.state(GUARD)
        judged = state.judged_at is not None
        return judged and state.failing == () and daemon.engine.phases()[GUARD] is Phase.ARMED

    wait_for("the guard is calm", is_calm)
    yield
    stage.mend()
    wait_for("the guard is at ease", lambda: daemon.engine.state(GUARD).suspicion is None)
    with suppress(GuardRefuses):
        daemon.engine.ask(GUARD, OperatorAsked("release", "tester", "the test is over"))
    daemon.drills.reload(daemon.config)


def passed_since(daemon: Daemon, since: datetime) -> int:
    watched = daemon.config.guards[GUARD].probes
    runs = history.runs_since(daemon.journal, since)
    ends = {run.probe for run in runs if run.outcome is Outcome.PASSED and run.probe in watched}
    return len(ends)


def drilled(daemon: Daemon) -> Report:
    """Hold a drill to its end."""
    drill = daemon.drills.start(GUARD, "tester")

    def ended() -> Report | None:
        told = daemon.drills.report(drill)
        return told if told is not None and told.ending is not None else None

    told = wait_for("the drill ends", ended)
    assert isinstance(told, Report)
    return told


def written(world: World, daemon: Daemon) -> list[object]:
    """Everything that a guard can write, byte for byte. That somebody asked for a drill is no write
    of the guard's: its row in the audit is left out.
    """
    found: list[object] = [world.flag(name).gates for name in (FLAG, "assessment_fallback_enabled")]
    with daemon.journal.engine.begin() as db:
        for table in NOT_WRITTEN:
            but = " WHERE action != 'drill'" if table == "audit" else ""
            rows = db.execute(text(f"SELECT * FROM {table}{but}"))  # noqa: S608 - our own names
            found.append((table, [tuple(row) for row in rows]))
    return found


@contextmanager
def nothing_is_written(world: World, daemon: Daemon) -> Iterator[None]:
    before = written(world, daemon)
    yield
    assert written(world, daemon) == before
    assert world.flag(FLAG).state is FlagState.ON


def real_runs(daemon: Daemon, since: datetime) -> list[Run]:
    runs = history.runs_since(daemon.journal, since)
    return [run for run in runs if run.purpose is not Purpose.DRILL]


def test_a_good_drill_would_kill_within_seconds_and_nobody_else_meets_its_fault(
    stage: World, daemon: Daemon
) -> None:
    began = datetime.now(UTC)
    with nothing_is_written(stage, daemon):
        told = drilled(daemon)

    assert told.ending is Ending.WOULD_KILL, told.says
    assert told.detection_s is not None
    assert told.detection_s < 20
    assert told.says == f"would have turned {FLAG} off after {told.detection_s:.1f} s"
    failed = {run.probe for run in told.runs if run.outcome is Outcome.FAILED}
    assert "widget_representative" in failed
    assert any(run.hard for run in told.runs)
    assert any(run.judged_as is Purpose.CONTROL and run.outcome == "passed" for run in told.runs)
    assert [each.phase for each in told.phases] == [Phase.ARMED, Phase.SUSPECT, Phase.KILLING]

    wait_for("real probes ran beside it", lambda: passed_since(daemon, began) == 4)
    assert {run.outcome for run in real_runs(daemon, began)} == {Outcome.PASSED}
    assert daemon.engine.phases()[GUARD] is Phase.ARMED
    state = daemon.engine.state(GUARD)
    assert (state.failing, state.suspicion, state.kills) == ((), None, ())
    sample = daemon.metrics.registry.get_sample_value
    assert sample("tripflag_drill_success", {"guard": GUARD}) == 1
    assert sample("tripflag_drill_detection_seconds", {"guard": GUARD}) == told.detection_s
    runs = {"job": "widget_representative", "location": "local", "outcome": "failed"}
    assert sample("tripflag_runs_total", runs) == 0


def test_a_drill_under_a_hold_is_good_and_says_what_would_have_held_it_back(
    stage: World, daemon: Daemon
) -> None:
    daemon.engine.ask(GUARD, OperatorAsked("hold", "tester", "a deploy"))
    with nothing_is_written(stage, daemon):
        told = drilled(daemon)
    assert told.ending is Ending.HELD_BACK, told.says
    assert (told.good, told.would_kill) == (True, False)
    assert told.held_back == ("an operator's hold is in force",)
    assert "but for this: an operator's hold is in force" in told.says


def test_a_page_that_the_flag_does_not_gate_is_told_as_powerless(
    stage: World, daemon: Daemon
) -> None:
    stage.fault(Fault.WIDGET_UNGATED.value)
    with nothing_is_written(stage, daemon):
        told = drilled(daemon)
    assert told.ending is Ending.POWERLESS, told.says
    assert "the flag does not gate this page, so the kill would be powerless" in told.says
    assert not told.good


def test_a_dead_control_is_told_as_such(stage: World, daemon: Daemon) -> None:
    dead = configured(stage, control={"path": "/nothing-is-here/"})
    daemon.scheduler.reload(dead)
    daemon.drills.reload(dead)
    try:
        with nothing_is_written(stage, daemon):
            told = drilled(daemon)
    finally:
        daemon.scheduler.reload(daemon.config)
    assert told.ending is Ending.CONTROL_FAILS, told.says
    assert "the control fails too" in told.says


def test_a_fault_that_hits_nothing_would_not_have_killed(stage: World, daemon: Daemon) -> None:
    daemon.drills.reload(configured(stage, within_s=6, faults=NOTHING))
    with nothing_is_written(stage, daemon):
        told = drilled(daemon)
    assert told.ending is Ending.TIME_OVER, told.says
    assert "no rule was breached: 0 of " in told.says


def test_a_real_fault_goes_before_a_drill(stage: World, daemon: Daemon) -> None:
    # Its own runs meet the real fault too: let it need more of them than the real guard does.
    patient = {"confirmations": 10, "hard_confirmations": 10}
    daemon.drills.reload(configured(stage, guard=patient, faults=NOTHING))
    daemon.engine.ask(GUARD, OperatorAsked("hold", "tester", "so that nothing is off"))
    drill = daemon.drills.start(GUARD, "tester")
    stage.fault(Fault.API_500.value)

    def gave_way() -> bool:
        told = daemon.drills.report(drill)
        return told is not None and told.ending is Ending.ABORTED

    wait_for("the drill gave way", gave_way, 30)
    assert stage.flag(FLAG).state is FlagState.ON


def test_the_command_line_holds_a_drill_and_shows_it_as_it_goes(
    stage: World, daemon: Daemon
) -> None:
    def call(*words: str) -> subprocess.CompletedProcess[str]:
        command = (sys.executable, "-m", "daemon.cli", "drill", GUARD, "--url", daemon.web.url)
        return subprocess.run(
            (*command, *words), capture_output=True, text=True, timeout=90, check=False
        )

    with nothing_is_written(stage, daemon):
        done = call("-r", "before a deploy")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"planted: {API} is answered with 500"
    assert any(line.startswith("run of widget_representative in local: failed") for line in lines)
    assert any(line.startswith("control of widget_control in local: passed") for line in lines)
    assert lines[-1].startswith(f"{GUARD}: would have turned {FLAG} off after ")

    daemon.drills.reload(configured(stage, within_s=4, faults=NOTHING))
    bad = call("--json")
    assert bad.returncode == 1
    assert json.loads(bad.stdout)["ending"] == "time_over"
