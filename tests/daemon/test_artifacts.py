"""Evidence within its limits: what is of least use goes first, never what is being written."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import insert
from structlog.testing import capture_logs

from config.schema import Config
from daemon import artifacts
from daemon.artifacts import LATELY, MB, Artifacts, Lost
from daemon.journal import Journal
from daemon.metrics import Metrics
from daemon.tables import INCIDENTS
from probes.model import DISK_FULL, NOT_WRITABLE, Artifact, Outcome, Run
from tests.daemon.build import T0, config, run

NOW = T0 + timedelta(days=10)
PASSED, ERROR, FAILED = Outcome.PASSED, Outcome.ERROR, Outcome.FAILED


class Shelf:
    """A journal, an evidence folder, and limits; a run's evidence is as old as the run."""

    def __init__(self, folder: Path, limits: dict[str, Any]) -> None:
        self.now = NOW
        whole = config(folder)
        spec = whole.journal.model_copy(update={"artifacts": folder / "artifacts", **limits})
        self.config: Config = whole.model_copy(update={"journal": spec})
        self.folder = folder / "artifacts"
        self.journal = Journal(self.config.journal.path)
        self.metrics = Metrics(CollectorRegistry(), (1.0,))
        self.artifacts = Artifacts(
            lambda: self.config, self.journal, self.metrics, lambda: self.now
        )

    def keep(self, outcome: Outcome, age_s: float, size_bytes: int = 10, **more: Any) -> Run:
        """Put a run into the journal, and its evidence onto the disk."""
        started_at = (NOW - T0).total_seconds() - age_s
        number = more.pop("number", None) or len(list(self.folder.glob("*")))
        kept = run(outcome, started_at, id=f"{outcome}-{number}", **more)
        self.put(kept.id, age_s, size_bytes)
        with self.journal.turn() as turn:
            turn.add_run(kept)
        return kept

    def put(self, name: str, age_s: float, size_bytes: int = 10) -> None:
        folder = self.folder / name
        folder.mkdir(parents=True)
        (folder / "screenshot.png").write_bytes(bytes(size_bytes))
        written_s = (NOW - timedelta(seconds=age_s)).timestamp()
        for each in (folder / "screenshot.png", folder):
            os.utime(each, (written_s, written_s))

    def opened(self, at: datetime) -> None:
        with self.journal.turn() as turn:
            turn.db.execute(
                insert(INCIDENTS).values(
                    id="one", guard="shield", cause="widget", severity=1, opened_at=at, reason="x"
                )
            )

    @property
    def left(self) -> set[str]:
        return {each.name for each in self.folder.iterdir()}

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"tripflag_artifacts_{name}", labels)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Callable[..., Shelf]]:
    opened: list[Shelf] = []

    def open_shelf(**limits: Any) -> Shelf:
        opened.append(Shelf(tmp_path, limits))
        return opened[-1]

    yield open_shelf
    for each in opened:
        each.journal.close()


def test_good_runs_go_first_then_errors_then_failures_the_oldest_first(
    shelf: Callable[..., Shelf],
) -> None:
    kept = shelf(artifacts_keep=5)
    for outcome in (FAILED, ERROR, PASSED):
        for age_s in (900, 600, 300):
            kept.keep(outcome, age_s, number=age_s)

    assert kept.artifacts.prune() == 4
    assert kept.left == {"failed-900", "failed-600", "failed-300", "error-600", "error-300"}
    assert kept.artifacts.prune() == 0


def test_of_failures_alone_the_newest_stay(shelf: Callable[..., Shelf]) -> None:
    kept = shelf(artifacts_keep=2)
    for age_s in (900, 600, 300):
        kept.keep(FAILED, age_s, number=age_s)

    assert kept.artifacts.prune() == 1
    assert kept.left == {"failed-600", "failed-300"}


def test_evidence_past_its_age_goes_whatever_room_there_is(shelf: Callable[..., Shelf]) -> None:
    kept = shelf(artifacts_keep_days=1)
    kept.keep(FAILED, 86_401, number=1)
    kept.keep(PASSED, 86_399, number=2)

    assert kept.artifacts.prune() == 1
    assert kept.left == {"passed-2"}


def test_the_beginning_of_an_open_incident_goes_last_and_does_not_age(
    shelf: Callable[..., Shelf],
) -> None:
    kept = shelf(artifacts_keep=2, artifacts_keep_days=5)
    six_days_s = 6 * 86_400.0
    kept.opened(NOW - timedelta(seconds=six_days_s))
    kept.keep(FAILED, six_days_s + 60, number=1)
    kept.keep(FAILED, six_days_s + 60, number=2, probe="of_no_guard")
    kept.keep(FAILED, 400, number=3)
    kept.keep(FAILED, 300, number=4)

    assert kept.artifacts.prune() == 2
    assert kept.left == {"failed-1", "failed-4"}


def test_all_together_stay_below_their_size_and_what_is_being_written_stays(
    shelf: Callable[..., Shelf],
) -> None:
    kept = shelf(artifacts_max_mb=1)
    kept.keep(FAILED, 600, MB // 2, number=1)
    kept.keep(PASSED, 30, MB // 2, number=2)
    kept.keep(PASSED, 600, MB // 2, number=3)
    kept.keep(FAILED, 500, MB // 2 - 100, number=4)

    assert kept.artifacts.prune() == 2
    assert kept.left == {"passed-2", "failed-4"}
    assert kept.metric("size_bytes") == MB - 100


def test_a_run_that_makes_it_too_much_is_enough_for_pruning(shelf: Callable[..., Shelf]) -> None:
    kept = shelf(artifacts_max_mb=1)
    kept.keep(FAILED, 600, MB - 10, number=1)
    assert kept.artifacts.prune_if_over() == 0
    assert kept.artifacts.prune_if_over() == 0

    new = kept.keep(
        FAILED,
        300,
        20,
        number=2,
        artifacts=(Artifact("screenshot", "failed-2/screenshot.png"),),
    )
    kept.artifacts.take(new)

    assert kept.artifacts.prune_if_over() == 1
    assert kept.left == {"failed-2"}


def test_a_folder_that_no_run_made_is_left_alone_and_one_of_a_forgotten_run_goes(
    shelf: Callable[..., Shelf],
) -> None:
    kept = shelf(artifacts_keep=1, artifacts_keep_days=1)
    forgotten = "0123456789abcdef" * 2
    kept.put("holiday pictures", 1_000_000)
    kept.put(forgotten, 1_000_000)
    (kept.folder / "a file").write_text("of somebody's")

    assert kept.artifacts.prune() == 1
    assert kept.left == {"holiday pictures", "a file"}


def test_more_runs_than_fit_into_one_statement_are_all_known(shelf: Callable[..., Shelf]) -> None:
    kept = shelf(artifacts_keep=600)
    with kept.journal.turn() as turn:
        for number in range(1100):
            outcome = FAILED if number % 2 else PASSED
            turn.add_run(run(outcome, number, id=f"{outcome}-{number}"))
            kept.put(f"{outcome}-{number}", 5_000 - number)

    assert kept.artifacts.prune() == 500
    assert sum(name.startswith("failed") for name in kept.left) == 550


def test_no_folder_yet_is_no_trouble(shelf: Callable[..., Shelf]) -> None:
    kept = shelf()

    assert kept.artifacts.prune() == 0
    assert kept.artifacts.prune_if_over() == 0


def test_lost_evidence_is_counted_each_time_and_logged_at_each_change(
    shelf: Callable[..., Shelf],
) -> None:
    kept = shelf()
    full = run(artifact_problem=f"{DISK_FULL}: No space left on device at x")
    odd = run(artifact_problem="whatever: a later worker says")
    barred = run(artifact_problem=f"{NOT_WRITABLE}: Permission denied at x")
    good = run(artifacts=(Artifact("screenshot", "gone/screenshot.png"),))

    with capture_logs() as logs:
        for each in (full, full, run(PASSED), full, barred, good, good, odd):
            kept.artifacts.take(each)

    assert [each["event"] for each in logs] == [
        "evidence lost",
        "evidence lost",
        "evidence kept again",
        "evidence lost",
    ]
    counted = {
        reason: kept.metric("lost_total", reason=reason)
        for reason in ("disk_full", "not_writable", "black_out", "masking", "other")
    }
    expected = {"disk_full": 3, "not_writable": 1, "black_out": 0, "masking": 0, "other": 1}
    assert counted == expected


def test_a_run_is_not_kept_waiting_for_evidence_to_be_removed(
    shelf: Callable[..., Shelf], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever judges takes the run first; a disk that is slow must not hold up a kill."""
    kept = shelf(artifacts_keep=1, artifacts_max_mb=1)
    for number in (1, 2):
        kept.keep(FAILED, 9000 - number, number=number)
    removing, go_on, taken = threading.Event(), threading.Event(), threading.Event()
    remove = artifacts._removed

    def slow(folder: Path) -> bool:
        removing.set()
        assert go_on.wait(20)
        return remove(folder)

    monkeypatch.setattr(artifacts, "_removed", slow)
    pruning = threading.Thread(target=kept.artifacts.prune, daemon=True)
    pruning.start()
    assert removing.wait(20)
    shown = (Artifact("screenshot", "failed-3/screenshot.png"),)
    new = kept.keep(FAILED, 300, 2 * MB, number=3, artifacts=shown)

    def take() -> None:
        kept.artifacts.take(new)
        taken.set()

    threading.Thread(target=take, daemon=True).start()
    in_time = taken.wait(5)
    go_on.set()
    pruning.join(20)
    assert in_time
    assert kept.artifacts.prune_if_over() == 2, "what came in meanwhile is counted"


def test_the_last_loss_is_told_until_evidence_is_kept_again_or_an_hour_has_passed(
    shelf: Callable[..., Shelf],
) -> None:
    kept = shelf()
    full = f"{DISK_FULL}: No space left on device at x"
    assert kept.artifacts.lost() is None

    kept.artifacts.take(run(artifact_problem=f"{NOT_WRITABLE}: Permission denied at x"))
    kept.now += timedelta(minutes=30)
    kept.artifacts.take(run(artifact_problem=full))
    kept.artifacts.take(run(PASSED))
    assert kept.artifacts.lost() == Lost(full, kept.now)

    kept.now += LATELY - timedelta(seconds=1)
    assert kept.artifacts.lost() is not None
    kept.now += timedelta(seconds=1)
    assert kept.artifacts.lost() is None

    kept.artifacts.take(run(artifact_problem=full))
    assert kept.artifacts.lost() == Lost(full, kept.now)
    kept.artifacts.take(run(artifacts=(Artifact("screenshot", "gone/screenshot.png"),)))
    assert kept.artifacts.lost() is None
