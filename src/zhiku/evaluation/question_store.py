"""SQL of question sets, and of the documents and segments that their answers name."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import msgspec
from sqlalchemy import Connection, and_, bindparam, delete, func, insert, select

from zhiku.db.tables import documents, question_sets, questions, segments


class Answer(msgspec.Struct, frozen=True):
    """What a question should find: a document, or one segment of it; `grade` says how well that answers, above 0.

    `segment_hash` finds the segment again when its document has been cut anew.
    """

    document_id: str
    segment_id: str | None = None
    segment_hash: str | None = None
    grade: float = 1.0


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """A row of `question_sets`."""

    id: str
    dataset_id: str
    name: str
    question_count: int
    created_by: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a set with all that answers it; `position` counts from 1."""

    position: int
    query: str
    answers: list[Answer]


@dataclass(frozen=True, slots=True)
class SegmentRef:
    """A segment of a document's answering content."""

    document_id: str
    id: str
    position: int
    content: str
    hash: str


_COLUMNS = [question_sets.c[field.name] for field in fields(QuestionSet)]
_OF_SET = questions.c.question_set_id == bindparam("set_id")
_AFTER = (
    select(questions.c.position, questions.c.query, questions.c.answers_json)
    .where(_OF_SET, questions.c.position > bindparam("after"))
    .order_by(questions.c.position)
    .limit(bindparam("limit"))
)
_LIVE_SEGMENTS = select(
    documents.c.id, segments.c.id, segments.c.position, segments.c.content, segments.c.index_node_hash
).join(
    documents,
    and_(
        documents.c.number == segments.c.document_number,
        documents.c.live_generation == segments.c.generation,
    ),
)
_answers: msgspec.json.Decoder[list[Answer]] = msgspec.json.Decoder(list[Answer])


def insert_set(tx: Connection, made: QuestionSet, its: Sequence[Question]) -> None:
    """Add a set with its questions."""
    tx.execute(insert(question_sets), {field.name: getattr(made, field.name) for field in fields(QuestionSet)})
    rows = [
        {
            "question_set_id": made.id,
            "position": each.position,
            "query": each.query,
            "answers_json": msgspec.json.encode(each.answers).decode(),
        }
        for each in its
    ]
    tx.execute(insert(questions), rows)


def find_set(conn: Connection, dataset_id: str, set_id: str) -> QuestionSet | None:
    """Return a dataset's question set, or None."""
    row = conn.execute(
        select(*_COLUMNS).where(question_sets.c.id == set_id, question_sets.c.dataset_id == dataset_id)
    ).first()
    return QuestionSet(*row) if row else None


def list_sets(conn: Connection, dataset_id: str, offset: int, limit: int) -> list[QuestionSet]:
    """Return a page of a dataset's question sets, newest first."""
    page = (
        select(*_COLUMNS)
        .where(question_sets.c.dataset_id == dataset_id)
        .order_by(question_sets.c.created_at.desc(), question_sets.c.id)
        .offset(offset)
        .limit(limit)
    )
    return [QuestionSet(*row) for row in conn.execute(page)]


def count_sets(conn: Connection, dataset_id: str) -> int:
    """Return how many question sets a dataset has."""
    counted = select(func.count()).select_from(question_sets).where(question_sets.c.dataset_id == dataset_id)
    return conn.execute(counted).scalar_one()


def delete_set(tx: Connection, dataset_id: str, set_id: str) -> bool:
    """Delete a question set with its questions and what was measured with them; False if it is gone."""
    gone = delete(question_sets).where(question_sets.c.id == set_id, question_sets.c.dataset_id == dataset_id)
    return tx.execute(gone).rowcount == 1


def list_questions(conn: Connection, set_id: str, after: int, limit: int) -> list[Question]:
    """Return at most `limit` questions behind the position `after`, in their order."""
    rows = conn.execute(_AFTER, {"set_id": set_id, "after": after, "limit": limit})
    return [Question(row.position, row.query, _answers.decode(row.answers_json)) for row in rows]


def list_documents_named(conn: Connection, dataset_id: str, named: Sequence[str]) -> list[tuple[str, str]]:
    """Return id and name of a dataset's documents that have one of these as either."""
    found = select(documents.c.id, documents.c.name).where(
        documents.c.dataset_id == dataset_id, documents.c.id.in_(named) | documents.c.name.in_(named)
    )
    return [(row[0], row[1]) for row in conn.execute(found)]


def list_segments_of(conn: Connection, document_ids: Sequence[str]) -> list[SegmentRef]:
    """Return the segments of the documents' answering contents, by document and position."""
    found = _LIVE_SEGMENTS.where(documents.c.id.in_(document_ids)).order_by(documents.c.id, segments.c.position)
    return [SegmentRef(*row) for row in conn.execute(found)]


def list_segments_by_id(conn: Connection, dataset_id: str, segment_ids: Sequence[str]) -> list[SegmentRef]:
    """Return those of the segments that are in answering contents of the dataset."""
    found = _LIVE_SEGMENTS.where(documents.c.dataset_id == dataset_id, segments.c.id.in_(segment_ids))
    return [SegmentRef(*row) for row in conn.execute(found)]
