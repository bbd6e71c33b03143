"""SQL behind an explanation: whether what a hook belongs to may answer, and what stands around a segment."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec
from sqlalchemy import Connection, and_, bindparam, func, select

from zhiku.db.tables import (
    CHILD_POSTINGS,
    SUMMARY_POSTINGS,
    child_chunks,
    documents,
    segment_summaries,
    segments,
)
from zhiku.indexes.store import CHILD_NUMBER, IS_CHILD_OF, IS_SUMMARY_OF, SUMMARY_NUMBER

EXCERPT_CHARS = 200
MOST_BOUND = 1000
"""How many numbers one statement names: a question to many disabled documents meets more than an engine takes."""


class Standing(msgspec.Struct, frozen=True):
    """A segment that a hook leads to, and all that decides whether it may answer.

    `hook_id` is the child chunk's id where the hook is one's, else the segment's. `is_live` says whether the segment
    is of the content with which its document answers; `is_completed` that there is such content.
    """

    posting: int
    hook_id: str
    segment_number: int
    segment_id: str
    position: int
    excerpt: str
    is_enabled: bool
    status: str
    is_live: bool
    document_number: int
    document_id: str
    document_name: str
    is_completed: bool
    is_document_enabled: bool
    is_archived: bool


class Neighbour(msgspec.Struct, frozen=True):
    """A segment beside one that was found."""

    id: str
    position: int
    content: str


_STATE = (
    segments.c.number,
    segments.c.id,
    segments.c.position,
    func.substr(segments.c.content, 1, EXCERPT_CHARS),
    segments.c.is_enabled,
    segments.c.status,
    documents.c.live_generation == segments.c.generation,
    documents.c.number,
    documents.c.id,
    documents.c.name,
    documents.c.live_generation > 0,
    documents.c.is_enabled,
    documents.c.is_archived,
)
_NUMBERS = cast(Any, bindparam("numbers", expanding=True))
_IN_DOCUMENT = documents.c.number == segments.c.document_number
_OWN = (
    select(segments.c.number, segments.c.id, *_STATE)
    .join(documents, _IN_DOCUMENT)
    .where(segments.c.number.in_(_NUMBERS))
)
_OF_CHILDREN = (
    select(CHILD_NUMBER, child_chunks.c.id, *_STATE)
    .join(segments, IS_CHILD_OF)
    .join(documents, _IN_DOCUMENT)
    .where(child_chunks.c.number.in_(_NUMBERS))
)
_OF_SUMMARIES = (
    select(SUMMARY_NUMBER, segments.c.id, *_STATE)
    .join(segments, IS_SUMMARY_OF)
    .join(documents, _IN_DOCUMENT)
    .where(segment_summaries.c.segment_number.in_(_NUMBERS))
)
_OF_ID = (
    select(segments.c.number, segments.c.id, *_STATE)
    .join(documents, _IN_DOCUMENT)
    .where(segments.c.dataset_id == bindparam("dataset_id"), segments.c.id == bindparam("segment_id"))
)
_OWN_HOOKS = select(segments.c.number).where(segments.c.number == bindparam("number"), segments.c.is_hook)
_CHILD_HOOKS = select(CHILD_NUMBER).where(child_chunks.c.segment_number == bindparam("number"))
_SUMMARY_HOOKS = select(SUMMARY_NUMBER).where(segment_summaries.c.segment_number == bindparam("number"))
_HOOK_COUNTS = (
    select(func.count(segments.c.number)).where(segments.c.document_number == bindparam("document")),
    select(func.count(child_chunks.c.number))
    .join(segments, IS_CHILD_OF)
    .where(segments.c.document_number == bindparam("document")),
    select(func.count(segment_summaries.c.segment_number))
    .join(segments, IS_SUMMARY_OF)
    .where(segments.c.document_number == bindparam("document")),
)
_DOCUMENTS = select(func.count(documents.c.number)).where(documents.c.dataset_id == bindparam("dataset_id"))
_beside = segments.alias("beside")
_BESIDE = (
    select(_beside.c.id, _beside.c.position, _beside.c.content)
    .join(
        segments,
        and_(_beside.c.document_number == segments.c.document_number, _beside.c.generation == segments.c.generation),
    )
    .where(segments.c.number == bindparam("number"), _beside.c.is_enabled, _beside.c.status == "completed")
    .limit(bindparam("most"))
)
_BEFORE = _BESIDE.where(_beside.c.position < segments.c.position).order_by(_beside.c.position.desc())
_AFTER = _BESIDE.where(_beside.c.position > segments.c.position).order_by(_beside.c.position)


def list_standings(conn: Connection, postings: Sequence[int]) -> dict[int, Standing]:
    """Return what the postings lead to, by posting; one whose text the catalog no longer has is missing."""
    kinds = (
        (_OWN, [posting for posting in postings if posting < CHILD_POSTINGS]),
        (_OF_CHILDREN, [each - CHILD_POSTINGS for each in postings if CHILD_POSTINGS < each < SUMMARY_POSTINGS]),
        (_OF_SUMMARIES, [posting - SUMMARY_POSTINGS for posting in postings if posting > SUMMARY_POSTINGS]),
    )
    return {
        row[0]: Standing(*row)
        for statement, numbers in kinds
        for start in range(0, len(numbers), MOST_BOUND)
        for row in conn.execute(statement, {"numbers": numbers[start : start + MOST_BOUND]})
    }


def find_standing(conn: Connection, dataset_id: str, segment_id: str) -> Standing | None:
    """Return a segment of the dataset by its id."""
    row = conn.execute(_OF_ID, {"dataset_id": dataset_id, "segment_id": segment_id}).first()
    return Standing(*row) if row else None


def list_hooks(conn: Connection, segment_number: int) -> list[int]:
    """Return the posting numbers that lead to a segment: its own, its child chunks', its summary's."""
    values = {"number": segment_number}
    return [
        number
        for statement in (_OWN_HOOKS, _CHILD_HOOKS, _SUMMARY_HOOKS)
        for number in conn.execute(statement, values).scalars()
    ]


def count_hooks(conn: Connection, document_number: int) -> int:
    """Return how many postings a document may have at most."""
    return sum(conn.execute(each, {"document": document_number}).scalar_one() for each in _HOOK_COUNTS)


def count_documents(conn: Connection, dataset_id: str) -> int:
    """Return how many documents a dataset has."""
    return conn.execute(_DOCUMENTS, {"dataset_id": dataset_id}).scalar_one()


def list_neighbours(conn: Connection, segment_number: int, most: int) -> tuple[list[Neighbour], list[Neighbour]]:
    """Return at most so many segments that may answer before a segment and behind it, both in their order."""
    values = {"number": segment_number, "most": most}
    before = [Neighbour(*row) for row in conn.execute(_BEFORE, values)]
    return before[::-1], [Neighbour(*row) for row in conn.execute(_AFTER, values)]
