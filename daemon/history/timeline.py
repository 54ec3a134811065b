"""What guards noted, and people beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from daemon.history.place import between
from daemon.journal import Journal
from daemon.tables import TIMELINE


@dataclass(frozen=True, slots=True)
class TimelineLine:
    """`by`: the person whose line it is; None: a guard's own."""

    at: datetime
    text: str
    by: str | None = None


@dataclass(frozen=True, slots=True)
class NumberedLine:
    """A line with its number, which only ever grows, and the incident that it belongs to."""

    id: int
    at: datetime
    text: str
    by: str | None
    incident: str | None


def timeline(journal: Journal, guard: str, limit: int = 50) -> tuple[TimelineLine, ...]:
    """Return a guard's newest lines, oldest first."""
    line = TIMELINE.c
    query = select(line.at, line.text, line.by).where(line.guard == guard)
    with journal.reading() as db:
        return oldest_first(db, query, limit)


def lines(
    journal: Journal,
    guard: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = 50,
) -> tuple[NumberedLine, ...]:
    """Return a guard's lines, newest first; `before`: only those with a lower number."""
    line = TIMELINE.c
    query = select(line.id, line.at, line.text, line.by, line.incident).where(line.guard == guard)
    query = query.where(*between(line.at, since, until))
    if before is not None:
        query = query.where(line.id < before)
    with journal.reading() as db:
        rows = db.execute(query.order_by(line.id.desc()).limit(limit))
        return tuple(NumberedLine(*row) for row in rows)


def last_noted(journal: Journal, guard: str, beginning: str = "") -> datetime | None:
    """Say when a guard last noted a line that begins so; None where it never did."""
    line = TIMELINE.c
    query = select(line.at).where(line.guard == guard, line.by.is_(None))
    if beginning:
        query = query.where(line.text.startswith(beginning, autoescape=True))
    with journal.reading() as db:
        # By number, not by the greatest time: that would look at every line of the guard's life.
        at: datetime | None = db.scalar(query.order_by(line.id.desc()).limit(1))
    return at


def oldest_first(db: Connection, query: Select[Any], limit: int) -> tuple[TimelineLine, ...]:
    """Return the newest `limit` lines of a query for `at`, `text` and `by`, oldest first."""
    rows: Sequence[Row[Any]] = db.execute(query.order_by(TIMELINE.c.id.desc()).limit(limit)).all()
    return tuple(TimelineLine(row.at, row.text, row.by) for row in reversed(rows))
