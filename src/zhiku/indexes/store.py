"""The catalog's side of the index: which postings there should be.

A posting is a hook, a text that a query can meet: a segment's own, or a child chunk's. Hooks of a segment that does
not answer are no postings.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Connection, and_, func, select, union_all

from zhiku.db.tables import CHILD_POSTINGS, child_chunks, documents, embeddings, segments

CHILD_NUMBER = child_chunks.c.number + CHILD_POSTINGS
"""The posting number of a child chunk."""

IS_CHILD_OF = child_chunks.c.segment_number == segments.c.number


@dataclass(frozen=True, slots=True)
class PostingRow:
    """A hook as the index wants it, still packed; `vector` is None if the catalog has no embedding of it."""

    number: int
    document_number: int
    terms: bytes
    term_count: int
    keyword_hashes: bytes
    vector: bytes | None


def posting_number_of_child(number: int) -> int:
    """Return the posting number of a child chunk by its own number."""
    return number + CHILD_POSTINGS


def count_live_postings(connection: Connection, dataset_id: str) -> int:
    """Return how many postings the dataset's index should have."""
    condition = _is_live(dataset_id)
    own = select(func.count(segments.c.number)).where(condition, segments.c.is_hook)
    children = select(func.count(child_chunks.c.number)).join(segments, IS_CHILD_OF).where(condition)
    return sum(int(connection.execute(statement).scalar_one()) for statement in (own, children))


def list_live_postings(
    connection: Connection, dataset_id: str, model_key: str, *, after: int, limit: int
) -> list[PostingRow]:
    """Return the postings the dataset's index should have with numbers above `after`, ascending, at most `limit`.

    The vectors are those of the model `model_key`. Relies on the index of segments by dataset.
    """
    return list_postings(connection, _is_live(dataset_id), model_key, after, limit)


def list_postings(
    connection: Connection, condition: ColumnElement[bool], model_key: str | None, after: int, limit: int | None
) -> list[PostingRow]:
    """Return the hooks of the segments that meet `condition`, behind posting number `after`, ascending."""
    statement: CompoundSelect[Any] = union_all(
        _select(segments, segments.c.number, model_key).where(condition, segments.c.is_hook, segments.c.number > after),
        _select(child_chunks, CHILD_NUMBER, model_key)
        .join(segments, IS_CHILD_OF)
        .where(condition, child_chunks.c.number > after - CHILD_POSTINGS),
    ).order_by("number")
    if limit is not None:
        statement = statement.limit(limit)
    return [PostingRow(*row) for row in connection.execute(statement)]


def _is_live(dataset_id: str) -> ColumnElement[bool]:
    # A disabled segment has no posting. A disabled or archived document keeps its own, and retrieval asks the catalog
    # which documents may answer: so a document is switched at once, whatever its size. One that is being updated
    # answers with its last completed content.
    is_answering = select(documents.c.number).where(
        documents.c.number == segments.c.document_number,
        documents.c.live_generation == segments.c.generation,
    )
    return and_(
        segments.c.dataset_id == dataset_id,
        segments.c.status == "completed",
        segments.c.is_enabled,
        is_answering.exists(),
    )


def _select(table: Any, number: Any, model_key: str | None) -> Any:
    has_embedding = and_(embeddings.c.content_hash == table.c.content_hash, embeddings.c.model_key == (model_key or ""))
    return select(
        number.label("number"),
        segments.c.document_number,
        table.c.terms,
        table.c.term_count,
        table.c.keyword_hashes,
        embeddings.c.vector,
    ).select_from(table.outerjoin(embeddings, has_embedding))
