"""The operator's desk: tokens, sessions' key, given answers, pauses, modes; who acknowledged."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TIME = sa.String(32)
PERSON = sa.String(128)


def upgrade() -> None:
    """Widen what is there, and create the five tables."""
    _widen()
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", PERSON, nullable=False),
        sa.Column("expires_at", TIME),
        sa.Column("used_at", TIME),
        sa.Column("revoked_at", TIME),
        sa.Column("revoked_by", PERSON),
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("value", PERSON, nullable=False),
    )
    op.create_table(
        "answers",
        sa.Column("caller", sa.String(32), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("headers", sa.Text),
        sa.Column("body", sa.Text),
    )
    op.create_index("answers_by_time", "answers", ["at"])
    op.create_table(
        "pauses",
        sa.Column("probe", sa.String(64), primary_key=True),
        sa.Column("at", TIME, nullable=False),
        sa.Column("by", PERSON, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("until", TIME),
    )
    op.create_table(
        "modes",
        sa.Column("guard", sa.String(64), primary_key=True),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("by", PERSON, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )


def _widen() -> None:
    op.create_index("runs_by_place", "runs", ["probe", "location", "started_at"])
    op.create_index("runs_by_outcome", "runs", ["outcome", "started_at"])
    op.add_column("incidents", sa.Column("acknowledged_at", TIME))
    op.add_column("incidents", sa.Column("acknowledged_by", PERSON))
    op.add_column("timeline", sa.Column("by", PERSON))
    op.create_index("timeline_by_incident", "timeline", ["incident", "id"])
    op.add_column("audit", sa.Column("subject", sa.String(200), nullable=False, server_default=""))
    op.create_index("audit_by_subject", "audit", ["subject", "id"])
