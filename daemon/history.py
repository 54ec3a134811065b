"""The journal's read side: plain SELECTs that return frozen values. Never writes.

Text in the rows may come from a target: it is bounded by whoever shows it, and escaped there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, Row, Select, Table, and_, func, or_, select

from daemon.audit import AuditEntry
from daemon.guard.messages import Flip
from daemon.journal import Journal, JournalError
from daemon.tables import AUDIT, DECISIONS, FLIPS, INCIDENTS, RUNS, TIMELINE
from daemon.turn import ORDER_JSON
from probes.model import Outcome, Purpose, Run

#: A suspicion that began longer ago than this is not what led to the incident.
LED_TO_IT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RunMark:
    """The least that is worth knowing of a run, for a row of many."""

    id: str
    purpose: Purpose
    started_at: datetime
    duration_s: float
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Recent:
    """Newest runs of one probe at one location, newest first; `last` is the first of them."""

    probe: str
    location: str
    last: Run | None
    marks: tuple[RunMark, ...]


@dataclass(frozen=True, slots=True)
class TimelineLine:
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class IncidentRecord:
    """The span from trip to reset; `closed_at` None: it is open."""

    id: str
    guard: str
    cause: str
    severity: int
    opened_at: datetime
    closed_at: datetime | None
    reason: str
    closing: str | None


@dataclass(frozen=True, slots=True)
class FlipRecord:
    """One acknowledged write."""

    id: int
    guard: str | None
    flag: str
    before: str
    after: str
    reason: str
    by: str
    decided_at: datetime
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class PendingFlip:
    """A decided flip that is not yet written; `error` is what the last try met."""

    flag: str
    to: bool
    by: str
    reason: str
    guard: str | None
    decided_at: datetime
    attempts: int
    error: str | None


@dataclass(frozen=True, slots=True)
class Before:
    """Where a page of runs begins: strictly older than this, newest first."""

    at: datetime
    id: str = ""

    @classmethod
    def parse(cls, text: str) -> Before:
        """Read a cursor that `__str__` wrote, or a plain ISO 8601 time with its zone.

        Raises:
            ValueError: it is neither.
        """
        time, _, run = text.partition("~")
        at = datetime.fromisoformat(time)
        if at.tzinfo is None:
            raise ValueError("the time has no zone")
        return cls(at.astimezone(UTC), run)

    def __str__(self) -> str:
        # Basic format with Z: nothing in it needs escaping in a URL, where `+` would be a blank.
        return f"{self.at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}~{self.id}"


def runs(
    journal: Journal,
    *,
    probe: str | None = None,
    outcome: Outcome | None = None,
    purpose: Purpose | None = None,
    before: Before | None = None,
    limit: int = 50,
) -> tuple[tuple[Run, ...], Before | None]:
    """Return a page of runs, newest first, and where the next page begins."""
    query = select(RUNS.c.doc).order_by(RUNS.c.started_at.desc(), RUNS.c.id.desc())
    wanted = {RUNS.c.probe: probe, RUNS.c.outcome: outcome, RUNS.c.purpose: purpose}
    for column, value in wanted.items():
        if value is not None:
            query = query.where(column == str(value))
    if before is not None:
        same = and_(RUNS.c.started_at == before.at, RUNS.c.id < before.id)
        query = query.where(or_(RUNS.c.started_at < before.at, same))
    with journal.reading() as db:
        docs = db.scalars(query.limit(limit + 1)).all()
    page = tuple(Run.from_json(doc) for doc in docs[:limit])
    more = len(docs) > limit
    return page, Before(page[-1].started_at, page[-1].id) if more else None


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
    columns = (run.id, run.purpose, run.started_at, run.duration_s, run.outcome)
    with journal.reading() as db:
        for probe, location in places:
            rows = db.execute(
                select(*columns)
                .where(RUNS.c.probe == probe, RUNS.c.location == location)
                # What a drill planted is no news of the probe.
                .where(RUNS.c.purpose != Purpose.DRILL.value)
                .order_by(RUNS.c.started_at.desc(), RUNS.c.id.desc())
                .limit(limit)
            )
            found.append((probe, location, tuple(_mark(row) for row in rows)))
        newest = [marks[0].id for _, _, marks in found if marks]
        docs = db.execute(select(RUNS.c.id, RUNS.c.doc).where(RUNS.c.id.in_(newest)))
        last = {row.id: Run.from_json(row.doc) for row in docs}
    return tuple(
        Recent(probe, location, last.get(marks[0].id) if marks else None, marks)
        for probe, location, marks in found
    )


def incidents(
    journal: Journal, *, guard: str | None = None, is_open: bool | None = None, limit: int = 50
) -> tuple[IncidentRecord, ...]:
    """Return incidents, newest first."""
    columns = _columns(INCIDENTS, IncidentRecord)
    query = select(*columns).order_by(INCIDENTS.c.opened_at.desc(), INCIDENTS.c.id.desc())
    if guard is not None:
        query = query.where(INCIDENTS.c.guard == guard)
    if is_open is not None:
        closed = INCIDENTS.c.closed_at
        query = query.where(closed.is_(None) if is_open else closed.is_not(None))
    with journal.reading() as db:
        return tuple(IncidentRecord(*row) for row in db.execute(query.limit(limit)))


def incident(journal: Journal, incident_id: str) -> IncidentRecord | None:
    """Return one incident, None where there is none of that id."""
    with journal.reading() as db:
        columns = _columns(INCIDENTS, IncidentRecord)
        row = db.execute(select(*columns).where(INCIDENTS.c.id == incident_id)).first()
    return None if row is None else IncidentRecord(*row)


def story(journal: Journal, told: IncidentRecord, limit: int = 200) -> tuple[TimelineLine, ...]:
    """Return an incident's timeline, oldest first, with the suspicion that led to it.

    Lines that a guard noted while it had no incident belong to the story where they lie between
    that suspicion and the closing: a hold, a person's own change of the flag, the reset.
    """
    line = TIMELINE.c
    led_to_it = select(func.max(line.id)).where(
        line.guard == told.guard,
        line.incident.is_(None),
        line.text.like("SUSPECT:%"),
        line.at <= told.opened_at,
        line.at >= told.opened_at - LED_TO_IT,
    )
    with journal.reading() as db:
        first = db.scalar(led_to_it)
        if first is None:
            first = db.scalar(select(func.min(line.id)).where(line.incident == told.id)) or 0
        query = (
            select(line.at, line.text)
            .where(line.guard == told.guard, line.id >= first)
            .where(or_(line.incident == told.id, line.incident.is_(None)))
        )
        if told.closed_at is not None:
            query = query.where(line.at <= told.closed_at)
        return _oldest_first(db, query, limit)


def timeline(journal: Journal, guard: str, limit: int = 50) -> tuple[TimelineLine, ...]:
    """Return a guard's newest lines, oldest first."""
    query = select(TIMELINE.c.at, TIMELINE.c.text).where(TIMELINE.c.guard == guard)
    with journal.reading() as db:
        return _oldest_first(db, query, limit)


def last_noted(journal: Journal, guard: str, beginning: str = "") -> datetime | None:
    """Say when a guard last noted a line that begins so; None where it never did."""
    line = TIMELINE.c
    query = select(func.max(line.at)).where(
        line.guard == guard, line.text.startswith(beginning, autoescape=True)
    )
    with journal.reading() as db:
        at: datetime | None = db.scalar(query)
    return at


def flips(
    journal: Journal, *, flag: str | None = None, before: int | None = None, limit: int = 50
) -> tuple[FlipRecord, ...]:
    """Return acknowledged writes, newest first."""
    query = select(*_columns(FLIPS, FlipRecord)).order_by(FLIPS.c.id.desc())
    if flag is not None:
        query = query.where(FLIPS.c.flag == flag)
    if before is not None:
        query = query.where(FLIPS.c.id < before)
    with journal.reading() as db:
        return tuple(FlipRecord(*row) for row in db.execute(query.limit(limit)))


def pending_flips(journal: Journal) -> tuple[PendingFlip, ...]:
    """Return the decided flips that are not yet written, oldest first."""
    query = (
        select(DECISIONS)
        .where(DECISIONS.c.state == "pending", DECISIONS.c.kind == "flip")
        .order_by(DECISIONS.c.id)
    )
    with journal.reading() as db:
        rows = db.execute(query).all()
    return tuple(_pending(row) for row in rows)


def audit(
    journal: Journal, *, flag: str | None = None, after: int = 0, limit: int | None = None
) -> Iterator[AuditEntry]:
    """Yield the audit's rows in their order, those after row `after`."""
    query = select(AUDIT).where(AUDIT.c.id > after).order_by(AUDIT.c.id).limit(limit)
    if flag is not None:
        query = query.where(AUDIT.c.flag == flag)
    with journal.reading() as db:
        for row in db.execute(query):
            yield AuditEntry(**row._mapping)


def _oldest_first(db: Connection, query: Select[Any], limit: int) -> tuple[TimelineLine, ...]:
    rows: Sequence[Row[Any]] = db.execute(query.order_by(TIMELINE.c.id.desc()).limit(limit)).all()
    return tuple(TimelineLine(row.at, row.text) for row in reversed(rows))


def _mark(row: Any) -> RunMark:
    return RunMark(
        row.id, Purpose(row.purpose), row.started_at, row.duration_s, Outcome(row.outcome)
    )


def _columns(table: Table, record: type[IncidentRecord] | type[FlipRecord]) -> list[Column[Any]]:
    return [table.c[field.name] for field in fields(record)]


def _pending(row: Any) -> PendingFlip:
    order = ORDER_JSON.validate_json(row.doc)
    if not isinstance(order, Flip):
        raise JournalError(f"decision {row.id} is kept as a flip but holds another order")
    return PendingFlip(
        order.flag,
        order.to,
        order.by,
        order.reason,
        row.guard,
        row.decided_at,
        row.attempts,
        row.error,
    )
