"""The audit's rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import select

from daemon.audit import AuditEntry
from daemon.history.place import between
from daemon.journal import Journal
from daemon.tables import AUDIT


def audit(
    journal: Journal,
    *,
    flag: str | None = None,
    actor: str | None = None,
    action: str | None = None,
    actions: Sequence[str] = (),
    subject: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: int = 0,
    before: int | None = None,
    newest_first: bool = False,
    limit: int | None = None,
) -> Iterator[AuditEntry]:
    """Yield the audit's rows in the order of the chain, or newest first.

    Only rows with a number above `after` and below `before`; `actions`: any of these; `since`
    (included) and `until` (not) bound the time of a row.
    """
    row = AUDIT.c
    query = select(AUDIT).where(row.id > after).limit(limit)
    query = query.order_by(row.id.desc() if newest_first else row.id)
    wanted = {row.flag: flag, row.actor: actor, row.action: action, row.subject: subject}
    for column, value in wanted.items():
        if value is not None:
            query = query.where(column == value)
    if actions:
        query = query.where(row.action.in_(actions))
    if before is not None:
        query = query.where(row.id < before)
    query = query.where(*between(row.at, since, until))
    with journal.reading() as db:
        for found in db.execute(query):
            yield AuditEntry(**found._mapping)
