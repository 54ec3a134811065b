"""Which guards are proven, and what the configuration's crons and reloads do to drills."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import pytest
from prometheus_client import CollectorRegistry

from daemon.drill import Ending
from daemon.drills import CRON
from daemon.journal import JournalError
from daemon.metrics import Metrics
from daemon.scheduler import Scheduler
from daemon.tables import AUDIT
from tests.daemon.desk import GUARD, Desk
from tests.daemon.hall import Hall


def test_a_guard_is_unproven_until_a_good_drill_and_again_when_that_is_old(hall: Hall) -> None:
    unproven, now = hall.drills.unproven, lambda: hall.desk.now
    assert unproven(GUARD, now())
    told = hall.good()
    assert told.proven_at == told.asked_at
    limit = told.asked_at + timedelta(seconds=3600)
    assert not unproven(GUARD, limit)
    assert unproven(GUARD, limit + timedelta(seconds=1))
    failed = hall.start()
    hall.tick(100)
    assert (hall.told(failed).good, hall.told(failed).proven_at) == (False, told.asked_at)
    assert not unproven(GUARD, now())
    hall.open()
    assert not unproven(GUARD, now())


def test_a_guard_without_a_drill_is_never_unproven(hall: Hall) -> None:
    hall.drills.reload(hall.desk.config)
    assert not hall.drills.unproven(GUARD, hall.desk.now)
    assert hall.sample("tripflag_guard_unproven") is None


def test_metrics_tell_the_last_drill_and_whether_the_guard_is_proven(hall: Hall) -> None:
    assert hall.sample("tripflag_drill_success") is None
    assert hall.sample("tripflag_guard_unproven") == 1
    told = hall.good()
    assert hall.sample("tripflag_drill_success") == 1
    assert hall.sample("tripflag_drill_detection_seconds") == told.detection_s
    assert hall.sample("tripflag_drill_timestamp_seconds") == told.asked_at.timestamp()
    assert hall.sample("tripflag_guard_unproven") == 0
    hall.start()
    hall.tick(100)
    assert hall.sample("tripflag_drill_success") == 0
    assert hall.sample("tripflag_drill_detection_seconds") == told.detection_s
    hall.desk.wait(3600)
    hall.drills.show()
    assert hall.sample("tripflag_guard_unproven") == 1


def test_a_restart_shows_what_the_last_drill_was(hall: Hall) -> None:
    told = hall.good()
    aborted = hall.start()
    hall.desk.fails()
    hall.tick()
    assert hall.told(aborted).ending is Ending.ABORTED
    hall.desk.reopen()
    hall.open()
    assert hall.sample("tripflag_drill_success") == 1
    assert hall.sample("tripflag_drill_detection_seconds") == told.detection_s
    assert hall.sample("tripflag_guard_unproven") == 0


def test_promtool_accepts_the_drills_metrics(hall: Hall) -> None:
    hall.good()
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=hall.desk.metrics.exposition(),
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


# --- configuration ------------------------------------------------------------------------------


def test_a_cron_drills_and_a_refused_one_is_no_error(desk: Desk) -> None:
    hall = Hall(desk, cron="30 4 * * mon")
    expression, work = hall.crons[f"drill {GUARD}"]
    assert expression == "30 4 * * mon"
    work()
    work()
    (told,) = hall.drills.reports()
    assert told.by == CRON
    assert hall.desk.rows(AUDIT) == []


def test_a_reload_places_and_removes_crons_and_series(hall: Hall) -> None:
    assert hall.crons == {}
    hall.drills.reload(hall.configured(cron="0 5 * * *"))
    assert [expression for expression, _ in hall.crons.values()] == ["0 5 * * *"]
    hall.good()
    hall.drills.reload(hall.desk.config)
    assert hall.crons == {}
    assert hall.sample("tripflag_drill_success") is None


def test_a_reload_aborts_a_drill_of_what_changed_and_no_other(hall: Hall) -> None:
    drill = hall.start()
    hall.drills.reload(hall.configured())
    hall.tick()
    assert hall.told(drill).ending is None
    hall.drills.reload(hall.configured(within_s=5))
    hall.tick()
    assert hall.told(drill).says == "aborted, and says nothing: the configuration changed"
    second = hall.start()
    hall.drills.reload(hall.desk.config.model_copy(update={"guards": {}}))
    hall.tick()
    assert hall.told(second).ending is Ending.ABORTED


def test_a_reload_that_cannot_read_what_was_drilled_aborts_nothing(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> NoReturn:
        raise JournalError("the disk is full")

    drill = hall.start()
    with monkeypatch.context() as patch:
        patch.setattr("daemon.drill_history.proven_at", away)
        with pytest.raises(JournalError):
            hall.drills.reload(hall.configured(within_s=5))
    hall.tick()
    assert hall.told(drill).ending is None


def test_a_drill_that_ends_while_a_reload_reads_still_proves(hall: Hall) -> None:
    past = hall.drills.past(hall.config)
    told = hall.good()
    hall.drills.reload(hall.configured(cron="0 5 * * *"), past)
    assert told.good
    assert not hall.drills.unproven(GUARD, hall.desk.now)


@pytest.fixture
def scheduler(tmp_path: Path, desk: Desk) -> Iterator[Scheduler]:
    made = Scheduler(
        desk.config.model_copy(update={"probes": {}}), {}, Metrics(CollectorRegistry(), (1,))
    )
    yield made
    made.stop()


def test_the_scheduler_does_a_chore_at_its_cron_until_told_not_to(scheduler: Scheduler) -> None:
    done = threading.Event()
    soon = datetime.now(UTC)
    scheduler.start()
    scheduler.cron("drill", "* * * * *", done.set)
    (job,) = scheduler._scheduler.get_jobs()
    wait_s = (job.next_run_time - soon).total_seconds()
    assert 0 < wait_s <= 60.1
    job.modify(next_run_time=soon)
    assert done.wait(10)
    scheduler.cron("drill", None, done.set)
    scheduler.cron("drill", None, done.set)
    assert scheduler._scheduler.get_jobs() == []
