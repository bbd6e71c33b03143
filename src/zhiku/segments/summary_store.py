"""SQL of summaries, a text beside each segment by which it is found too."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, bindparam, delete, select, text

from zhiku.db.tables import segment_summaries, segments


@dataclass(frozen=True, slots=True)
class NewSummary:
    """A summary to be kept for a segment, with what the index wants of it.

    A stand-in is made of the text itself, for want of somebody who writes.
    """

    segment_number: int
    content: str
    is_stand_in: bool
    terms: bytes
    term_count: int
    keyword_hashes: bytes
    content_hash: str


@dataclass(frozen=True, slots=True)
class Unsummarized:
    """The text of a segment that has no summary yet, or but a stand-in."""

    number: int
    content: str
    content_hash: str


_INSERT = text("""
    INSERT INTO segment_summaries (
        segment_number, content, is_stand_in, terms, term_count, keyword_hashes, content_hash
    )
    VALUES (:segment_number, :content, :is_stand_in, :terms, :term_count, :keyword_hashes, :content_hash)
    ON CONFLICT (segment_number) DO UPDATE
    SET content = excluded.content,
        is_stand_in = excluded.is_stand_in,
        terms = excluded.terms,
        term_count = excluded.term_count,
        keyword_hashes = excluded.keyword_hashes,
        content_hash = excluded.content_hash
    WHERE segment_summaries.is_stand_in
""")
_WAITING = (
    segments.c.document_number == bindparam("document"),
    segments.c.generation == bindparam("of_generation"),
    segments.c.status == "completed",
    segments.c.number > bindparam("after"),
    ~select(segment_summaries.c.segment_number)
    .where(segment_summaries.c.segment_number == segments.c.number, ~segment_summaries.c.is_stand_in)
    .correlate(segments)
    .exists(),
)
_UNSUMMARIZED = (
    select(segments.c.number, segments.c.content, segments.c.content_hash)
    .where(*_WAITING)
    .order_by(segments.c.number)
    .limit(bindparam("size"))
)


def list_unsummarized(
    conn: Connection, document_number: int, generation: int, after: int, limit: int
) -> list[Unsummarized]:
    """Return the next segments of this content, behind number `after`, that lack a summary or have a stand-in."""
    values = {"document": document_number, "of_generation": generation, "after": after, "size": limit}
    return [Unsummarized(*row) for row in conn.execute(_UNSUMMARIZED, values)]


def list_summaries(conn: Connection, numbers: Sequence[int]) -> dict[int, str]:
    """Return the summaries of those of the segments that have one, by the segment's number."""
    statement = select(segment_summaries.c.segment_number, segment_summaries.c.content).where(
        segment_summaries.c.segment_number.in_(numbers)
    )
    return {row[0]: row[1] for row in conn.execute(statement)}


def list_unchanged(conn: Connection, seen: Mapping[int, str]) -> set[int]:
    """Return the numbers of those segments that still have the text whose hash they were seen with."""
    statement = select(segments.c.number, segments.c.content_hash).where(segments.c.number.in_(list(seen)))
    return {number for number, content_hash in conn.execute(statement) if seen[number] == content_hash}


def insert_summaries(tx: Connection, new: Sequence[NewSummary]) -> None:
    """Keep summaries in the place of stand-ins; a segment that has got another one meanwhile keeps that."""
    if new:
        tx.execute(_INSERT, [asdict(summary) for summary in new])


def delete_summary(tx: Connection, segment_number: int) -> None:
    """Remove a segment's summary, if it has one."""
    tx.execute(delete(segment_summaries).where(segment_summaries.c.segment_number == segment_number))
