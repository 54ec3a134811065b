"""A daemon that is wired but never started: new configurations, and its hourly chores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import pytest

from config.load import load
from config.schema import Config
from daemon.answers import KEPT, Answers
from daemon.app import Daemon
from daemon.demo import DEMO, GUARD
from daemon.guard.messages import OperatorAsked
from daemon.journal import JournalError
from probes.model import Exposure, Outcome, Purpose, Run
from tests.e2e.conftest import World

pytestmark = pytest.mark.browser  # it looks for one


class Wired:
    """A daemon, and the configuration that it finds at its next reload."""

    def __init__(self, folder: Path) -> None:
        self.config: Config = load(DEMO, World(folder, "http://127.0.0.1:1").env)
        self.daemon = Daemon(self.config, lambda: self.config)
        self.daemon.engine.start()
        self.daemon.drills.start_crons()

    def close(self) -> None:
        self.daemon.web.close()
        self.daemon.store.close()
        self.daemon.journal.close()

    @property
    def in_force(self) -> tuple[set[str], set[str], dict[str, bool], float | None]:
        """Probes; circuits; which guards are unproven; and whether the last reload succeeded."""
        daemon, now = self.daemon, datetime.now(UTC)
        return (
            set(daemon.engine.config.probes),
            set(daemon.engine.circuits.states()),
            {name: daemon.drills.unproven(name, now) for name in daemon.engine.config.guards},
            daemon.metrics.registry.get_sample_value("tripflag_config_reload_success"),
        )


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[Wired]:
    made = Wired(tmp_path)
    yield made
    made.close()


class Watched:
    """A pool that runs nothing and notes what it is told."""

    busy = waiting = 0

    def __init__(self) -> None:
        self.told: list[str] = []

    def spare(self, spares: bool) -> None:
        self.told.append(f"spare {spares}")

    def judged(self, run: str) -> None:
        self.told.append(f"judged {run}")


def away(*_: object, **__: object) -> NoReturn:
    raise JournalError("the disk is full")


@pytest.mark.parametrize(
    "read",
    [
        "daemon.drill_history.proven_at",
        "daemon.circuits.Circuits.saved",
        "daemon.modes.kept",
        "daemon.states.States._read",
    ],
)
def test_a_configuration_that_the_journal_cannot_serve_is_refused_whole(
    wired: Wired, monkeypatch: pytest.MonkeyPatch, read: str
) -> None:
    before, old = wired.config, wired.in_force
    guards = before.guards
    other = next(name for name in guards if name != GUARD)
    probe = before.probes[guards[GUARD].probes[0]]
    wired.config = before.model_copy(
        update={
            "probes": {**before.probes, "new": probe.model_copy(update={"name": "new"})},
            "circuits": {},
            "guards": {
                **guards,
                GUARD: guards[GUARD].model_copy(update={"drill": None}),
                other: guards[other].model_copy(update={"drill": guards[GUARD].drill}),
            },
        }
    )
    with monkeypatch.context() as patch:
        patch.setattr(read, away)
        wired.daemon.reload()
    assert wired.daemon.config is before
    assert wired.in_force == (*old[:3], 0)
    wired.daemon.reload()
    proven = {**dict.fromkeys(guards, False), other: True}
    assert wired.in_force == ({*before.probes, "new"}, set(), proven, 1)


def test_old_evidence_goes_though_the_journal_cannot_be_written(
    wired: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = wired.config.journal.artifacts_folder / ("0" * 32)
    old.mkdir(parents=True)
    os.utime(old, (0, 0))
    monkeypatch.setattr(wired.daemon.journal, "prune", away)
    with pytest.raises(JournalError):
        wired.daemon._keep_house()
    assert not old.exists()


def test_old_answers_go_though_evidence_cannot_be_looked_through(
    wired: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, now = Answers(wired.daemon.journal), datetime.now(UTC)
    assert given.claim("ann", "k", "f", now - KEPT - timedelta(seconds=1)) is None
    monkeypatch.setattr(wired.daemon.artifacts, "prune", away)
    with pytest.raises(JournalError):
        wired.daemon._keep_house()
    with wired.daemon.journal.reading() as db:
        assert db.exec_driver_sql("SELECT count(*) FROM answers").scalar() == 0


@pytest.fixture
def pool(wired: Wired) -> Watched:
    pool = Watched()
    wired.daemon.pools["local"] = pool  # type: ignore[assignment]
    return pool


def failed(wired: Wired) -> Run:
    """Let a probe of the widget's guard fail, and judge it."""
    at, flag = datetime.now(UTC), wired.config.guards[GUARD].flag
    probe = wired.config.guards[GUARD].probes[0]
    one = Run("r" * 32, probe, "local", Purpose.SCHEDULED, at, 0.1, Outcome.FAILED)
    wired.daemon._runs.put(replace(one, exposure=Exposure(flag, True, True)))
    wired.daemon._runs.put(None)
    wired.daemon._judge()
    return one


def test_a_worker_is_kept_free_for_the_guard_before_the_failed_run_counts_as_judged(
    wired: Wired, pool: Watched
) -> None:
    one = failed(wired)
    assert pool.told == ["spare True", f"judged {one.id}"]


def test_no_worker_is_kept_free_where_no_probe_of_the_guard_runs(
    wired: Wired, pool: Watched
) -> None:
    far = Watched()
    wired.daemon.pools["far"] = far  # type: ignore[assignment]
    failed(wired)
    assert far.told == ["spare False"]


def test_a_worker_is_kept_free_for_an_act_that_no_run_led_to(
    wired: Wired, pool: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wired.daemon.engine, "apply_pending", lambda: None)
    wired.daemon.engine.ask(GUARD, OperatorAsked("trip", "ann", "because"))
    wired.daemon._spare_workers()
    assert pool.told == ["spare True"]


def test_a_turn_that_fails_keeps_no_worker_free_for_ever(
    wired: Wired, pool: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wired.daemon.engine, "take_run", away)
    one = failed(wired)
    assert pool.told == [f"judged {one.id}"]


def test_a_drill_s_failed_run_keeps_no_worker_free_for_ever(
    wired: Wired, pool: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wired.daemon.drills, "take", lambda _run: True)
    one = failed(wired)
    assert pool.told == [f"judged {one.id}"]
