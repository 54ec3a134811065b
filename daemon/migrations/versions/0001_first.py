"""The first journal: runs, guards, evidence, decisions, flips, incidents, timeline."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table."""
    time = sa.String(32)
    op.create_table(
        "runs",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("probe", sa.String(64), nullable=False),
        sa.Column("location", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("started_at", time, nullable=False),
        sa.Column("duration_s", sa.Float, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("doc", sa.Text, nullable=False),
    )
    op.create_index("runs_by_probe", "runs", ["probe", "started_at"])
    op.create_index("runs_by_time", "runs", ["started_at"])
    op.create_table(
        "guards",
        sa.Column("guard", sa.String(64), primary_key=True),
        sa.Column("updated_at", time, nullable=False),
        sa.Column("doc", sa.Text, nullable=False),
    )
    op.create_table(
        "evidence",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("guard", sa.String(64), nullable=False),
        sa.Column("at", time, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("doc", sa.Text, nullable=False),
    )
    op.create_index("evidence_by_guard", "evidence", ["guard", "id"])
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("guard", sa.String(64)),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("flag", sa.String(128)),
        sa.Column("doc", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("decided_at", time, nullable=False),
        sa.Column("due_at", time, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("snapshot", sa.Text),
        sa.Column("finished_at", time),
    )
    op.create_index("decisions_by_state", "decisions", ["state", "due_at"])
    op.create_table(
        "flips",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "decision_id", sa.Integer, sa.ForeignKey("decisions.id"), nullable=False, unique=True
        ),
        sa.Column("guard", sa.String(64)),
        sa.Column("flag", sa.String(128), nullable=False),
        sa.Column("before", sa.String(16), nullable=False),
        sa.Column("after", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("by", sa.String(128), nullable=False),
        sa.Column("decided_at", time, nullable=False),
        sa.Column("applied_at", time, nullable=False),
        sa.Column("snapshot", sa.Text, nullable=False),
    )
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(96), primary_key=True),
        sa.Column("guard", sa.String(64), nullable=False),
        sa.Column("cause", sa.String(16), nullable=False),
        sa.Column("severity", sa.Integer, nullable=False),
        sa.Column("opened_at", time, nullable=False),
        sa.Column("closed_at", time),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("closing", sa.Text),
    )
    op.create_index("incidents_by_guard", "incidents", ["guard", "opened_at"])
    op.create_table(
        "timeline",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("guard", sa.String(64), nullable=False),
        sa.Column("incident", sa.String(96)),
        sa.Column("at", time, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("timeline_by_guard", "timeline", ["guard", "id"])
