"""Add what the rest of the contract needs.

Tables that others refer to are only added to, never made anew: on SQLite dropping one would delete the rows that
refer to it. So a new column may be null or has a default.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

EPOCH: sa.Double[float] = sa.Double()


def upgrade() -> None:
    """Add the tables and columns, one function for each resource."""
    _add_console()


def _add_console() -> None:
    op.add_column("workspace", sa.Column("console_password_hash", sa.String(255)))
    op.create_table(
        "console_sessions",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("csrf_token", sa.String(64), nullable=False),
        sa.Column("created_at", EPOCH, nullable=False),
        sa.Column("expires_at", EPOCH, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_console_sessions"),
    )
    op.create_index("ix_console_sessions_expires_at", "console_sessions", ["expires_at"])
