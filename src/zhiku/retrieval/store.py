"""SQL behind the answers: the segments and documents that hits point at."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, and_, bindparam, exists, select

from zhiku.db.engine import Database
from zhiku.db.hot import WIDTH, HotRead, fill_in, fixed_in
from zhiku.db.tables import (
    CHILD_POSTINGS,
    SUMMARY_POSTINGS,
    child_chunks,
    documents,
    metadata_values,
    segment_summaries,
    segments,
)
from zhiku.indexes.store import CHILD_NUMBER
from zhiku.segments.store import SEGMENT_COLUMNS, Segment


class DocumentRef(msgspec.Struct, frozen=True, gc=False):
    """What a record tells of its document."""

    number: int
    id: str
    data_source_type: str
    name: str
    has_metadata: bool


class ChildRef(msgspec.Struct, frozen=True, gc=False):
    """A child chunk that a query met: its posting's number, its parent's, and what a record shows of it."""

    posting: int
    segment_number: int
    id: str
    content: str
    position: int


_CHILDREN = select(
    CHILD_NUMBER,
    child_chunks.c.segment_number,
    child_chunks.c.id,
    child_chunks.c.content,
    child_chunks.c.position,
).where(child_chunks.c.number.in_(bindparam("numbers", expanding=True)))
_SUMMARIES = select(segment_summaries.c.segment_number, segment_summaries.c.content).where(
    segment_summaries.c.segment_number.in_(bindparam("numbers", expanding=True))
)
_HAS_METADATA = exists().where(metadata_values.c.document_number == documents.c.number)
_DOCUMENT = [_HAS_METADATA if name == "has_metadata" else documents.c[name] for name in DocumentRef.__struct_fields__]
_ANSWERING = HotRead(
    select(*SEGMENT_COLUMNS, *_DOCUMENT, documents.c.position)
    .join(
        documents,
        and_(
            documents.c.number == segments.c.document_number,
            documents.c.live_generation == segments.c.generation,
        ),
    )
    .where(
        segments.c.number.in_([bindparam(name) for name in fixed_in("number")]),
        segments.c.is_enabled,
        segments.c.status == "completed",
        documents.c.is_enabled,
        ~documents.c.is_archived,
    )
)


def list_answering(db: Database, numbers: Sequence[int]) -> list[tuple[Segment, DocumentRef, int]]:
    """Return those of the numbered segments that may answer now, each with its document and its position."""
    width, end = len(SEGMENT_COLUMNS), len(SEGMENT_COLUMNS) + len(_DOCUMENT)
    found: list[tuple[Segment, DocumentRef, int]] = []
    for start in range(0, len(numbers), WIDTH):
        rows = db.fetch(_ANSWERING, fill_in("number", numbers[start : start + WIDTH]))
        found += [(Segment(*row[:width]), DocumentRef(*row[width:end]), row[end]) for row in rows]
    return found


def list_children(conn: Connection, postings: Sequence[int]) -> list[ChildRef]:
    """Return those of the postings that are child chunks, in no order; nothing is asked where there are none."""
    numbers = [posting - CHILD_POSTINGS for posting in postings if CHILD_POSTINGS < posting < SUMMARY_POSTINGS]
    if not numbers:
        return []
    return [ChildRef(*row) for row in conn.execute(_CHILDREN, {"numbers": numbers})]


def list_summaries(conn: Connection, postings: Sequence[int]) -> dict[int, str]:
    """Return the summaries among the postings by the number of their segment; nothing is asked where there are none."""
    numbers = [posting - SUMMARY_POSTINGS for posting in postings if posting > SUMMARY_POSTINGS]
    if not numbers:
        return {}
    return {row[0]: row[1] for row in conn.execute(_SUMMARIES, {"numbers": numbers})}
