"""Everything on record about one incident. Reads only; texts in it may come from a target."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, or_, select

from config.schema import GuardSpec
from daemon import history
from daemon.audit import AuditEntry
from daemon.guard.messages import Flip
from daemon.history import IncidentRecord, TimelineLine
from daemon.journal import Journal
from daemon.tables import AUDIT, DECISIONS, FLIPS, RUNS
from daemon.turn import ORDER_JSON
from probes.model import Outcome, Purpose, Run

#: Most runs, and most rows of the audit, that an incident is told with.
MOST = 100
#: Most lines of an incident's story that are read. They tell what each trip reached: its beginning
#: must not be lost behind what many people wrote.
LINES = 2_000
#: Runs are told from the first failure until the kill was proven, or this long after the opening.
AFTER_OPENING = timedelta(minutes=5)
#: In the explanation that is kept with an incident's opening (`daemon.explain.text`). Evidence and
#: runs are pruned; this line outlives them.
_DECIDED = re.compile(r"^ +decided +\S.* UTC, \+(\d+\.\d) s$", re.MULTILINE)
_PROVEN = "KILLED:"
_FAILED = "PAGE: KILL_FAILED:"


@dataclass(frozen=True, slots=True)
class Trip:
    """One kill with its rungs; None: not reached. `first_failed_at`: start of the first run that
    failed, to a tenth of a second; None where a person tripped. `to`: what the act wrote.
    """

    flag: str
    to: bool
    by: str
    reason: str
    first_failed_at: datetime | None
    decided_at: datetime
    written_at: datetime | None
    verified_at: datetime | None
    failed_at: datetime | None

    @property
    def took_s(self) -> float | None:
        """Seconds from the first failed run (else the decision) to the proof."""
        if self.verified_at is None:
            return None
        return (self.verified_at - (self.first_failed_at or self.decided_at)).total_seconds()


@dataclass(frozen=True, slots=True)
class Facts:
    """One incident whole. `runs`: those that judge, oldest first, around its beginning.

    `runs_left_out` and `audit_left_out`: True where there are more than are told.
    """

    record: IncidentRecord
    timeline: tuple[TimelineLine, ...]
    trips: tuple[Trip, ...]
    restored_at: datetime | None
    runs: tuple[Run, ...] = ()
    runs_left_out: bool = False
    audit: tuple[AuditEntry, ...] = ()
    audit_left_out: bool = False

    @property
    def began_at(self) -> datetime:
        """When users began to be hit, as far as it is known: first failed run, or suspicion."""
        first = self.trips[0].first_failed_at if self.trips else None
        suspected = self.timeline[0].at if self.timeline else self.record.opened_at
        return min(at for at in (first, suspected, self.record.opened_at) if at is not None)


def gather(journal: Journal, told: IncidentRecord) -> Facts:
    """Read an incident's story and its trips: what a page asks for."""
    timeline = history.story(journal, told, LINES)
    with journal.reading() as db:
        trips, restored_at = _trips(db, told, timeline)
    return Facts(told, timeline, trips, restored_at)


def gather_all(
    journal: Journal, told: IncidentRecord, spec: GuardSpec | None, now: datetime
) -> Facts:
    """Read what a post-mortem needs beside: runs that judged, and what people did.

    Args:
        spec: of the incident's guard; None where it left the configuration: no runs are told.
        now: end of the span of an open incident.
    """
    facts = gather(journal, told)
    with journal.reading() as db:
        runs = () if spec is None else _runs(db, facts, spec)
        audit = _audit(db, facts, spec, told.closed_at or now)
    return Facts(
        told,
        facts.timeline,
        facts.trips,
        facts.restored_at,
        runs[:MOST],
        len(runs) > MOST,
        audit[:MOST],
        len(audit) > MOST,
    )


def is_explanation(line: TimelineLine, guard: str) -> bool:
    """True for the explanation of an opening: the one line that the guard wrote in many lines."""
    return line.by is None and "\n" in line.text and line.text.startswith(f"{guard} at ")


def _trips(
    db: Connection, told: IncidentRecord, timeline: Sequence[TimelineLine]
) -> tuple[tuple[Trip, ...], datetime | None]:
    query = (
        select(DECISIONS.c.doc, DECISIONS.c.decided_at, FLIPS.c.applied_at)
        .select_from(DECISIONS.outerjoin(FLIPS, FLIPS.c.decision_id == DECISIONS.c.id))
        .where(DECISIONS.c.kind == "flip", DECISIONS.c.guard == told.guard)
        .where(DECISIONS.c.decided_at >= told.opened_at)
        .order_by(DECISIONS.c.id)
    )
    if told.closed_at is not None:
        query = query.where(DECISIONS.c.decided_at <= told.closed_at)
    kills: list[tuple[Flip, datetime, datetime | None]] = []
    restored_at = None
    for row in db.execute(query):
        order = ORDER_JSON.validate_json(row.doc)
        if not isinstance(order, Flip) or order.fallback or order.share is not None:
            continue
        if order.restore:
            restored_at = row.applied_at
        else:
            kills.append((order, row.decided_at, row.applied_at))
    ends = [*(decided for _, decided, _ in kills[1:]), None][: len(kills)]
    trips = tuple(_trip(kill, end, told, timeline) for kill, end in zip(kills, ends, strict=True))
    return trips, restored_at


def _trip(
    kill: tuple[Flip, datetime, datetime | None],
    end: datetime | None,
    told: IncidentRecord,
    timeline: Sequence[TimelineLine],
) -> Trip:
    order, decided_at, written_at = kill
    value = "on" if order.to else "off"
    own = [
        line
        for line in timeline
        if line.by is None and line.at >= decided_at and (end is None or line.at < end)
    ]
    return Trip(
        flag=order.flag,
        to=order.to,
        by=order.by,
        reason=order.reason,
        # The explanation is of the opening, so of the trip that opened it.
        first_failed_at=None if order.again else _first_failed_at(told.guard, own, decided_at),
        decided_at=decided_at,
        # The guard's own time first, as every other page tells it; a moment after the write.
        written_at=_first(own, f"{order.flag} is {value} in the store") or written_at,
        verified_at=_first(own, _PROVEN),
        failed_at=_first(own, _FAILED),
    )


def _first(lines: Sequence[TimelineLine], beginning: str) -> datetime | None:
    return next((line.at for line in lines if line.text.startswith(beginning)), None)


def _first_failed_at(
    guard: str, lines: Sequence[TimelineLine], decided_at: datetime
) -> datetime | None:
    for line in lines:
        found = _DECIDED.search(line.text) if is_explanation(line, guard) else None
        if found is not None and "first failed run" in line.text:
            return decided_at - timedelta(seconds=float(found[1]))
    return None


def _runs(db: Connection, facts: Facts, spec: GuardSpec) -> tuple[Run, ...]:
    run = RUNS.c
    proven = facts.trips[0].verified_at if facts.trips else None
    until = proven or facts.record.opened_at + AFTER_OPENING
    found: list[Run] = []
    # One probe at a time: each is a walk along its own index.
    for probe in sorted({*spec.probes, spec.control, spec.proof}):
        query = (
            select(run.doc)
            # A tenth of a second is rounded away from the first failed run.
            .where(run.probe == probe, run.started_at >= facts.began_at - timedelta(seconds=1))
            .where(run.started_at <= until)
            .where(run.outcome.in_([each.value for each in Outcome if each.judges]))
            .where(run.purpose != Purpose.DRILL.value)
            .order_by(run.started_at)
            .limit(MOST + 1)
        )
        found += [Run.from_json(doc) for doc in db.scalars(query)]
    return tuple(sorted(found, key=lambda each: each.started_at)[: MOST + 1])


def _audit(
    db: Connection, facts: Facts, spec: GuardSpec | None, until: datetime
) -> tuple[AuditEntry, ...]:
    row, told = AUDIT.c, facts.record
    flags = {trip.flag for trip in facts.trips} | ({spec.flag} if spec else set())
    concerns = or_(row.flag.in_(sorted(flags)), row.subject == f"guard {told.guard}")
    span = (row.at >= facts.began_at) & (row.at <= until)
    query = (
        select(AUDIT)
        .where(or_(concerns & span, row.subject == f"incident {told.id}"))
        .order_by(row.id)
        .limit(MOST + 1)
    )
    return tuple(AuditEntry(**found._mapping) for found in db.execute(query))
