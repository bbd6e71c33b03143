"""The queue of durable work: jobs are rows, claimed with a lease and fenced by a number (ADR-0002).

A job's `turn` keeps datasets from holding each other back. A dataset's jobs take one turn each, beginning
with the turn being served when they come in; jobs are claimed by turn. Ten thousand waiting documents of one
dataset thus lie in ten thousand turns, and another's single document in the very next.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, text
from sqlalchemy.exc import IntegrityError

from zhiku.clock import Clock
from zhiku.db.engine import Database
from zhiku.jobs.kinds import SERVED, Payload, decode_payload, encode_payload, get_kind

WAITING, RUNNING, PAUSED, FAILED = "waiting", "running", "paused", "failed"

BACKOFF_FIRST_SECONDS = 2.0
BACKOFF_FACTOR = 3.0
BACKOFF_MOST_SECONDS = 300.0
CUT_OFF_PAUSE_SECONDS = 2.0
CLAIM_TRIES = 20

SOON_SECONDS = 600.0
"""How far ahead a job is worth a worker that waits for it; retries are never further away."""

LATER_PRIORITY = 1
"""Jobs that were put off let all others go first, and take no turns from them."""


class LeaseLost(Exception):
    """Another worker has the job, or it was cancelled: roll back and write nothing more for it."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job that this process may run while its lease lasts.

    `fence` counts how often the job was claimed: whoever holds an older one writes nothing any more.
    `attempts` counts the failures so far. `checkpoint_json` is what the last finished step left, None at first.
    """

    number: int
    kind: str
    payload_json: str
    subject: str
    attempts: int
    fence: int
    lease_seconds: float
    checkpoint_json: str | None

    @property
    def payload(self) -> Payload:
        """Return what `enqueue` was given. Raises msgspec.DecodeError if this program does not know its shape."""
        return decode_payload(self.payload_json)


# One row in: which turn does it take? The dataset's last one + 1, but never before the turn being served:
# the lowest due one, else the lowest delayed one, else the highest running one. The CAST tells PostgreSQL
# that the parameter has one type in both places.
# Relies on ix_jobs_dataset_id_priority_turn and ix_jobs_state_priority_turn_number_run_at.
_INSERT_JOB = text("""
    INSERT INTO jobs (
        kind, payload_json, subject, dataset_id, state, priority, turn, run_at, attempts, fence, checkpoint_json,
        created_at
    )
    VALUES (
        :kind, :payload_json, :subject, :dataset_id, 'waiting', :priority,
        (
            SELECT MAX(turns.turn)
            FROM (
                SELECT COALESCE(MAX(turn) + 1, 0) AS turn
                FROM jobs
                WHERE dataset_id = CAST(:dataset_id AS VARCHAR(36))
                AND priority = :priority
                UNION ALL
                SELECT COALESCE(
                    (
                        SELECT turn
                        FROM jobs
                        WHERE state = 'waiting'
                        AND priority = :priority
                        AND run_at <= :now
                        ORDER BY turn
                        LIMIT 1
                    ),
                    (SELECT MIN(turn) FROM jobs WHERE state = 'waiting' AND priority = :priority),
                    (SELECT MAX(turn) FROM jobs WHERE state = 'running' AND priority = :priority),
                    0
                )
            ) AS turns
        ),
        :run_at, 0, 0, :checkpoint_json, :now
    )
    RETURNING number
""")

# Which job next? One whose worker went silent, else the first due one whose subject is not being worked on.
# The conditions after the choice are for PostgreSQL, where another claim may commit between choice and
# change; the unique index on running subjects decides between two claims of one subject.
# Relies on ix_jobs_state_priority_turn_number_run_at and uq_jobs_running_subject.
CLAIM_JOB = text("""
    UPDATE jobs
    SET state = 'running', fence = fence + 1, lease_owner = :owner, lease_until = :lease_until
    WHERE number = COALESCE(
        (
            SELECT silent.number
            FROM jobs AS silent
            WHERE silent.state = 'running'
            AND silent.lease_until <= :now
            AND silent.kind IN :kinds
            ORDER BY silent.lease_until, silent.number
            LIMIT 1
        ),
        (
            SELECT due.number
            FROM jobs AS due
            WHERE due.state = 'waiting'
            AND due.run_at <= :now
            AND due.kind IN :kinds
            AND NOT EXISTS (
                SELECT 1
                FROM jobs AS other
                WHERE other.subject = due.subject
                AND other.state = 'running'
            )
            ORDER BY due.priority, due.turn, due.number
            LIMIT 1
        )
    )
    AND (state = 'waiting' AND run_at <= :now OR state = 'running' AND lease_until <= :now)
    RETURNING number, kind, payload_json, subject, attempts, fence, checkpoint_json
""").bindparams(bindparam("kinds", expanding=True))

# Is there anything to claim now? Tells a lost race from an empty queue.
_COUNT_DUE = text("""
    SELECT COUNT(*)
    FROM (
        SELECT 1
        FROM jobs AS due
        WHERE due.state = 'waiting'
        AND due.run_at <= :now
        AND due.kind IN :kinds
        AND NOT EXISTS (
            SELECT 1
            FROM jobs AS other
            WHERE other.subject = due.subject
            AND other.state = 'running'
        )
        LIMIT 1
    ) AS any_due
""").bindparams(bindparam("kinds", expanding=True))

_EXTEND_LEASE = text("""
    UPDATE jobs
    SET lease_until = :lease_until
    WHERE number = :number
    AND fence = :fence
    AND state = 'running'
""")

_KEEP_CHECKPOINT = text("""
    UPDATE jobs
    SET checkpoint_json = :checkpoint_json
    WHERE number = :number
    AND fence = :fence
    AND state = 'running'
""")

_DELETE_HELD = text("""
    DELETE FROM jobs
    WHERE number = :number
    AND fence = :fence
    AND state = 'running'
""")

_RETRY_LATER = text("""
    UPDATE jobs
    SET state = 'waiting', run_at = :run_at, attempts = attempts + :counted, error = :error,
        lease_owner = NULL, lease_until = NULL
    WHERE number = :number
    AND fence = :fence
    AND state = 'running'
""")

# A failed job's turn is over; a high one would send the dataset's next jobs to the end.
_KEEP_FAILED = text("""
    UPDATE jobs
    SET state = 'failed', turn = -1, attempts = attempts + 1, error = :error, lease_owner = NULL, lease_until = NULL
    WHERE number = :number
    AND fence = :fence
    AND state = 'running'
""")

_HAND_BACK = text("""
    UPDATE jobs
    SET state = 'waiting', lease_owner = NULL, lease_until = NULL
    WHERE number = :number
    AND fence = :fence
    AND state = 'running'
""")

# A job that was cut off before lets others go first, so that one that kills its workers holds nobody up.
_HAND_BACK_OWNED = text("""
    UPDATE jobs
    SET state = 'waiting', run_at = :now + :pause_seconds * (fence - 1), lease_owner = NULL, lease_until = NULL
    WHERE state = 'running'
    AND SUBSTR(lease_owner, 1, LENGTH(:prefix)) = :prefix
""")

# Whoever runs the job meets LeaseLost at its next checkpoint; its turn is over, as a failed one's.
_PAUSE_SUBJECT = text("""
    UPDATE jobs
    SET state = 'paused', turn = -1, lease_owner = NULL, lease_until = NULL
    WHERE subject = :subject
    AND state IN ('waiting', 'running')
""")

_TAKE_PAUSED = text("""
    DELETE FROM jobs
    WHERE subject = :subject
    AND state = 'paused'
    RETURNING number, payload_json, dataset_id, priority, checkpoint_json
""")

_DELETE_SUBJECT = text("""
    DELETE FROM jobs
    WHERE subject = :subject
""")

_DELETE_DATASET = text("""
    DELETE FROM jobs
    WHERE dataset_id = :dataset_id
""")

_COUNT_WAITING = text("""
    SELECT COUNT(*)
    FROM jobs
    WHERE state = 'waiting'
""")

# Is there a job that a worker can claim soon?
_ANY_FOR_WORKERS = text("""
    SELECT 1
    FROM jobs
    WHERE kind NOT IN :served
    AND (state = 'waiting' AND run_at <= :soon OR state = 'running' AND lease_until <= :soon)
    LIMIT 1
""").bindparams(bindparam("served", expanding=True))

_ANY_SERVED = text("""
    SELECT 1
    FROM jobs
    WHERE kind IN :served
    AND state IN ('waiting', 'running')
    LIMIT 1
""").bindparams(bindparam("served", expanding=True))

# When can the next job be claimed? A running one at the end of its lease.
_NEXT_AT = text("""
    SELECT MIN(next.at)
    FROM (
        SELECT MIN(run_at) AS at
        FROM jobs
        WHERE state = 'waiting'
        UNION ALL
        SELECT MIN(lease_until) AS at
        FROM jobs
        WHERE state = 'running'
    ) AS next
""")


def enqueue(
    tx: Connection, clock: Clock, payload: Payload, *, subject: str, dataset_id: str = "", priority: int = 0
) -> int:
    """Return the number of a new job, which runs only if the caller's transaction commits.

    `subject` is what the job is about, at most 80 characters (`document:<id>`): jobs of one subject never run
    at the same time. `dataset_id` says whose turn it takes, empty for none. A lower `priority` runs first.
    """
    now = clock.now()
    values = {
        "kind": get_kind(payload),
        "payload_json": encode_payload(payload),
        "subject": subject,
        "dataset_id": dataset_id,
        "priority": priority,
        "run_at": now,
        "checkpoint_json": None,
        "now": now,
    }
    return tx.execute(_INSERT_JOB, values).scalar_one()


def enqueue_later(tx: Connection, clock: Clock, payload: Payload, seconds: float, *, subject: str) -> int:
    """Return the number of a new job that runs at the earliest in `seconds`; otherwise as `enqueue`."""
    now = clock.now()
    values = {
        "kind": get_kind(payload),
        "payload_json": encode_payload(payload),
        "subject": subject,
        "dataset_id": "",
        "priority": LATER_PRIORITY,
        "run_at": now + seconds,
        "checkpoint_json": None,
        "now": now,
    }
    return tx.execute(_INSERT_JOB, values).scalar_one()


def claim(db: Database, clock: Clock, owner: str, lease_seconds: float, kinds: Iterable[str]) -> Job | None:
    """Return the next job of these kinds, leased to `owner` and fenced, or None if none is due. Commits.

    A job whose lease ended is claimed again, with its checkpoint and a higher fence. Raises Unavailable.
    """
    names = list(kinds)
    for _ in range(CLAIM_TRIES):
        now = clock.now()
        values = {"owner": owner, "now": now, "lease_until": now + lease_seconds, "kinds": names}
        try:
            with db.begin() as tx:
                row = tx.execute(CLAIM_JOB, values).one_or_none()
                is_over = row is not None or not tx.execute(_COUNT_DUE, {"now": now, "kinds": names}).scalar_one()
        except IntegrityError:
            continue
        if row is not None:
            return Job(
                number=row.number,
                kind=row.kind,
                payload_json=row.payload_json,
                subject=row.subject,
                attempts=row.attempts,
                fence=row.fence,
                lease_seconds=lease_seconds,
                checkpoint_json=row.checkpoint_json,
            )
        if is_over:
            return None
    return None


def heartbeat(tx: Connection, clock: Clock, job: Job) -> bool:
    """Extend the lease to its full length from now; return False if the job is no longer held."""
    values = {"number": job.number, "fence": job.fence, "lease_until": clock.now() + job.lease_seconds}
    return tx.execute(_EXTEND_LEASE, values).rowcount == 1


def checkpoint(tx: Connection, job: Job, data: Any) -> None:
    """Remember that a step is done; `data` (anything msgspec encodes) is what a later claim resumes from.

    Belongs in the transaction of the step's writes: raises LeaseLost if the job is no longer held, so that
    a late worker's writes are rolled back with it.
    """
    values = {"number": job.number, "fence": job.fence, "checkpoint_json": msgspec.json.encode(data).decode()}
    _require_held(tx.execute(_KEEP_CHECKPOINT, values).rowcount)


def finish(tx: Connection, job: Job) -> None:
    """Delete the job as done. Belongs in the transaction of the last step. Raises LeaseLost."""
    _require_held(tx.execute(_DELETE_HELD, {"number": job.number, "fence": job.fence}).rowcount)


def retry(tx: Connection, job: Job, error: str, retry_at: float, *, is_counted: bool = True) -> None:
    """Put the job back to run again from its checkpoint at `retry_at`, epoch seconds. Raises LeaseLost.

    `is_counted` False leaves `attempts` as it is: the job is not to blame.
    """
    values = {
        "number": job.number, "fence": job.fence, "error": error, "run_at": retry_at, "counted": int(is_counted)
    }  # fmt: skip
    _require_held(tx.execute(_RETRY_LATER, values).rowcount)


def fail(tx: Connection, job: Job, error: str) -> None:
    """Keep the job as failed for good, with its error. Raises LeaseLost."""
    values = {"number": job.number, "fence": job.fence, "error": error}
    _require_held(tx.execute(_KEEP_FAILED, values).rowcount)


def release(tx: Connection, job: Job) -> None:
    """Hand the job back unfinished, to run again at once from its checkpoint; nothing happens if it was lost."""
    tx.execute(_HAND_BACK, {"number": job.number, "fence": job.fence})


def release_owner(tx: Connection, clock: Clock, prefix: str) -> int:
    """Hand back all jobs of owners whose name begins with `prefix`; return how many. Only when they are dead."""
    values = {"prefix": prefix, "now": clock.now(), "pause_seconds": CUT_OFF_PAUSE_SECONDS}
    return tx.execute(_HAND_BACK_OWNED, values).rowcount


def pause_subject(tx: Connection, subject: str) -> int:
    """Keep a subject's jobs from running and return how many; a worker running one meets LeaseLost at its next step."""
    return tx.execute(_PAUSE_SUBJECT, {"subject": subject}).rowcount


def resume_subject(tx: Connection, clock: Clock, subject: str) -> int:
    """Let a subject's paused jobs go on from their checkpoints and return how many.

    They come in anew, so that the one who ran them before can write nothing more, and take a turn as if new.
    """
    now = clock.now()
    paused = tx.execute(_TAKE_PAUSED, {"subject": subject}).all()
    for job in sorted(paused, key=lambda row: row.number):
        values = {
            "kind": get_kind(decode_payload(job.payload_json)),
            "payload_json": job.payload_json,
            "subject": subject,
            "dataset_id": job.dataset_id,
            "priority": job.priority,
            "run_at": now,
            "checkpoint_json": job.checkpoint_json,
            "now": now,
        }
        tx.execute(_INSERT_JOB, values)
    return len(paused)


def cancel_subject(tx: Connection, subject: str) -> int:
    """Delete all jobs of a subject and return how many; a worker running one meets LeaseLost at its next step."""
    return tx.execute(_DELETE_SUBJECT, {"subject": subject}).rowcount


def cancel_dataset(tx: Connection, dataset_id: str) -> int:
    """Delete all jobs that take this dataset's turn and return how many, as `cancel_subject` does."""
    return tx.execute(_DELETE_DATASET, {"dataset_id": dataset_id}).rowcount


def count_waiting(conn: Connection) -> int:
    """Return how many jobs wait, delayed ones included."""
    return conn.execute(_COUNT_WAITING).scalar_one()


def find_next_at(conn: Connection) -> float | None:
    """Return the earliest time at which a job can be claimed (epoch seconds, maybe past), None if there is none."""
    return conn.execute(_NEXT_AT).scalar_one()


def has_jobs_soon(conn: Connection, clock: Clock) -> bool:
    """Tell whether a worker would have something to do now or within SOON_SECONDS."""
    values = {"soon": clock.now() + SOON_SECONDS, "served": list(SERVED)}
    return conn.execute(_ANY_FOR_WORKERS, values).first() is not None


def has_served_jobs(conn: Connection) -> bool:
    """Tell whether there is something to do for the process that owns the index, now or later."""
    return conn.execute(_ANY_SERVED, {"served": list(SERVED)}).first() is not None


def compute_backoff(failures: int, jitter: float) -> float:
    """Return how many seconds to wait after the given number of failures; `jitter` in [0, 1) spreads it by 50 %."""
    wait = min(BACKOFF_MOST_SECONDS, BACKOFF_FIRST_SECONDS * BACKOFF_FACTOR ** (failures - 1))
    return wait * (1 + jitter / 2)


def _require_held(count: int) -> None:
    if count != 1:
        raise LeaseLost
