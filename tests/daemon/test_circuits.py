"""Circuits on a real journal: what is committed, what is shown, and what a kill -9 leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from config.schema import CircuitSpec, Config
from daemon import history
from daemon.audit import Signed, first_broken
from daemon.circuit import CircuitPhase, CircuitRefuses, CircuitState
from daemon.circuits import Circuits
from daemon.guard.messages import SwitchCircuit
from daemon.journal import Journal
from daemon.metrics import Metrics
from flags.mirror import Mirror
from probes.model import Outcome
from tests.daemon.build import T0, config, run

CLOSED, OPEN, HALF_OPEN = CircuitPhase.CLOSED, CircuitPhase.OPEN, CircuitPhase.HALF_OPEN


def configured(folder: Path, *names: str) -> Config:
    """Circuits of these names, all judged by the probe `control`."""
    circuits = {name: CircuitSpec(name=name, probe="control", min_runs=2) for name in names}
    return config(folder).model_copy(update={"circuits": circuits})


class Hut:
    """One daemon's circuits; `reopen` is its successor on the same files."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.folder = folder
        self.config = configured(folder, *names)
        self.now: datetime = T0
        self.open()

    def open(self) -> None:
        self.journal = Journal(self.config.journal.path)
        self.registry = CollectorRegistry()
        self.mirror = Mirror()
        self.circuits = Circuits(
            self.config, self.journal, Metrics(self.registry, (1,)), lambda: self.now, self.mirror
        )
        self.circuits.start()

    def reopen(self) -> None:
        self.journal.close()
        self.open()

    def take(self, outcome: Outcome, times: int = 1, **more: Any) -> None:
        """Runs start now and come in a second later, each in a turn of its own."""
        for _ in range(times):
            one = run(outcome, (self.now - T0).total_seconds(), probe="control", **more)
            self.now += timedelta(seconds=1)
            with self.journal.turn() as turn:
                self.circuits.take(turn, one)
            self.circuits.shown()

    def switch(self, circuit: str, open_it: bool, by: str = "guard shield") -> None:
        with self.journal.turn() as turn:
            order = SwitchCircuit(circuit, open_it, "the widget broke")
            self.circuits.switch(turn, order, by, self.now)
        self.circuits.shown()

    def phase(self, name: str = "api") -> CircuitPhase:
        return self.circuits.states()[name].phase(self.now)

    def sample(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)

    def told(self, name: str = "api") -> bool | None:
        """What applications read."""
        flag = self.mirror.reading.flags.get(f"circuit.{name}")
        return None if flag is None else flag.exposing

    def audited(self) -> list[tuple[str, str, str, str]]:
        rows = list(history.audit(self.journal))
        assert first_broken(rows) is None
        assert {row.action for row in rows} <= {"circuit"}
        return [(row.flag, row.actor, row.before, row.after) for row in rows]


@pytest.fixture
def hut(tmp_path: Path) -> Iterator[Hut]:
    made = Hut(tmp_path, "api")
    yield made
    made.journal.close()


def test_a_circuit_opens_is_tried_and_closes(hut: Hut) -> None:
    assert (hut.phase(), hut.told()) == (CLOSED, False)
    hut.take(Outcome.FAILED, 2)
    assert (hut.phase(), hut.told()) == (OPEN, True)
    hut.now += timedelta(seconds=30)
    hut.circuits.pass_time()
    assert (hut.phase(), hut.told()) == (HALF_OPEN, True)
    hut.take(Outcome.PASSED, 2)
    assert (hut.phase(), hut.told()) == (CLOSED, False)
    assert hut.audited() == [
        ("circuit.api", "guard", "closed", "open"),
        ("circuit.api", "guard", "half_open", "closed"),
    ]


def test_trials_that_fail_all_night_are_no_rows_of_the_audit(hut: Hut) -> None:
    hut.take(Outcome.FAILED, 2)
    for _ in range(20):
        hut.now += timedelta(seconds=30)
        hut.take(Outcome.FAILED)
    assert len(hut.audited()) == 1
    assert hut.circuits.states()["api"].state.openings == 21


def test_every_circuit_that_a_probe_judges_takes_its_run(tmp_path: Path) -> None:
    hut = Hut(tmp_path, "api", "search")
    hut.take(Outcome.FAILED, 2)
    assert (hut.phase("api"), hut.phase("search")) == (OPEN, OPEN)
    hut.journal.close()


def test_a_guard_switches_in_its_own_turn_and_nothing_is_shown_before_the_commit(hut: Hut) -> None:
    with hut.journal.turn() as turn:
        order = SwitchCircuit("api", True, "the widget broke")
        hut.circuits.switch(turn, order, "guard shield", hut.now)
        assert (hut.phase(), hut.told()) == (CLOSED, False)
    hut.circuits.shown()
    assert (hut.phase(), hut.told()) == (OPEN, True)
    hut.switch("api", False)
    assert hut.phase() is HALF_OPEN
    assert [row[1] for row in hut.audited()] == ["guard", "guard"]


def test_a_turn_that_is_rolled_back_leaves_everything_as_it_was(hut: Hut) -> None:
    class Broken(Exception):
        pass

    def breaks() -> None:
        with hut.journal.turn() as turn:
            order = SwitchCircuit("api", True, "the widget broke")
            hut.circuits.switch(turn, order, "guard shield", hut.now)
            raise Broken

    with pytest.raises(Broken):
        breaks()
    hut.circuits.shown()
    assert (hut.phase(), hut.told(), hut.audited()) == (CLOSED, False, [])
    assert hut.sample("tripflag_circuit_opened_total", circuit="api") == 0


def test_what_is_shown_in_the_end_is_what_was_committed_last(hut: Hut) -> None:
    """Three threads in turns of their own; whoever commits last must also be shown last."""

    def switches(by: str) -> None:
        for _ in range(20):
            hut.switch("api", True, by)
            hut.switch("api", False, by)

    def passes_time() -> None:
        for _ in range(60):
            hut.circuits.pass_time()

    work = [(switches, ("guard a",)), (switches, ("guard b",)), (passes_time, ())]
    threads = [threading.Thread(target=target, args=args) for target, args in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    shown = hut.circuits.states()["api"].state
    hut.circuits.start()
    assert shown == hut.circuits.states()["api"].state
    assert shown.kept_by == ()
    assert hut.sample("tripflag_circuit_opened_total", circuit="api") == shown.openings
    assert 1 <= shown.openings <= 40


def test_a_guard_may_order_a_circuit_that_left_the_configuration(hut: Hut) -> None:
    hut.switch("gone", True)
    assert dict(hut.circuits.states()).keys() == {"api"}
    assert hut.audited() == []


def test_a_person_opens_and_closes_with_a_reason_and_is_named_in_the_audit(hut: Hut) -> None:
    assert hut.circuits.ask("api", True, Signed("ann", "deploying")).phase(hut.now) is OPEN
    assert hut.phase() is OPEN
    with pytest.raises(CircuitRefuses, match="ann keeps api open already"):
        hut.circuits.ask("api", True, Signed("bob", "deploying"))
    with pytest.raises(CircuitRefuses, match="a reason is required"):
        hut.circuits.ask("api", False, Signed("bob", "  "))
    with pytest.raises(KeyError):
        hut.circuits.ask("gone", True, Signed("ann", "x"))
    hut.circuits.ask("api", False, Signed("bob", "deployed"))
    assert hut.audited() == [
        ("circuit.api", "ann", "closed", "open"),
        ("circuit.api", "bob", "open", "half_open"),
    ]


def test_a_new_daemon_finds_what_the_last_one_committed(hut: Hut) -> None:
    hut.take(Outcome.FAILED)
    hut.reopen()
    hut.take(Outcome.FAILED)  # the second of two; the first was counted before
    assert hut.phase() is OPEN
    hut.switch("api", True)
    hut.reopen()
    assert (hut.phase(), hut.told()) == (OPEN, True)
    assert hut.circuits.states()["api"].state.kept_by[0].by == "guard shield"
    assert hut.sample("tripflag_circuit_opened_total", circuit="api") == 0


_DIES = """
import sys
from datetime import datetime, timezone
from pathlib import Path
from prometheus_client import CollectorRegistry
from daemon.audit import Signed
from daemon.circuits import Circuits
from daemon.guard.messages import SwitchCircuit
from daemon.journal import Journal
from daemon.metrics import Metrics
from tests.daemon.test_circuits import configured

config = configured(Path(sys.argv[1]), "api", "search")
journal = Journal(config.journal.path)
circuits = Circuits(config, journal, Metrics(CollectorRegistry(), (1,)))
circuits.start()
circuits.ask("api", True, Signed("ann", "deploying"))
with journal.turn() as turn:
    order = SwitchCircuit("search", True, "the widget broke")
    circuits.switch(turn, order, "guard shield", datetime.now(timezone.utc))
    print("uncommitted", flush=True)
    sys.stdin.read()
"""


def test_what_was_committed_survives_a_kill_and_what_was_not_never_was(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _DIES, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as dying:
        assert dying.stdout is not None
        for line in dying.stdout:  # its log comes before
            if line == "uncommitted\n":
                break
        os.kill(dying.pid, signal.SIGKILL)
        assert dying.wait(10) == -signal.SIGKILL
    hut = Hut(tmp_path, "api", "search")
    assert (hut.phase("api"), hut.phase("search")) == (OPEN, CLOSED)
    assert hut.audited() == [("circuit.api", "ann", "closed", "open")]
    hut.journal.close()


def test_a_reload_shows_new_circuits_and_forgets_removed_ones(hut: Hut) -> None:
    hut.take(Outcome.FAILED, 2)
    hut.circuits.reload(configured(hut.folder, "search"), hut.circuits.saved())
    assert dict(hut.circuits.states()).keys() == {"search"}
    assert b'circuit="api"' not in generate_latest(hut.registry)
    assert (hut.told("api"), hut.told("search")) == (None, False)
    hut.circuits.reload(configured(hut.folder, "api", "search"), hut.circuits.saved())
    assert (hut.phase("api"), hut.told("api")) == (OPEN, True)


def test_what_a_circuit_became_while_a_reload_was_reading_stays(hut: Hut) -> None:
    saved = hut.circuits.saved()
    hut.take(Outcome.FAILED, 2)
    hut.circuits.reload(configured(hut.folder, "api", "search"), saved)
    assert (hut.phase(), hut.told()) == (OPEN, True)


def test_metrics_show_one_state_and_count_openings(hut: Hut) -> None:
    def states() -> dict[str, float | None]:
        return {
            each.value: hut.sample("tripflag_circuit_state", circuit="api", state=each.value)
            for each in CircuitPhase
        }

    assert states() == {"closed": 1, "open": 0, "half_open": 0}
    hut.take(Outcome.FAILED, 2)
    assert states() == {"closed": 0, "open": 1, "half_open": 0}
    hut.now += timedelta(seconds=30)
    hut.circuits.pass_time()
    assert states() == {"closed": 0, "open": 0, "half_open": 1}
    hut.take(Outcome.FAILED)
    assert hut.sample("tripflag_circuit_opened_total", circuit="api") == 2


def test_promtool_accepts_the_circuits_metrics(hut: Hut) -> None:
    hut.take(Outcome.FAILED, 2)
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=generate_latest(hut.registry),
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_a_circuit_that_never_moved_is_closed_and_has_no_row(hut: Hut) -> None:
    hut.take(Outcome.ERROR, 3)
    hut.circuits.pass_time()
    assert hut.circuits.states()["api"].state == CircuitState()
    assert hut.circuits.saved() == {}
