"""Incidents, and the story of each."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select

from daemon.history.place import Before, between, older
from daemon.history.timeline import TimelineLine, oldest_first
from daemon.journal import Journal
from daemon.tables import INCIDENTS, TIMELINE

#: A suspicion that began longer ago than this is not what led to the incident.
LED_TO_IT = timedelta(hours=1)


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
            select(line.at, line.text, line.by)
            .where(line.guard == told.guard, line.id >= first)
            .where(or_(line.incident == told.id, line.incident.is_(None)))
        )
        if told.closed_at is not None:
            # What people add afterwards belongs to it still.
            query = query.where(or_(line.at <= told.closed_at, line.incident == told.id))
        return oldest_first(db, query, limit)


def _columns() -> list[ColumnElement[Any]]:
    noted = (
        select(func.count())
        .where(TIMELINE.c.incident == INCIDENTS.c.id, TIMELINE.c.by.is_not(None))
        .scalar_subquery()
    )
    names = [field.name for field in fields(IncidentRecord)]
    return [noted if name == "notes" else INCIDENTS.c[name] for name in names]
