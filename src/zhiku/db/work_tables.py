"""The tables of work that is still to be done: jobs, and what the index must be told."""

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, String, Table, Text, text

from zhiku.db.columns import Id, Number, metadata

jobs = Table(
    "jobs",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("kind", String(64), nullable=False),
    Column("payload_json", Text, nullable=False),
    # What the job is about: jobs of one subject never run at the same time.
    Column("subject", String(80), nullable=False),
    # Whose turn it is: datasets with waiting jobs are served one after the other; empty for none.
    Column("dataset_id", Id, nullable=False),
    Column("state", String(16), nullable=False),
    Column("priority", Integer, nullable=False),
    # The round in which the job is served, see jobs/queue.py.
    Column("turn", BigInteger, nullable=False),
    Column("run_at", Double, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("lease_owner", String(80)),
    Column("lease_until", Double),
    Column("checkpoint_json", Text),
    Column("error", Text),
    Column("created_at", Double, nullable=False),
    Index(None, "state", "priority", "turn", "number", "run_at"),
    Index(None, "dataset_id", "priority", "turn"),
    Index(None, "subject"),
    # The rule itself, not only a help for it: two claims at one moment cannot both run one subject.
    Index(
        "uq_jobs_running_subject",
        "subject",
        unique=True,
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
    sqlite_autoincrement=True,
)

outbox = Table(
    "outbox",
    metadata,
    Column("dataset_id", Id, primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("change", String(32), nullable=False),
    Column("payload_json", Text, nullable=False),
    # Set while a rebuild wants the row again after the serving shard has it.
    Column("is_applied", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
    Index(
        "ix_outbox_pending",
        "dataset_id",
        "sequence",
        sqlite_where=text("is_applied = false"),
        postgresql_where=text("is_applied = false"),
    ),
)
