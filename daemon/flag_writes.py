"""The last write to each flag, ours or adopted: who changed what last."""

from __future__ import annotations

from sqlalchemy import func, select

from daemon.audit import AuditEntry
from daemon.journal import Journal
from daemon.tables import AUDIT

#: What an audit's row of a write to a flag has as its action: ours, or found by a poll.
WRITES = ("flip", "adopted")


def last_writes(journal: Journal) -> dict[str, AuditEntry]:
    """Return the newest row of the audit of every flag that has one, by the flag's name."""
    row = AUDIT.c
    # Along the index by flag; rows about something else than a flag have none.
    newest = select(func.max(row.id)).where(row.flag != "").group_by(row.flag)
    with journal.reading() as db:
        found = db.execute(select(AUDIT).where(row.id.in_(newest)))
        entries = [AuditEntry(**each._mapping) for each in found]
    return {entry.flag: entry for entry in entries}
