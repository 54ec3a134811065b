"""One transaction of the journal: what a turn reads, concludes and asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, func, insert, select, update

from config.schema import GuardSpec
from daemon.audit import GENESIS, AuditEntry, Signed
from daemon.evidence import runs_by
from daemon.guard import Decision, Evidence, GuardState
from daemon.guard.messages import CloseIncident, Flip, Note, OpenIncident, Page, RunProbe
from daemon.tables import AUDIT, DECISIONS, EVIDENCE, FLIPS, GUARDS, INCIDENTS, RUNS, TIMELINE
from probes.model import Outcome, Purpose, Run

STATE_JSON = TypeAdapter(GuardState)
EVIDENCE_JSON: TypeAdapter[Evidence] = TypeAdapter(Evidence)
ORDER_JSON: TypeAdapter[RunProbe | Flip] = TypeAdapter(RunProbe | Flip)


@dataclass(frozen=True, slots=True)
class Pending:
    """A committed decision that is not yet an act."""

    id: int
    guard: str | None
    order: RunProbe | Flip
    decided_at: datetime
    attempts: int
    snapshot: str | None


class Turn:
    """Reads and writes of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    @property
    def db(self) -> Connection:
        """The transaction's connection, for tables that one noun's own module keeps."""
        return self._db

    # --- runs and guards --------------------------------------------------------------------

    def add_run(self, run: Run) -> bool:
        """Keep a run; False where it was already there."""
        if self._db.scalar(select(RUNS.c.id).where(RUNS.c.id == run.id)) is not None:
            return False
        self._db.execute(
            insert(RUNS).values(
                id=run.id,
                probe=run.probe,
                location=run.location,
                purpose=run.purpose.value,
                started_at=run.started_at,
                duration_s=run.duration_s,
                outcome=run.outcome.value,
                doc=run.to_json(),
            )
        )
        return True

    def recent_runs(self, probes: Sequence[str], since: datetime, limit: int) -> list[Run]:
        """Newest runs that judge, started at or after `since`: so many of each probe and location.

        Filtered here, so that a storm of errors cannot push a streak out of sight.
        """
        runs: list[Run] = []
        for probe in probes:
            newest = (
                select(RUNS.c.location, RUNS.c.doc)
                .where(
                    RUNS.c.probe == probe,
                    RUNS.c.started_at >= since,
                    RUNS.c.outcome.in_([each.value for each in Outcome if each.judges]),
                    RUNS.c.purpose.in_([each.value for each in Purpose if each.counts]),
                )
                .order_by(RUNS.c.started_at.desc())
                .limit(limit)
            )
            rows = self._db.execute(newest).all()
            locations = {location for location, _ in rows}
            if len(locations) > 1:  # each of them has streaks of its own to be seen in full
                by_location = [newest.where(RUNS.c.location == each) for each in sorted(locations)]
                rows = [row for query in by_location for row in self._db.execute(query)]
            runs += [Run.from_json(doc) for _, doc in rows]
        return runs

    def runs_seen(self, spec: GuardSpec, at: datetime, since: datetime | None) -> tuple[Run, ...]:
        """Return the newest runs that a guard could have seen."""
        return runs_by(self._db, spec, at, since)

    def guard_state(self, guard: str) -> GuardState:
        """Last committed state, or a new one."""
        doc = self._db.scalar(select(GUARDS.c.doc).where(GUARDS.c.guard == guard))
        return GuardState.new() if doc is None else STATE_JSON.validate_json(doc)

    def save_guard(self, guard: str, state: GuardState, evidence: Evidence, now: datetime) -> None:
        """Keep what a guard was told, and what it became."""
        told = EVIDENCE_JSON.dump_json(evidence).decode()
        self._db.execute(insert(EVIDENCE).values(guard=guard, at=now, kind=evidence.kind, doc=told))
        doc = STATE_JSON.dump_json(state).decode()
        changed = self._db.execute(
            update(GUARDS).where(GUARDS.c.guard == guard).values(updated_at=now, doc=doc)
        )
        if changed.rowcount == 0:
            self._db.execute(insert(GUARDS).values(guard=guard, updated_at=now, doc=doc))

    # --- decisions --------------------------------------------------------------------------

    def add_decisions(
        self, guard: str, state: GuardState, decisions: Sequence[Decision], now: datetime
    ) -> None:
        """Commit what a guard asked for: acts into the outbox, words into the incident."""
        incident = state.incident.id if state.incident else None
        for decision in decisions:
            match decision:
                case RunProbe() | Flip():
                    self.add_order(guard, decision, now)
                case OpenIncident():
                    self._open_incident(guard, decision)
                    self._note(guard, decision.incident.id, now, decision.reason)
                case CloseIncident():
                    closed = decision.incident.id
                    self._db.execute(
                        update(INCIDENTS)
                        .where(INCIDENTS.c.id == closed)
                        .values(closed_at=now, closing=decision.reason)
                    )
                    self._note(guard, closed, now, f"closed: {decision.reason}")
                case Note():
                    self._note(guard, incident, now, decision.text)
                case Page():
                    self._note(guard, incident, now, f"PAGE: {decision.text}")

    def add_order(self, guard: str | None, order: RunProbe | Flip, now: datetime) -> int:
        """Put one act into the outbox and return its number."""
        due = order.not_before if isinstance(order, RunProbe) and order.not_before else now
        added = self._db.execute(
            insert(DECISIONS).values(
                guard=guard,
                kind=order.kind,
                flag=order.flag if isinstance(order, Flip) else None,
                doc=ORDER_JSON.dump_json(order).decode(),
                state="pending",
                decided_at=now,
                due_at=due,
                attempts=0,
            )
        )
        key = added.inserted_primary_key
        return int(key[0]) if key is not None else 0

    def finish(self, decision: int, state: str, now: datetime, error: str | None = None) -> None:
        """Say what became of a decision: applied, superseded or expired."""
        values = {"state": state, "finished_at": now, "error": error}
        self._db.execute(update(DECISIONS).where(DECISIONS.c.id == decision).values(values))

    def postpone(self, decision: int, due_at: datetime, error: str) -> None:
        """Keep a decision pending after a failed try."""
        self._db.execute(
            update(DECISIONS)
            .where(DECISIONS.c.id == decision)
            .values(due_at=due_at, error=error, attempts=DECISIONS.c.attempts + 1)
        )

    def newer_flip(self, decision: int, flag: str) -> bool:
        """Say whether a flip of the same flag was decided after this one."""
        newest = self._db.scalar(select(func.max(DECISIONS.c.id)).where(DECISIONS.c.flag == flag))
        return newest is not None and newest > decision

    def flip_pending(self, flag: str) -> bool:
        """Say whether a decided flip of this flag is not yet written, or perhaps just was."""
        pending = (DECISIONS.c.flag == flag) & (DECISIONS.c.state == "pending")
        return self._db.scalar(select(DECISIONS.c.id).where(pending).limit(1)) is not None

    def keep_snapshot(self, decision: int, snapshot: str) -> None:
        """Remember the gates before a write will lose them."""
        self._db.execute(
            update(DECISIONS).where(DECISIONS.c.id == decision).values(snapshot=snapshot)
        )

    def last_trip_snapshot(self, guard: str, flag: str) -> str | None:
        """Gates as they were before this guard's last trip, None where it wrote nothing.

        Asks the decisions, not the flips: a trip that a reset superseded before its write was
        acknowledged may have been written all the same, and an older trip's gates are not its own.
        """
        rows = self._db.execute(
            select(DECISIONS.c.snapshot, DECISIONS.c.doc)
            .where(DECISIONS.c.guard == guard, DECISIONS.c.flag == flag)
            .order_by(DECISIONS.c.id.desc())
        )
        for snapshot, doc in rows:
            order = ORDER_JSON.validate_json(doc)
            # A trip in the middle of a ramp met the ramp's gates, not those of before.
            if not isinstance(order, Flip) or order.again or order.share is not None:
                continue
            if not order.restore:
                return None if snapshot is None else str(snapshot)
        return None

    def add_flip(self, flip: Mapping[str, Any]) -> None:
        """Keep one acknowledged write; columns as in `tables.FLIPS`."""
        self._db.execute(insert(FLIPS).values(**flip))

    def superseded(self, decision: int, error: str, now: datetime) -> None:
        """Give a flip up for good: someone else's newer write stands."""
        self.finish(decision, "superseded", now, error)

    def lost_to_another(self, decision: int) -> str | None:
        """Return why a flip was given up: somebody wrote the flag first. None: it was not."""
        gave_up = (DECISIONS.c.id == decision) & (DECISIONS.c.state == "superseded")
        return self._db.scalar(select(DECISIONS.c.error).where(gave_up))

    # --- audit ------------------------------------------------------------------------------

    def add_audit(self, entry: AuditEntry) -> None:
        """Append a row to the chain; `id`, `prev` and `hash` of the entry are set here."""
        last = self._db.execute(
            select(AUDIT.c.id, AUDIT.c.hash).order_by(AUDIT.c.id.desc()).limit(1)
        ).first()
        number, prev = (last.id + 1, last.hash) if last else (1, GENESIS)
        self._db.execute(insert(AUDIT).values(**asdict(replace(entry, id=number).sealed(prev))))

    def sign(
        self,
        signed: Signed,
        action: str,
        subject: str,
        now: datetime,
        *,
        before: str = "",
        after: str = "",
    ) -> None:
        """Write an operator's act on something else than a flag into the audit."""
        self.add_audit(
            AuditEntry(
                id=0,
                at=now,
                actor=signed.by,
                action=action,
                flag="",
                before=before,
                after=after,
                reason=signed.reason,
                request_id=signed.request_id,
                subject=subject,
            )
        )

    def note(self, guard: str, incident: str | None, now: datetime, text: str) -> None:
        """Add a line to a guard's timeline."""
        self._note(guard, incident, now, text)

    def _open_incident(self, guard: str, opened: OpenIncident) -> None:
        incident = opened.incident
        self._db.execute(
            insert(INCIDENTS).values(
                id=incident.id,
                guard=guard,
                cause=incident.cause,
                severity=opened.severity,
                opened_at=incident.opened_at,
                reason=opened.reason,
            )
        )

    def _note(self, guard: str, incident: str | None, now: datetime, text: str) -> None:
        self._db.execute(insert(TIMELINE).values(guard=guard, incident=incident, at=now, text=text))


def pending_of(row: Any) -> Pending:
    """Read a row of `decisions`."""
    return Pending(
        row.id,
        row.guard,
        ORDER_JSON.validate_json(row.doc),
        row.decided_at,
        row.attempts,
        row.snapshot,
    )
