"""A probe's page reads a window of runs, however many there are, and says what it left out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from daemon import probe_history
from daemon.error_groups import MAX_REASON, Problem, grouped, normalised
from daemon.journal import Journal
from daemon.probe_figures import Window, quantile
from daemon.run_neighbours import neighbours
from daemon.tables import RUNS
from probes.model import Exposure, FailureClass, Outcome, Purpose, Run, Step, Vitals

NOW = datetime(2026, 3, 4, 12, 34, 56, tzinfo=UTC)
HOUR = Window.named("1h", NOW)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.sqlite")
    yield opened
    opened.close()


def run(number: int, outcome: str = "passed", **facts: object) -> Run:
    """One run; the bigger its number the older, a second each."""
    values: dict[str, object] = {
        "id": f"run-{number:05}",
        "probe": "page",
        "location": "local",
        "purpose": Purpose.SCHEDULED,
        "started_at": NOW - timedelta(seconds=number),
        "duration_s": 1.0,
        "outcome": Outcome(outcome),
    }
    return Run(**{**values, **facts})  # type: ignore[arg-type]


def keep(journal: Journal, *runs: Run) -> None:
    names = ("id", "probe", "location", "purpose", "started_at", "duration_s", "outcome")
    rows = [{**{name: getattr(run, name) for name in names}, "doc": run.to_json()} for run in runs]
    with journal.turn() as turn:
        turn.db.execute(insert(RUNS), rows)


def test_a_window_ends_with_the_bucket_that_is_under_way_and_is_cut_at_whole_times() -> None:
    assert HOUR.until == datetime(2026, 3, 4, 12, 36, tzinfo=UTC)
    assert HOUR.since == HOUR.until - timedelta(hours=1)
    assert len(HOUR.starts) == 30
    assert all(at.timestamp() % HOUR.bucket_s == 0 for at in HOUR.starts)


def test_runs_fall_into_the_bucket_in_which_they_started(journal: Journal) -> None:
    edge = HOUR.starts[10]
    keep(
        journal,
        run(1, started_at=edge, duration_s=2.0),
        run(2, started_at=edge - timedelta(microseconds=1), duration_s=4.0),
        run(3, started_at=edge + timedelta(seconds=1), duration_s=3.0),
        run(4, "failed", started_at=edge + timedelta(seconds=2), duration_s=30.0),
    )
    before, at = probe_history.read(journal, "page", HOUR).buckets[9:11]
    assert (before.runs, before.p50_s) == (1, 4.0)
    assert at.outcomes == {Outcome.PASSED: 2, Outcome.FAILED: 1}
    assert (at.p50_s, at.p95_s) == (2.0, 3.0)  # a failed run's duration is the time-out's


def test_what_lies_outside_of_the_window_or_was_planted_by_a_drill_is_not_counted(
    journal: Journal,
) -> None:
    keep(
        journal,
        run(1, started_at=HOUR.since),
        run(2, started_at=HOUR.since - timedelta(microseconds=1)),
        run(3, started_at=HOUR.until),
        run(4, "failed", purpose=Purpose.DRILL),
        run(5, probe="other"),
    )
    found = probe_history.read(journal, "page", HOUR)
    assert [mark.id for mark in found.marks] == ["run-00001"]
    assert (found.read, found.problems, found.sampled) == (1, 0, False)


def test_more_runs_than_are_read_are_spread_over_the_whole_window_and_both_locations(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_history, "MAX_RUNS", 300)
    monkeypatch.setattr(probe_history, "MAX_DOCS", 50)
    # Every second run failed: to take each n-th would show all of them failed, or none.
    outcomes = ("passed", "failed")
    keep(journal, *(run(number, outcomes[number % 2]) for number in range(3000)))
    found = probe_history.read(journal, "page", HOUR)
    assert found.sampled
    assert found.stored == 3000
    assert 270 <= found.read <= 330
    assert found.docs == 50
    assert 0.4 < found.problems / found.read < 0.6
    full = [bucket.runs for bucket in found.buckets if bucket.runs][1:-1]
    assert min(full) >= 6
    assert max(full) <= 18


def test_vitals_steps_and_exposure_come_from_runs_that_judge(journal: Journal) -> None:
    def walked(number: int, outcome: str, last: str | None, lcp_s: float) -> Run:
        steps = [Step("open", Outcome.PASSED, 1.0)]
        if last:
            steps.append(Step("see", Outcome(last), float(number)))
        exposure = Exposure("flag", True, number == 1)
        vitals = Vitals(lcp_s=lcp_s)
        return run(number, outcome, steps=tuple(steps), exposure=exposure, vitals=vitals)

    keep(
        journal,
        walked(1, "passed", "passed", 1.0),
        walked(2, "degraded", "degraded", 2.0),
        walked(3, "failed", "failed", 3.0),
        walked(4, "error", None, 99.0),
    )
    found = probe_history.read(journal, "page", HOUR)
    first, last = found.steps
    assert (first.name, first.reached, first.passed) == ("open", 3, 3)
    assert (last.name, last.reached, last.passed) == ("see", 3, 2)
    assert (last.p50_s, last.p95_s) == (1.0, 2.0)
    assert (found.judged, found.came_through) == (3, 2)
    assert [bucket.vitals for bucket in found.buckets if bucket.vitals] == [{"lcp_s": 3.0}]
    assert [(each.rendered, each.runs) for each in found.exposures] == [(False, 3), (True, 1)]


def test_a_document_that_is_no_json_hides_no_other_run(journal: Journal) -> None:
    keep(journal, run(1, value=float("nan")), run(2, value=7.0))
    found = probe_history.read(journal, "page", HOUR)
    assert (found.read, found.docs) == (2, 1)
    assert [bucket.value for bucket in found.buckets if bucket.value] == [7.0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("element 12 was not seen in 8.5 s", "element 7 was not seen in 30 s"),
        ("no answer from https://va.test/a?id=1", "no answer from https://va.test/b"),
        ('the alert says "sorry, Ann"', 'the alert says "try again"'),
        ("the alert says \u2018sorry\u2019", "the alert says \u2018no\u2019"),
        (
            "request 0f8fad5b-d9cb-469f-a165-70867728950e failed",
            "request 7c9e6679-7425-40de-944b-e07fc1f90ae7 failed",
        ),
        ("chunk deadbeef01 is missing", "chunk 9a8b7c6d5e is missing"),
    ],
)
def test_reasons_that_differ_in_numbers_ids_and_quotes_are_the_same(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


def test_words_and_apostrophes_keep_reasons_apart() -> None:
    assert normalised("it didn't load, can't go on") == "it didn't load, can't go on"
    assert normalised("the facade is bad") != normalised("the cafe is bad")


def test_a_hostile_reason_is_one_bounded_line() -> None:
    reason = normalised("\x1b[31m“" * 100_000 + "\n\u202e<script>")
    assert len(reason) <= MAX_REASON
    assert reason.isprintable()


def test_a_group_tells_when_it_began_and_shows_its_newest_run() -> None:
    def problem(number: int, reason: str, failure: FailureClass | None = None) -> Problem:
        at = NOW - timedelta(seconds=number)
        return Problem(f"run-{number}", at, Outcome.FAILED, reason, failure)

    big, small = grouped(
        [
            problem(3, "gone after 3 s"),
            problem(1, "gone after 1 s"),
            problem(2, "gone after 2 s", FailureClass.DNS),
        ]
    )
    assert (big.count, big.run, big.reason) == (2, "run-1", "gone after N s")
    assert (big.first_at, big.last_at) == (NOW - timedelta(seconds=3), NOW - timedelta(seconds=1))
    assert (small.count, small.failure) == (1, FailureClass.DNS)


def test_a_quantile_is_a_value_that_was_measured() -> None:
    assert quantile([3, 1, 2, 4], 0.5) == 2
    assert quantile(range(1, 101), 0.95) == 95
    assert quantile([], 0.5) is None


def test_a_run_knows_the_runs_beside_it_and_its_control(journal: Journal) -> None:
    same = NOW - timedelta(seconds=20)
    treated = run(2, started_at=same, pair="p")
    keep(
        journal,
        run(1, started_at=same),
        treated,
        run(3, started_at=same),
        run(4, probe="control", purpose=Purpose.CONTROL, pair="p"),
        run(5, probe="stranger", pair="p"),
        run(6, probe="control", pair="q"),
        run(1000, probe="control", pair="p"),  # too long ago to be of the same walk
    )
    beside = neighbours(journal, treated, ["page", "control"])
    found = [mark and mark.id for mark in (beside.older, beside.newer, beside.partner)]
    assert found == ["run-00001", "run-00003", "run-00004"]
    assert beside.partner_probe == "control"


def test_a_document_that_is_no_json_does_not_hide_the_other_half_of_a_pair(
    journal: Journal,
) -> None:
    treated = run(1, pair="p")
    broken = run(3, probe="control", pair="q", value=float("nan"))
    keep(journal, treated, broken, run(2, probe="control", pair="p"))
    beside = neighbours(journal, treated, ["control"])
    assert beside.partner is not None
    assert beside.partner.id == "run-00002"
