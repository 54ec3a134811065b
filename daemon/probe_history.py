"""One probe's runs over a window of time, read for its page. Never writes.

However many there are, about `MAX_RUNS` of a window are looked at, and `MAX_DOCS` of those whole:
where that is not all they are spread evenly, and `ProbeHistory` says so.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    String,
    func,
    literal_column,
    select,
    type_coerce,
)

from daemon import probe_figures as figures
from daemon.error_groups import ErrorGroup, Problem, grouped
from daemon.history import RunMark
from daemon.history.runs import in_doc
from daemon.journal import Journal
from daemon.probe_figures import Bucket, ExposureShare, Row, StepFigures, Whole, Window
from daemon.tables import RUNS
from probes.model import Exposure, FailureClass, Outcome, Purpose, Step

MAX_RUNS = 5_000
MAX_DOCS = 1_000
MAX_PROBLEMS = 1_000
#: So many runs are shown one by one; more of them in buckets.
MAX_MARKS = 60

_NUMBER: Any = literal_column("runs.rowid", Integer)
_PARTS = ("reason", "failure", "vitals", "steps", "exposure", "value")


@dataclass(frozen=True, slots=True)
class ProbeHistory:
    """A window of runs, those of drills left out.

    `stored`: how many the journal has of it, drills' too; `read` of them were looked at: all, or
    evenly spread ones where `sampled`. `docs` of those were looked at whole, for vitals, steps and
    exposure; `judged` of these judge, and `came_through` of them did.

    `problems`: how many of those read did not pass; the newest `MAX_PROBLEMS` are in `groups`.
    `marks`: the runs one by one, newest first; empty where there are too many.
    """

    window: Window
    stored: int
    read: int
    sampled: bool
    docs: int
    judged: int
    came_through: int
    problems: int
    buckets: tuple[Bucket, ...]
    marks: tuple[RunMark, ...]
    steps: tuple[StepFigures, ...]
    groups: tuple[ErrorGroup, ...]
    exposures: tuple[ExposureShare, ...]


def read(journal: Journal, probe: str, window: Window) -> ProbeHistory:
    """Read a probe's runs of a window; those that a drill planted are not among them."""
    with journal.reading() as db:
        stored, rows = _rows(db, probe, window)
        bad = [row for row in rows if row.outcome is not Outcome.PASSED]
        problems = [_problem(whole) for whole in _whole(db, bad[-MAX_PROBLEMS:])]
        whole = _whole(db, _spread(rows, MAX_DOCS))
    judged = [each for each in whole if each.row.outcome.judges]
    marks = rows[::-1] if len(rows) <= MAX_MARKS else []
    return ProbeHistory(
        window=window,
        stored=stored,
        read=len(rows),
        sampled=stored > MAX_RUNS,
        docs=len(whole),
        judged=len(judged),
        came_through=sum(each.row.came_through for each in judged),
        problems=len(bad),
        buckets=figures.buckets(window, rows, judged),
        marks=tuple(_mark(row) for row in marks),
        steps=figures.steps(judged),
        groups=grouped(problems),
        exposures=figures.exposures(whole),
    )


def _rows(db: Connection, probe: str, window: Window) -> tuple[int, list[Row]]:
    run = RUNS.c
    here = (run.probe == probe, run.started_at >= window.since, run.started_at < window.until)
    stored = db.scalar(select(func.count()).where(*here)) or 0
    # As text: reading thousands of times through the column's type takes longer than the query.
    started = type_coerce(run.started_at, String)
    query = select(_NUMBER, run.id, started, run.outcome, run.purpose, run.duration_s).where(
        *here, run.purpose != Purpose.DRILL.value
    )
    if stored > MAX_RUNS:
        order: Any = func.row_number().over(order_by=run.started_at)
        ranked = select(_NUMBER.label("number"), order.label("rank")).where(*here).subquery()
        # Every n-th run could be of one location always. Steps of the golden ratio spread evenly
        # and keep no step with a schedule (D. Knuth, The Art of Computer Programming, 6.4).
        chosen = (ranked.c.rank * 2_654_435_761) % 2**32 < 2**32 * MAX_RUNS // stored
        query = query.where(_NUMBER.in_(select(ranked.c.number).where(chosen)))
    found = db.execute(query.order_by(run.started_at))
    return stored, [_row(window, *each) for each in found]


def _row(
    window: Window, number: int, id: str, started: str, outcome: str, purpose: str, took_s: float
) -> Row:
    at = datetime.fromisoformat(started)
    # Not by SQLite: it rounds to milliseconds, and so into the next bucket.
    bucket = int(at.timestamp()) // window.bucket_s
    return Row(number, id, at, bucket, Outcome(outcome), Purpose(purpose), took_s)


def _whole(db: Connection, rows: Sequence[Row]) -> list[Whole]:
    by_number = {row.number: row for row in rows}
    query = select(_NUMBER, in_doc(*_PARTS)).where(_NUMBER.in_(list(by_number)))
    found = {number: json.loads(text) for number, text in db.execute(query) if text is not None}
    return [_parsed(row, *found[row.number]) for row in rows if row.number in found]


def _parsed(
    row: Row,
    reason: str | None,
    failure: str | None,
    vitals: dict[str, float | None] | None,
    steps: list[dict[str, Any]],
    exposure: dict[str, Any] | None,
    value: float | None,
) -> Whole:
    walked = tuple(Step(**{**step, "outcome": Outcome(step["outcome"])}) for step in steps)
    seen = None if exposure is None else Exposure(**{**exposure, "seen_at": None})
    return Whole(row, reason or "", failure, vitals or {}, walked, seen, value)


def _spread(rows: list[Row], limit: int) -> list[Row]:
    if len(rows) <= limit:
        return rows
    return [rows[n * len(rows) // limit] for n in range(limit)]


def _problem(whole: Whole) -> Problem:
    failure = None if whole.failure is None else FailureClass(whole.failure)
    return Problem(whole.row.id, whole.row.started_at, whole.row.outcome, whole.reason, failure)


def _mark(row: Row) -> RunMark:
    return RunMark(row.id, row.purpose, row.started_at, row.duration_s, row.outcome)
