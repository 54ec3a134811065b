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
    Index("runs_by_place", "probe", "location", "started_at"),
    Index("runs_by_outcome", "outcome", "started_at"),
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
    Column("acknowledged_at", UtcTime),
    Column("acknowledged_by", String(128)),
    Index("incidents_by_guard", "guard", "opened_at"),
)

#: `by`: the person whose note it is; NULL: a guard's own line.
TIMELINE = Table(
    "timeline",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("guard", String(64), nullable=False),
    Column("incident", String(96)),
    Column("at", UtcTime, nullable=False),
    Column("text", Text, nullable=False),
    Column("by", String(128)),
    Index("timeline_by_guard", "guard", "id"),
    Index("timeline_by_incident", "incident", "id"),
)

#: Every write to a flag, ours or adopted, and every operator's act; rows form a hash chain
#: (`daemon.audit`). `subject`: what else than a flag was acted on, such as `guard assessment`.
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
    Column("subject", String(200), nullable=False, server_default=""),
    Index("audit_by_flag", "flag", "id"),
    Index("audit_by_subject", "subject", "id"),
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

#: Bearer tokens of the web. `digest`: SHA-256 of the token in hex; the token itself is never kept.
TOKENS = Table(
    "tokens",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", String(128), nullable=False),
    Column("expires_at", UtcTime),
    Column("used_at", UtcTime),
    Column("revoked_at", UtcTime),
    Column("revoked_by", String(128)),
)

#: Secrets that the daemon makes for itself, such as the key that signs session cookies.
SECRETS = Table(
    "secrets",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", String(128), nullable=False),
)

#: Answers already given to acts with an Idempotency-Key. `status` NULL: the act is under way, or
#: left no answer: the daemon died in it, or the answer must not be repeated. `caller`: the token's
#: id.
ANSWERS = Table(
    "answers",
    metadata,
    Column("caller", String(32), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("status", Integer),
    Column("headers", Text),
    Column("body", Text),
    Index("answers_by_time", "at"),
)

#: Probes that an operator paused: they are not scheduled, but can be run.
PAUSES = Table(
    "pauses",
    metadata,
    Column("probe", String(64), primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("by", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("until", UtcTime),
)

#: Guards whose mode an operator set at run time, over what the configuration says.
MODES = Table(
    "modes",
    metadata,
    Column("guard", String(64), primary_key=True),
    Column("mode", String(16), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("by", String(128), nullable=False),
    Column("reason", Text, nullable=False),
)
