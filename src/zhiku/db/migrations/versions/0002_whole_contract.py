"""Add what the rest of the contract needs.

Tables that others refer to are only added to, never made anew: on SQLite dropping one would delete the rows that
refer to it. So a new column may be null or has a default.
"""

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and columns, one function for each resource."""
