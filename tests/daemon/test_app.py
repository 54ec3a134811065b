"""A daemon that is wired but never started: new configurations, and its hourly chores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import pytest

from config.load import load
from config.schema import Config
from daemon.answers import KEPT, Answers
from daemon.app import Daemon
from daemon.demo import DEMO, GUARD
from daemon.journal import JournalError
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
