"""Runs, as the journal keeps them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, case, func, select

from daemon.history.place import Before, between, older
from daemon.journal import Journal
from daemon.tables import RUNS
from probes.model import Outcome, Purpose, Run

#: Some 50 ms of a page's time, however many runs are stored.
LOOKS_AT = 10_000


@dataclass(frozen=True, slots=True)
class RunMark:
    """The least that is worth knowing of a run, for a row of many."""

    id: str
    purpose: Purpose
    started_at: datetime
    duration_s: float
    outcome: Outcome


#: Its columns.
MARK = (RUNS.c.id, RUNS.c.purpose, RUNS.c.started_at, RUNS.c.duration_s, RUNS.c.outcome)


@dataclass(frozen=True, slots=True)
class Recent:
    """Newest runs of one probe at one location, newest first; `last` is the first of them."""

    probe: str
    location: str
    last: Run | None
    marks: tuple[RunMark, ...]


def runs(
    journal: Journal,
    *,
    probe: str | None = None,
    location: str | None = None,
    outcome: Outcome | None = None,
    purpose: Purpose | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: Before | None = None,
    limit: int = 50,
    looks_at: int = LOOKS_AT,
) -> tuple[tuple[Run, ...], Before | None]:
    """Return a page of runs, newest first, and where the next page begins.

    A page holds fewer than `limit` runs, or none, though there is a next one, where `looks_at` runs
    were looked at: what is rare is then looked for further back by the next page.

    Args:
        since: runs that started then or later.
        until: runs that started earlier.
        looks_at: a filter that no index answers is tried on so many runs at most.
    """
    run = RUNS.c
    wanted = {
        column: str(value)
        for column, value in (
            (run.probe, probe),
            (run.location, location),
            (run.outcome, outcome),
            (run.purpose, purpose),
        )
        if value is not None
    }
    index, indexed = _best_index(wanted)
    behind = [*between(run.started_at, since, until)]
    if before is not None:
        behind.append(older(run.started_at, run.id, before))
    query = (
        select(run.doc)
        .with_hint(RUNS, f"INDEXED BY {index}", "sqlite")
        .where(*behind, *(column == value for column, value in wanted.items()))
        .order_by(run.started_at.desc(), run.id.desc())
    )
    with journal.reading() as db:
        floor = None
        if wanted.keys() - indexed:
            floor = db.scalar(
                select(run.started_at)
                .with_hint(RUNS, f"INDEXED BY {index}", "sqlite")
                .where(*_in_the_index(before, since, until))
                .where(*(column == wanted[column] for column in indexed))
                .order_by(run.started_at.desc())
                .limit(1)
                .offset(looks_at)
            )
            if floor is not None:
                query = query.where(run.started_at >= floor)
        docs = db.scalars(query.limit(limit + 1)).all()
    page = tuple(Run.from_json(doc) for doc in docs[:limit])
    if len(docs) > limit:
        return page, Before(page[-1].started_at, page[-1].id)
    return page, None if floor is None else Before(floor)


def _best_index(wanted: Collection[Column[Any]]) -> tuple[str, tuple[Column[Any], ...]]:
    """Name the index that leaves the fewest runs to look at, and the columns that it answers.

    Nobody runs ANALYZE on a journal, and without it SQLite takes `passed`, which most runs are, to
    be as rare as `failed`.
    """
    run = RUNS.c
    if run.probe in wanted and run.location in wanted:
        return "runs_by_place", (run.probe, run.location)
    if run.probe in wanted:
        return "runs_by_probe", (run.probe,)
    if run.outcome in wanted:
        return "runs_by_outcome", (run.outcome,)
    return "runs_by_time", ()


def _in_the_index(
    before: Before | None, since: datetime | None, until: datetime | None
) -> tuple[ColumnElement[bool], ...]:
    """Bound a search by times alone, so that the index answers it without any row."""
    at = RUNS.c.started_at
    bounds = between(at, since, until)
    if before is None:
        return bounds
    # Without an id it is behind every run of its time: those must not be looked at for ever.
    return (*bounds, at <= before.at if before.id else at < before.at)


def runs_since(journal: Journal, since: datetime) -> tuple[Run, ...]:
    """Return every run that started at or after `since`, oldest first."""
    query = select(RUNS.c.doc).where(RUNS.c.started_at >= since).order_by(RUNS.c.started_at)
    with journal.reading() as db:
        return tuple(Run.from_json(doc) for doc in db.scalars(query))


def run(journal: Journal, run_id: str) -> Run | None:
    """Return one run, None where it is not (or no longer) there."""
    with journal.reading() as db:
        doc = db.scalar(select(RUNS.c.doc).where(RUNS.c.id == run_id))
    return None if doc is None else Run.from_json(doc)


def recent(
    journal: Journal, places: Iterable[tuple[str, str]], limit: int = 20
) -> tuple[Recent, ...]:
    """Return the newest runs of each (probe, location)."""
    found: list[tuple[str, str, tuple[RunMark, ...]]] = []
    run = RUNS.c
    with journal.reading() as db:
        for probe, location in places:
            rows = db.execute(
                select(*MARK)
                .where(run.probe == probe, run.location == location)
                # What a drill planted is no news of the probe.
                .where(run.purpose != Purpose.DRILL.value)
                .order_by(run.started_at.desc(), run.id.desc())
                .limit(limit)
            )
            found.append((probe, location, tuple(mark_of(row) for row in rows)))
        newest = [marks[0].id for _, _, marks in found if marks]
        docs = db.execute(select(run.id, run.doc).where(run.id.in_(newest)))
        last = {row.id: Run.from_json(row.doc) for row in docs}
    return tuple(
        Recent(probe, location, last.get(marks[0].id) if marks else None, marks)
        for probe, location, marks in found
    )


def in_doc(*names: str) -> ColumnElement[Any]:
    """Say in SQL what a run's document holds under these names; several are a JSON array.

    NULL where it is no JSON: Python writes a NaN as NaN, and one such run must not hide the others.
    """
    # One call, so that SQLite parses each document once.
    parts = func.json_extract(RUNS.c.doc, *(f"$.{name}" for name in names))
    return case((func.json_valid(RUNS.c.doc) == 1, parts))


def mark_of(row: Any) -> RunMark:
    """Read a row that has the columns of `MARK`."""
    return RunMark(
        row.id, Purpose(row.purpose), row.started_at, row.duration_s, Outcome(row.outcome)
    )
