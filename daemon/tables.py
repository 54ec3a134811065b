"""The journal's tables. Their DDL is in `daemon/migrations`; a test holds the two together."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)


class UtcTime(TypeDecorator[datetime]):
    """Aware UTC times as sortable ISO text: SQLite has no type for them, and drops the zone."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Write in UTC with microseconds always, so that text order is time order."""
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Read back an aware time."""
        return None if value is None else datetime.fromisoformat(value)


metadata = MetaData()

RUNS = Table(
    "runs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("probe", String(64), nullable=False),
    Column("location", String(64), nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("doc", Text, nullable=False),
    Index("runs_by_probe", "probe", "started_at"),
    Index("runs_by_time", "started_at"),
)

GUARDS = Table(
    "guards",
    metadata,
    Column("guard", String(64), primary_key=True),
    Column("updated_at", UtcTime, nullable=False),
    Column("doc", Text, nullable=False),
)

#: Everything a guard was told, in order: folding it anew gives the state in `guards`.
EVIDENCE = Table(
    "evidence",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("guard", String(64), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("doc", Text, nullable=False),
    Index("evidence_by_guard", "guard", "id"),
)

#: The outbox. `state`: pending, applied, superseded, expired.
DECISIONS = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("guard", String(64)),
    Column("kind", String(16), nullable=False),
    Column("flag", String(128)),
    Column("doc", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("decided_at", UtcTime, nullable=False),
    Column("due_at", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    Column("snapshot", Text),
    Column("finished_at", UtcTime),
    Index("decisions_by_state", "state", "due_at"),
)

#: One row for each write that was acknowledged and read back equal.
FLIPS = Table(
    "flips",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("decision_id", ForeignKey("decisions.id"), nullable=False, unique=True),
    Column("guard", String(64)),
    Column("flag", String(128), nullable=False),
    Column("before", String(16), nullable=False),
    Column("after", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", String(128), nullable=False),
    Column("decided_at", UtcTime, nullable=False),
    Column("applied_at", UtcTime, nullable=False),
    Column("snapshot", Text, nullable=False),
)

INCIDENTS = Table(
    "incidents",
    metadata,
    Column("id", String(96), primary_key=True),
    Column("guard", String(64), nullable=False),
    Column("cause", String(16), nullable=False),
    Column("severity", Integer, nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    Column("closed_at", UtcTime),
    Column("reason", Text, nullable=False),
    Column("closing", Text),
    Index("incidents_by_guard", "guard", "opened_at"),
)

TIMELINE = Table(
    "timeline",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("guard", String(64), nullable=False),
    Column("incident", String(96)),
    Column("at", UtcTime, nullable=False),
    Column("text", Text, nullable=False),
    Index("timeline_by_guard", "guard", "id"),
)

#: Every write to a flag, ours or adopted; rows form a hash chain (`daemon.audit`).
AUDIT = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("action", String(16), nullable=False),
    Column("flag", String(128), nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("request_id", String(128), nullable=False),
    Column("prev", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("audit_by_flag", "flag", "id"),
)

#: Named circuits; `doc` is a `daemon.circuit.CircuitState`.
CIRCUITS = Table(
    "circuits",
    metadata,
    Column("circuit", String(64), primary_key=True),
    Column("updated_at", UtcTime, nullable=False),
    Column("doc", Text, nullable=False),
)

#: One row for each drill; `doc` is its report.
DRILLS = Table(
    "drills",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("guard", String(64), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("took_s", Float, nullable=False),
    Column("good", Boolean, nullable=False),
    Column("detection_s", Float),
    Column("doc", Text, nullable=False),
    Index("drills_by_guard", "guard", "started_at"),
)

#: Accessibility violations of a probe's page that somebody accepted; what is not here is new.
BASELINES = Table(
    "baselines",
    metadata,
    Column("probe", String(64), primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("by", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("doc", Text, nullable=False),
)

#: The gates that we last wrote or adopted: what differs from them was written by someone else.
KNOWN_FLAGS = Table(
    "known_flags",
    metadata,
    Column("flag", String(128), primary_key=True),
    Column("gates", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("by", String(128), nullable=False),
    Column("ours", Boolean, nullable=False),
)
