"""The audit's hash chain, and the gates that each flag was last known to have."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create both tables."""
    time = sa.String(32)
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", time, nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("flag", sa.String(128), nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.Column("prev", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("audit_by_flag", "audit", ["flag", "id"])
    op.create_table(
        "known_flags",
        sa.Column("flag", sa.String(128), primary_key=True),
        sa.Column("gates", sa.Text, nullable=False),
        sa.Column("at", time, nullable=False),
        sa.Column("by", sa.String(128), nullable=False),
        sa.Column("ours", sa.Boolean, nullable=False),
    )
