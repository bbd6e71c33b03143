"""SQL that looks at the whole catalog for the one who runs the server; it writes nothing."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from zhiku.db.tables import datasets, documents, jobs


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as it stands, with the name of its dataset where it has one."""

    number: int
    kind: str
    state: str
    attempts: int
    error: str | None
    created_at: float
    run_at: float
    subject: str
    dataset_id: str
    dataset_name: str | None

    @property
    def document_id(self) -> str:
        """Return the id of the document whose work this is, empty for any other job."""
        kind, _, document_id = self.subject.partition(":")
        return document_id if kind == "document" else ""


@dataclass(frozen=True, slots=True)
class Totals:
    """How much the catalog holds."""

    datasets: int
    documents: int
    postings: int


_COUNT_ROWS = select(
    select(func.count()).select_from(datasets).scalar_subquery(),
    select(func.count()).select_from(documents).scalar_subquery(),
    select(func.coalesce(func.sum(datasets.c.posting_count), 0)).scalar_subquery(),
)

# How many jobs are in which state? The index on state answers without the rows.
_COUNT_JOBS = select(jobs.c.state, func.count()).group_by(jobs.c.state)

# The jobs of one state, the newest first.
_LIST_JOBS = (
    select(
        jobs.c.number,
        jobs.c.kind,
        jobs.c.state,
        jobs.c.attempts,
        jobs.c.error,
        jobs.c.created_at,
        jobs.c.run_at,
        jobs.c.subject,
        jobs.c.dataset_id,
        datasets.c.name,
    )
    .select_from(jobs.outerjoin(datasets, datasets.c.id == jobs.c.dataset_id))
    .where(jobs.c.state == bindparam("state"))
    .order_by(jobs.c.number.desc())
    .limit(bindparam("limit"))
    .offset(bindparam("offset"))
)

_LIST_STATUSES = select(documents.c.indexing_status, func.count()).group_by(documents.c.indexing_status)


def count_rows(conn: Connection) -> Totals:
    """Return how many datasets, documents and postings there are."""
    found = conn.execute(_COUNT_ROWS).one()
    return Totals(*(int(count) for count in found))


def count_jobs(conn: Connection) -> dict[str, int]:
    """Return how many jobs are in each state that any is in."""
    return {row[0]: row[1] for row in conn.execute(_COUNT_JOBS)}


def list_jobs(conn: Connection, state: str, offset: int, limit: int) -> list[JobView]:
    """Return the jobs of a state, the newest first."""
    rows = conn.execute(_LIST_JOBS, {"state": state, "offset": offset, "limit": limit})
    return [JobView(*row) for row in rows]


def count_documents_by_status(conn: Connection) -> dict[str, int]:
    """Return how many documents are in each indexing status that any is in."""
    return {row[0]: row[1] for row in conn.execute(_LIST_STATUSES)}
