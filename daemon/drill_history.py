"""Drills in the journal: their rows written, and read back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, insert, select

from daemon.drill import Ending
from daemon.drill_report import REPORT_JSON, Report
from daemon.history.place import Before, older
from daemon.journal import Journal
from daemon.tables import DRILLS


def keep_report(journal: Journal, report: Report) -> None:
    """Keep a drill that ended; one that is already there is left as it is.

    Raises:
        JournalError: nothing was kept.
    """
    with journal.turn() as turn:
        known = select(DRILLS.c.id).where(DRILLS.c.id == report.id)
        if turn.db.scalar(known) is not None:
            return
        turn.db.execute(
            insert(DRILLS).values(
                id=report.id,
                guard=report.guard,
                started_at=report.asked_at,
                took_s=report.took_s,
                good=report.good,
                detection_s=report.detection_s,
                doc=REPORT_JSON.dump_json(report).decode(),
            )
        )


def report(journal: Journal, drill: str) -> Report | None:
    """Return one drill, None where it is not there."""
    found = _reports(journal, select(DRILLS.c.doc).where(DRILLS.c.id == drill))
    return found[0] if found else None


def reports(
    journal: Journal, guard: str | None = None, limit: int = 50, before: Before | None = None
) -> tuple[Report, ...]:
    """Return drills that ended, newest first; `before`: only those asked for earlier."""
    query = select(DRILLS.c.doc).order_by(DRILLS.c.started_at.desc(), DRILLS.c.id.desc())
    if guard is not None:
        query = query.where(DRILLS.c.guard == guard)
    if before is not None:
        query = query.where(older(DRILLS.c.started_at, DRILLS.c.id, before))
    return _reports(journal, query.limit(limit))


def last_judged(journal: Journal, guard: str) -> Report | None:
    """Return a guard's newest drill that says something about it."""
    query = (
        select(DRILLS.c.doc)
        .where(
            DRILLS.c.guard == guard,
            func.json_extract(DRILLS.c.doc, "$.ending") != Ending.ABORTED.value,
        )
        .order_by(DRILLS.c.started_at.desc(), DRILLS.c.id.desc())
        .limit(1)
    )
    found = _reports(journal, query)
    return found[0] if found else None


def proven_at(journal: Journal, guard: str) -> datetime | None:
    """Say when a guard's last good drill began; None: never."""
    query = select(DRILLS.c.started_at).where(DRILLS.c.guard == guard, DRILLS.c.good)
    with journal.reading() as db:
        return db.scalar(query.order_by(DRILLS.c.started_at.desc()).limit(1))


def _reports(journal: Journal, query: Select[Any]) -> tuple[Report, ...]:
    with journal.reading() as db:
        return tuple(REPORT_JSON.validate_json(doc) for doc in db.scalars(query))
