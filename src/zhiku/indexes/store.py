"""The catalog's side of the index: which postings there should be.

A posting is a hook, a text that a query can meet: a segment's own, its summary, or a child chunk's. Hooks of a segment
that does not answer are no postings.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Connection, and_, false, func, select, true, union_all

from zhiku.db.tables import (
    CHILD_POSTINGS,
    SUMMARY_POSTINGS,
    child_chunks,
    documents,
    embeddings,
    segment_summaries,
    segments,
)

CHILD_NUMBER = child_chunks.c.number + CHILD_POSTINGS
"""The posting number of a child chunk."""

IS_CHILD_OF = child_chunks.c.segment_number == segments.c.number

SUMMARY_NUMBER = segment_summaries.c.segment_number + SUMMARY_POSTINGS
"""The posting number of a segment's summary."""

IS_SUMMARY_OF = segment_summaries.c.segment_number == segments.c.number


@dataclass(frozen=True, slots=True)
class PostingRow:
    """A hook as the index wants it, still packed; `vector` is None if the catalog has no embedding of it."""

    number: int
    document_number: int
    terms: bytes
    term_count: int
    keyword_hashes: bytes
    vector: bytes | None


@dataclass(frozen=True, slots=True)
class IndexBasis:
    """What an index is made of: whose vectors, None for no model's, and which hooks.

    `has_own_hooks` says whether segments' own texts are among them, where the index is to become another one than the
    segments' rows speak of; None goes by the rows.
    """

    model_key: str | None
    has_own_hooks: bool | None = None

    @property
    def own_hooks(self) -> ColumnElement[bool]:
        """Return the condition of segments whose own text is a hook."""
        if self.has_own_hooks is None:
            return and_(segments.c.is_hook)
        return true() if self.has_own_hooks else false()


def posting_number_of_child(number: int) -> int:
    """Return the posting number of a child chunk by its own number."""
    return number + CHILD_POSTINGS


def count_live_postings(connection: Connection, dataset_id: str, basis: IndexBasis | None = None) -> int:
    """Return how many postings the dataset's index should have."""
    return count_live_terms(connection, dataset_id, basis)[0]


def count_live_terms(connection: Connection, dataset_id: str, basis: IndexBasis | None = None) -> tuple[int, int]:
    """Return how many postings the dataset's index should have, and their words."""
    condition = _is_live(dataset_id)
    own_hooks = (basis or IndexBasis(None)).own_hooks
    own = select(func.count(segments.c.number), func.coalesce(func.sum(segments.c.term_count), 0))
    children = select(func.count(child_chunks.c.number), func.coalesce(func.sum(child_chunks.c.term_count), 0))
    summaries = select(
        func.count(segment_summaries.c.segment_number), func.coalesce(func.sum(segment_summaries.c.term_count), 0)
    )
    counts = [
        connection.execute(own.where(condition, own_hooks)).one(),
        connection.execute(children.join(segments, IS_CHILD_OF).where(condition)).one(),
        connection.execute(summaries.join(segments, IS_SUMMARY_OF).where(condition)).one(),
    ]
    return sum(int(row[0]) for row in counts), sum(int(row[1]) for row in counts)


def list_live_postings(
    connection: Connection, dataset_id: str, basis: IndexBasis, *, after: int, limit: int
) -> list[PostingRow]:
    """Return the postings the dataset's index should have with numbers above `after`, ascending, at most `limit`.

    Relies on the index of segments by dataset.
    """
    return list_postings(connection, _is_live(dataset_id), basis, after, limit)


def list_postings(
    connection: Connection, condition: ColumnElement[bool], basis: IndexBasis, after: int, limit: int | None
) -> list[PostingRow]:
    """Return the hooks of the segments that meet `condition`, behind posting number `after`, ascending."""
    own = _select(segments, segments.c.number, basis.model_key)
    statement: CompoundSelect[Any] = union_all(
        own.where(condition, basis.own_hooks, segments.c.number > after),
        _select(child_chunks, CHILD_NUMBER, basis.model_key)
        .join(segments, IS_CHILD_OF)
        .where(condition, child_chunks.c.number > after - CHILD_POSTINGS),
        _select(segment_summaries, SUMMARY_NUMBER, basis.model_key)
        .join(segments, IS_SUMMARY_OF)
        .where(condition, segment_summaries.c.segment_number > after - SUMMARY_POSTINGS),
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
