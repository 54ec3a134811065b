"""Writes to flags: acknowledged, still owed, and the gates that each one replaced."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import select

from daemon.guard.messages import Flip
from daemon.history.place import between
from daemon.journal import Journal, JournalError
from daemon.tables import DECISIONS, FLIPS
from daemon.turn import ORDER_JSON
from flags.model import Snapshot


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
class KeptSnapshot:
    """The exact gates of a flag before one of our writes; `id` is that flip's."""

    id: int
    flag: str
    gates: tuple[tuple[str, str], ...]
    taken_at: datetime
    by: str
    reason: str


def flips(
    journal: Journal,
    *,
    flag: str | None = None,
    guard: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = 50,
) -> tuple[FlipRecord, ...]:
    """Return acknowledged writes, newest first; `before`: only those with a lower id.

    `since` (included) and `until` (not) bound the time when a flip was acknowledged.
    """
    flip = FLIPS.c
    query = select(*(flip[field.name] for field in fields(FlipRecord))).order_by(flip.id.desc())
    if flag is not None:
        query = query.where(flip.flag == flag)
    if guard is not None:
        query = query.where(flip.guard == guard)
    if before is not None:
        query = query.where(flip.id < before)
    query = query.where(*between(flip.applied_at, since, until))
    with journal.reading() as db:
        return tuple(FlipRecord(*row) for row in db.execute(query.limit(limit)))


def snapshots(
    journal: Journal, flag: str, *, before: int | None = None, limit: int = 50
) -> tuple[KeptSnapshot, ...]:
    """Return a flag's gates before each of our writes, newest first."""
    flip = FLIPS.c
    query = select(flip.id, flip.snapshot, flip.by, flip.reason).where(flip.flag == flag)
    if before is not None:
        query = query.where(flip.id < before)
    with journal.reading() as db:
        rows = db.execute(query.order_by(flip.id.desc()).limit(limit)).all()
    return tuple(_snapshot(row) for row in rows)


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


def _snapshot(row: Any) -> KeptSnapshot:
    taken = Snapshot.from_json(row.snapshot)
    return KeptSnapshot(row.id, taken.flag, taken.gates.rows, taken.taken_at, row.by, row.reason)


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
