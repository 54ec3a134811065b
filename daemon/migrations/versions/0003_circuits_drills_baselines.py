"""Circuits, drills, and accepted accessibility violations."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the three tables."""
    time = sa.String(32)
    op.create_table(
        "circuits",
        sa.Column("circuit", sa.String(64), primary_key=True),
        sa.Column("updated_at", time, nullable=False),
        sa.Column("doc", sa.Text, nullable=False),
    )
    op.create_table(
        "drills",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("guard", sa.String(64), nullable=False),
        sa.Column("started_at", time, nullable=False),
        sa.Column("took_s", sa.Float, nullable=False),
        sa.Column("good", sa.Boolean, nullable=False),
        sa.Column("detection_s", sa.Float),
        sa.Column("doc", sa.Text, nullable=False),
    )
    op.create_index("drills_by_guard", "drills", ["guard", "started_at"])
    op.create_table(
        "baselines",
        sa.Column("probe", sa.String(64), primary_key=True),
        sa.Column("at", time, nullable=False),
        sa.Column("by", sa.String(128), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("doc", sa.Text, nullable=False),
    )
