"""Rules of question sets: what their answers name is looked up once, when the set is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from zhiku.access.actor import Actor
from zhiku.datasets.store import Dataset
from zhiku.db.engine import Connection
from zhiku.errors import InvalidParam, NotFound
from zhiku.evaluation import question_store, store
from zhiku.evaluation.question_csv import read_questions
from zhiku.evaluation.question_store import Answer, Question, QuestionSet, SegmentRef
from zhiku.evaluation.schemas import MAX_ANSWERS_IN_SET, CreateQuestionSet, WantedAnswer, WantedQuestion
from zhiku.http.paging import Page
from zhiku.jobs import queue
from zhiku.runtime import Runtime

NO_SET = "Question set not found."


@dataclass(frozen=True, slots=True)
class _Named:
    """What the answers of a new set may name: documents by id and name, and the segments of those."""

    documents: Mapping[str, Sequence[str]]
    segments: Mapping[str, SegmentRef]
    segments_of: Mapping[str, Sequence[SegmentRef]]


def create_set(rt: Runtime, actor: Actor, dataset: Dataset, request: CreateQuestionSet) -> QuestionSet:
    """Keep a set of questions and return it. Raises InvalidParam that names the answer which is not there."""
    places = [
        [f"questions.{number}.answers.{each}" for each in range(len(question.answers))]
        for number, question in enumerate(request.questions)
    ]
    if sum(len(its) for its in places) > MAX_ANSWERS_IN_SET:
        raise InvalidParam(f"questions: have more than {MAX_ANSWERS_IN_SET} answers in all", params="questions")
    return _keep_set(rt, actor, dataset, request.name, (request.questions, places))


def import_set(rt: Runtime, actor: Actor, dataset: Dataset, name: str, content: bytes) -> QuestionSet:
    """Keep the questions of a CSV file and return their set. Raises InvalidParam that names the row."""
    return _keep_set(rt, actor, dataset, name, read_questions(content))


def get_set(rt: Runtime, dataset_id: str, set_id: str) -> QuestionSet:
    """Return a question set. Raises NotFound."""
    with rt.db.read() as conn:
        found = question_store.find_set(conn, dataset_id, set_id)
    if found is None:
        raise NotFound(NO_SET)
    return found


def list_sets(rt: Runtime, dataset_id: str, page: Page) -> tuple[list[QuestionSet], int]:
    """Return a page of a dataset's question sets, newest first, and how many there are."""
    with rt.db.read() as conn:
        found = question_store.list_sets(conn, dataset_id, page.offset, page.limit)
        return found, question_store.count_sets(conn, dataset_id)


def list_questions(rt: Runtime, dataset_id: str, set_id: str, page: Page) -> tuple[list[Question], int]:
    """Return a page of a set's questions and how many it has. Raises NotFound."""
    found = get_set(rt, dataset_id, set_id)
    if page.offset >= found.question_count:
        return [], found.question_count
    with rt.db.read() as conn:
        return question_store.list_questions(conn, set_id, page.offset, page.limit), found.question_count


def delete_set(rt: Runtime, dataset_id: str, set_id: str) -> None:
    """Delete a question set with the evaluations that asked it. Raises NotFound."""
    with rt.db.begin() as tx:
        for evaluation_id in store.list_unfinished_ids(tx, set_id):
            queue.cancel_subject(tx, job_subject(evaluation_id))
        if not question_store.delete_set(tx, dataset_id, set_id):
            raise NotFound(NO_SET)


def job_subject(evaluation_id: str) -> str:
    """Return the subject of an evaluation's job."""
    return f"evaluation:{evaluation_id}"


def _keep_set(
    rt: Runtime,
    actor: Actor,
    dataset: Dataset,
    name: str,
    given: tuple[Sequence[WantedQuestion], Sequence[Sequence[str]]],
) -> QuestionSet:
    wanted, places = given
    made = QuestionSet(str(uuid4()), dataset.id, name, len(wanted), actor.id, rt.clock.now())
    with rt.db.read() as conn:
        named = _look_up(conn, dataset.id, [answer for question in wanted for answer in question.answers])
    questions = [
        Question(position, question.query, _distinct(named, question.answers, its))
        for position, (question, its) in enumerate(zip(wanted, places, strict=True), 1)
    ]
    with rt.db.begin() as tx:
        question_store.insert_set(tx, made, questions)
    return made


def _look_up(conn: Connection, dataset_id: str, wanted: Sequence[WantedAnswer]) -> _Named:
    names = {answer.document for answer in wanted if answer.document is not None}
    documents: dict[str, list[str]] = {}
    for document_id, name in question_store.list_documents_named(conn, dataset_id, sorted(names)):
        documents.setdefault(document_id, []).append(document_id)
        if name != document_id:
            documents.setdefault(name, []).append(document_id)
    ids = {answer.segment_id.lower() for answer in wanted if answer.segment_id is not None}
    by_id = question_store.list_segments_by_id(conn, dataset_id, sorted(ids))
    inside = {
        document_id
        for answer in wanted
        if answer.document is not None and (answer.position is not None or answer.segment is not None)
        for document_id in documents.get(answer.document, ())
    }
    segments_of: dict[str, list[SegmentRef]] = {}
    for segment in question_store.list_segments_of(conn, sorted(inside)):
        segments_of.setdefault(segment.document_id, []).append(segment)
    return _Named(documents, {segment.id: segment for segment in by_id}, segments_of)


def _distinct(named: _Named, wanted: Sequence[WantedAnswer], places: Sequence[str]) -> list[Answer]:
    """Return the answers of a question; of two that name the same the better grade counts."""
    best: dict[tuple[str, str | None], Answer] = {}
    for answer, place in zip(wanted, places, strict=True):
        found = _find(named, answer, place)
        known = best.get((found.document_id, found.segment_id))
        if known is None or known.grade < found.grade:
            best[found.document_id, found.segment_id] = found
    return list(best.values())


def _find(named: _Named, wanted: WantedAnswer, place: str) -> Answer:
    if wanted.segment_id is not None:
        segment = named.segments.get(wanted.segment_id.lower())
        if segment is None:
            raise _refused(place, "segment_id", "there is no such segment in the dataset")
        return Answer(segment.document_id, segment.id, segment.hash, wanted.grade)
    found = named.documents.get(wanted.document or "", ())
    if not found:
        raise _refused(place, "document", "there is no document of this name or id")
    if len(found) > 1:
        raise _refused(place, "document", "several documents have this name; use the id")
    if wanted.position is None and wanted.segment is None:
        return Answer(found[0], grade=wanted.grade)
    segment = _find_segment(named.segments_of.get(found[0], ()), wanted, place)
    return Answer(found[0], segment.id, segment.hash, wanted.grade)


def _find_segment(segments: Sequence[SegmentRef], wanted: WantedAnswer, place: str) -> SegmentRef:
    text = (wanted.segment or "").strip()
    fitting = [
        segment
        for segment in segments
        if wanted.position in (None, segment.position) and (not text or text in segment.content)
    ]
    exact = [segment for segment in fitting if text and segment.content.strip() == text]
    field = "segment" if text else "position"
    chosen = exact or fitting
    if not chosen:
        raise _refused(place, field, "no segment of the document fits")
    if len(chosen) > 1:
        raise _refused(place, field, "several segments of the document fit; give the position too")
    return chosen[0]


def _refused(place: str, field: str, reason: str) -> InvalidParam:
    if place.startswith("file"):
        return InvalidParam(f"{place}, {field}: {reason}", params="file")
    return InvalidParam(f"{place}.{field}: {reason}", params=f"{place}.{field}")
