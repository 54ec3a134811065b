"""Incidents, and the story of each."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from daemon.history.place import Before, between, older
from daemon.history.timeline import TimelineLine, oldest_first
from daemon.journal import Journal
from daemon.tables import INCIDENTS, TIMELINE

#: A suspicion that began longer ago than this is not what led to the incident.
LED_TO_IT = timedelta(hours=1)
#: Nor is one after which a guard noted one of these: it was over (`daemon.guard` writes them).
ENDED_IT = (
    "suspicion cleared%",
    "reset:%",
    "the ramp came through:%",
    "%: a person's decision, adopted%",
)


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
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    #: How many lines of its timeline are people's.
    notes: int = 0


def incidents(
    journal: Journal,
    *,
    guard: str | None = None,
    is_open: bool | None = None,
    cause: str | None = None,
    severity: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: Before | None = None,
    limit: int = 50,
) -> tuple[IncidentRecord, ...]:
    """Return incidents, newest first.

    `since` (included) and `until` (not) bound the time when an incident opened.
    """
    row = INCIDENTS.c
    query = select(*_columns()).order_by(row.opened_at.desc(), row.id.desc())
    wanted = {row.guard: guard, row.cause: cause, row.severity: severity}
    for column, value in wanted.items():
        if value is not None:
            query = query.where(column == value)
    if is_open is not None:
        query = query.where(row.closed_at.is_(None) if is_open else row.closed_at.is_not(None))
    query = query.where(*between(row.opened_at, since, until))
    if before is not None:
        query = query.where(older(row.opened_at, row.id, before))
    with journal.reading() as db:
        return tuple(IncidentRecord(*found) for found in db.execute(query.limit(limit)))


def incident(journal: Journal, incident_id: str) -> IncidentRecord | None:
    """Return one incident, None where there is none of that id."""
    with journal.reading() as db:
        return incident_in(db, incident_id)


def incident_in(db: Connection, incident_id: str) -> IncidentRecord | None:
    """Return one incident as a transaction under way sees it."""
    row = db.execute(select(*_columns()).where(INCIDENTS.c.id == incident_id)).first()
    return None if row is None else IncidentRecord(*row)


def story(journal: Journal, told: IncidentRecord, limit: int = 200) -> tuple[TimelineLine, ...]:
    """Return an incident's timeline, oldest first, with the suspicion that led to it.

    Lines that a guard noted while it had no incident belong to the story where they lie between
    that suspicion and the closing: a hold, a person's own change of the flag, the reset.
    """
    line = TIMELINE.c
    own = line.incident == told.id
    told_of = select(line.at, line.text, line.by)
    with journal.reading() as db:
        opening = db.scalar(select(line.id).where(own).order_by(line.id).limit(1))
        if opening is None:
            return ()
        first = _suspicion(db, told, opening) or opening
        span = told_of.where(line.guard == told.guard, line.id >= first)
        span = span.where(or_(own, line.incident.is_(None)))
        end = None if told.closed_at is None else _end(db, told)
        if end is None:
            return oldest_first(db, span, limit)
        # What people add afterwards belongs to it still.
        later = oldest_first(db, told_of.where(own, line.id >= end), limit)
        return oldest_first(db, span.where(line.id < end), limit - len(later)) + later


def _suspicion(db: Connection, told: IncidentRecord, opening: int) -> int | None:
    """Number of the line of the suspicion that led to an incident whose first line is `opening`.

    Between numbers, as in `_end`: by times alone, SQLite would walk through the guard's whole life.
    """
    line = TIMELINE.c
    earlier = select(line.id).where(line.guard == told.guard, line.id < opening)
    newest = earlier.order_by(line.id.desc()).limit(1)
    ended = and_(line.by.is_(None), or_(*(line.text.like(text) for text in ENDED_IT)))
    over = db.scalar(newest.where(or_(line.at < told.opened_at - LED_TO_IT, ended))) or 0
    said = newest.where(line.incident.is_(None), line.text.like("SUSPECT:%"))
    found: int | None = db.scalar(said.where(line.id > over))
    return found


def _end(db: Connection, told: IncidentRecord) -> int | None:
    """Number of the guard's first line after an incident's closing; None: there is none yet.

    Found from the guard's own last line on: those that it noted in the closing's own turn follow.
    """
    line = TIMELINE.c
    last = select(func.max(line.id)).where(line.incident == told.id, line.by.is_(None))
    after = select(line.id).where(
        line.guard == told.guard, line.id > last.scalar_subquery(), line.at > told.closed_at
    )
    found: int | None = db.scalar(after.order_by(line.id).limit(1))
    return found


def _columns() -> list[ColumnElement[Any]]:
    noted = (
        select(func.count())
        .where(TIMELINE.c.incident == INCIDENTS.c.id, TIMELINE.c.by.is_not(None))
        .scalar_subquery()
    )
    names = [field.name for field in fields(IncidentRecord)]
    return [noted if name == "notes" else INCIDENTS.c[name] for name in names]
