"""SQL of recuts: a dataset's documents on their way to another process rule."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, func, insert, select, update

from zhiku.db.tables import documents, recuts


@dataclass(frozen=True, slots=True)
class Recut:
    """A walk over the documents that a dataset had at its start, in the order of their numbers.

    `walked` were reached, up to number `after`; `skipped` of those were left as they are. `state` is walking, walked,
    cancelled or error.
    """

    dataset_id: str
    id: str
    process_rule_id: str
    state: str
    error: str | None
    after: int
    last: int
    walked: int
    skipped: int
    created_by: str
    created_at: float
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class RecutCounts:
    """How many documents the walk has not reached, and how many of those it sent on are in work or have failed."""

    ahead: int
    working: int
    failed: int


_COLUMNS = [recuts.c[field.name] for field in fields(Recut)]
_OF_DATASET = select(*_COLUMNS).where(recuts.c.dataset_id == bindparam("dataset_id"))
_LAST_NUMBER = select(func.coalesce(func.max(documents.c.number), 0)).where(
    documents.c.dataset_id == bindparam("dataset_id")
)
_NEXT_IDS = (
    select(documents.c.id)
    .where(
        documents.c.dataset_id == bindparam("dataset_id"),
        documents.c.number > bindparam("after"),
        documents.c.number <= bindparam("last"),
    )
    .order_by(documents.c.number)
    .limit(bindparam("limit"))
)
_IS_OF_RULE = documents.c.process_rule_id == bindparam("rule_id")
_IS_AHEAD = documents.c.number > bindparam("after")
# How far is a recut? One pass over the dataset's documents of that time.
_COUNT = select(
    func.coalesce(func.sum(case((_IS_AHEAD, 1), else_=0)), 0),
    func.coalesce(
        func.sum(
            case((~_IS_AHEAD & _IS_OF_RULE & documents.c.indexing_status.not_in(("completed", "error")), 1), else_=0)
        ),
        0,
    ),
    func.coalesce(func.sum(case((~_IS_AHEAD & _IS_OF_RULE & (documents.c.indexing_status == "error"), 1), else_=0)), 0),
).where(documents.c.dataset_id == bindparam("dataset_id"), documents.c.number <= bindparam("last"))


def find_recut(conn: Connection, dataset_id: str) -> Recut | None:
    """Return the dataset's recut, also one that has ended, or None."""
    row = conn.execute(_OF_DATASET, {"dataset_id": dataset_id}).first()
    return Recut(*row) if row else None


def find_last_number(conn: Connection, dataset_id: str) -> int:
    """Return the number of the dataset's newest document, 0 if it has none."""
    return conn.execute(_LAST_NUMBER, {"dataset_id": dataset_id}).scalar_one()


def list_next_ids(conn: Connection, recut: Recut, limit: int) -> Sequence[str]:
    """Return the ids of the next documents to be cut, by number."""
    values = {"dataset_id": recut.dataset_id, "after": recut.after, "last": recut.last, "limit": limit}
    return conn.execute(_NEXT_IDS, values).scalars().all()


def count_recut(conn: Connection, recut: Recut) -> RecutCounts:
    """Return how far the documents of a recut are."""
    values = {
        "dataset_id": recut.dataset_id, "after": recut.after, "last": recut.last, "rule_id": recut.process_rule_id
    }  # fmt: skip
    return RecutCounts(*(int(count) for count in conn.execute(_COUNT, values).one()))


def replace_recut(tx: Connection, recut: Recut) -> None:
    """Make this the dataset's recut, in the place of any other."""
    tx.execute(delete(recuts).where(recuts.c.dataset_id == recut.dataset_id))
    tx.execute(insert(recuts), {field.name: getattr(recut, field.name) for field in fields(Recut)})


def change_recut(tx: Connection, recut: Recut, values: dict[str, Any]) -> None:
    """Write how far a recut is."""
    is_it = (recuts.c.dataset_id == recut.dataset_id, recuts.c.id == recut.id)
    tx.execute(update(recuts).where(*is_it).values(**values))
