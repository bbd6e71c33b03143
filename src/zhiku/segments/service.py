"""Rules of segments: adding, changing and deleting them by hand; the very next retrieve sees it (contract 3.4)."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from zhiku.access.service import Actor
from zhiku.datasets import store as dataset_store
from zhiku.datasets.service import dataset_model
from zhiku.datasets.store import Dataset
from zhiku.db.engine import Connection
from zhiku.documents import store as document_store
from zhiku.documents.rules import ProcessRule, rule_for_form, rule_from_json
from zhiku.documents.store import Document
from zhiku.errors import InvalidParam, ModelCallFailed, NotFound, ProviderNotInitialize
from zhiku.http.paging import Page
from zhiku.indexes import outbox
from zhiku.runtime import Runtime
from zhiku.segments import child_store, hook_store, store, summary_store
from zhiku.segments.child_store import ChildChunk, NewChild
from zhiku.segments.make import Making, Piece, cut_children, make_segments
from zhiku.segments.publish import Embedded, commit_edit, embed_now, keep_vectors, put_later
from zhiku.segments.schemas import CreateSegments, ListSegments, SegmentIn
from zhiku.segments.store import NewSegment, Segment

Parent = tuple[Segment, list[ChildChunk], str | None]
"""A segment with the child chunks that readers see with it, and its summary."""


def list_segments(rt: Runtime, document: Document, query: ListSegments, page: Page) -> tuple[list[Parent], int]:
    """Return a page of the document's segments by position, and how many match; in any state of the document.

    What answers now is listed; a document that never answered shows what its work has made so far.
    """
    rt.hits.flush()
    conditions = store.matching(document.number, shown_generation(document), query.keyword, query.status)
    with rt.db.read() as conn:
        total = store.count_segments(conn, conditions)
        found = store.list_segments(conn, conditions, page.offset, page.limit)
        return with_children(conn, document, found), total


def get_segment(rt: Runtime, document: Document, segment_id: str) -> Segment:
    """Return a segment of the document. Raises NotFound."""
    rt.hits.flush()
    with rt.db.read() as conn:
        found = store.find_segment(conn, document.number, shown_generation(document), segment_id)
    if found is None:
        raise NotFound("Segment not found.")
    return found


def get_parent(rt: Runtime, document: Document, segment_id: str) -> Parent:
    """Return a segment with its child chunks and its summary. Raises NotFound."""
    segment = get_segment(rt, document, segment_id)
    with rt.db.read() as conn:
        return with_children(conn, document, [segment])[0]


def check_writable(rt: Runtime, dataset: Dataset, document: Document) -> None:
    """Raise what adding to a document is refused for before the request is read: its state, then its model."""
    if document.live_generation == 0 or document.indexing_status != "completed":
        raise NotFound("Document is not completed.")
    if not document.is_enabled:
        raise NotFound("Document is disabled.")
    if dataset.indexing_technique == "high_quality" and not rt.models.is_served(dataset_model(dataset)):
        raise ProviderNotInitialize


def create_segments(
    rt: Runtime, actor: Actor, dataset: Dataset, document: Document, request: CreateSegments
) -> list[Parent]:
    """Append segments after the highest position and return them; an index failure is told on the segment.

    Raises InvalidParam if one of them is wrong; none is created then.
    """
    pieces = [_checked(document, each) for each in request.segments or []]
    limit = rt.settings.segments_per_request
    if not pieces:
        raise InvalidParam("Segments is required", params="segments")
    if limit and len(pieces) > limit:
        raise InvalidParam(f"Exceeded maximum segments limit of {limit}.", params="segments")
    making = making_of(rt, actor, dataset, document)
    rule = find_rule(rt, document)
    made = make_segments(making, pieces, 0)
    children = [cut_children(making, piece.content, rule) for piece in pieces]
    error = None
    embedded = Embedded(None)
    try:
        embedded = embed_now(rt, dataset, texts_of(made, children))
    except ModelCallFailed as failure:
        error = str(failure)
    status = "error" if error else "indexing" if embedded.is_late else "completed"
    numbers: list[int] = []

    def write(tx: Connection) -> outbox.Change | None:
        _hold(tx, dataset, document)
        start = store.last_position(tx, document.number, document.live_generation)
        numbers.extend(
            store.insert_manual(tx, [store.moved(each, each.position + start) for each in made], status, error)
        )
        rows = [(number, child) for number, each in zip(numbers, children, strict=True) for child in each]
        child_store.insert_children(tx, rows)
        keep_vectors(tx, dataset, embedded)
        words, tokens = sum(each.word_count for each in made), sum(each.tokens for each in made)
        document_store.add_counts(tx, dataset.id, document.number, words, tokens)
        if status == "indexing":
            put_later(rt, tx, dataset.id, numbers)
        if status != "completed":
            return None
        made_counts = hook_store.count_segment_hooks(tx, numbers)
        dataset_store.add_posting_counts(tx, dataset.id, made_counts.postings, made_counts.terms)
        return outbox.PutSegments(numbers=numbers)

    commit_edit(rt, dataset.id, write)
    with rt.db.read() as conn:
        return with_children(conn, document, store.list_by_number(conn, numbers))


def delete_segment(rt: Runtime, dataset: Dataset, document: Document, segment_id: str) -> None:
    """Delete a segment with its child chunks; positions of others stay. Raises NotFound."""

    def write(tx: Connection) -> outbox.Change:
        segment = find_held(tx, dataset, document, segment_id)
        numbers = hook_store.list_hook_numbers(tx, [segment.number])
        with recounted(tx, dataset, [segment.number]):
            hits = store.delete_segment(tx, segment.number)
        document_store.add_counts(tx, dataset.id, document.number, -segment.word_count, -segment.tokens, -hits)
        return outbox.DeletePostings(numbers=numbers)

    commit_edit(rt, dataset.id, write)


def shown_generation(document: Document) -> int:
    """Return the content that readers see: what answers, or what is being made for the first time."""
    return document.live_generation or document.generation


def with_children(conn: Connection, document: Document, segments: Sequence[Segment]) -> list[Parent]:
    """Return segments with their summaries and child chunks; readers see these in paragraph mode only (3.1)."""
    numbers = [segment.number for segment in segments]
    summaries = summary_store.list_summaries(conn, numbers)
    has_children = document.doc_form == "hierarchical_model" and not _is_full_doc(conn, document)
    found = child_store.list_children_of(conn, numbers) if has_children else {}
    return [(each, found.get(each.number, []), summaries.get(each.number)) for each in segments]


def making_of(rt: Runtime, actor: Actor, dataset: Dataset, document: Document) -> Making:
    """Return what segments written by this actor share."""
    is_economy = dataset.indexing_technique == "economy"
    return Making(document, shown_generation(document), is_economy, actor.id, rt.clock.now())


def find_rule(rt: Runtime, document: Document) -> ProcessRule:
    """Return the rule a document was cut with. Raises NotFound."""
    with rt.db.read() as conn:
        row = dataset_store.find_rule(conn, document.process_rule_id)
    if row is None:
        raise NotFound("Document not found.")
    return rule_for_form(rule_from_json(row.mode, row.rules_json), document.doc_form)


def find_held(tx: Connection, dataset: Dataset, document: Document, segment_id: str) -> Segment:
    """Return a segment as it is now, while no other edit of the dataset runs. Raises NotFound."""
    _hold(tx, dataset, document)
    now = document_store.find_document(tx, dataset.id, document.id)
    generation = shown_generation(now) if now else 0
    segment = store.find_segment(tx, document.number, generation, segment_id)
    if segment is None:
        raise NotFound("Segment not found.")
    return segment


def texts_of(segments: Sequence[NewSegment], children: Sequence[Sequence[NewChild]]) -> dict[str, str]:
    """Return the texts to embed, content by content hash."""
    texts = {each.content_hash: each.content for each in segments if each.is_hook}
    return texts | {child.content_hash: child.content for group in children for child in group}


@contextmanager
def recounted(tx: Connection, dataset: Dataset, numbers: Sequence[int]) -> Generator[None]:
    """Keep the dataset's count of postings right while these segments, are changed or removed."""
    before = hook_store.count_segment_hooks(tx, numbers)
    yield
    grown = hook_store.count_segment_hooks(tx, numbers) - before
    dataset_store.add_posting_counts(tx, dataset.id, grown.postings, grown.terms)


def _checked(document: Document, sent: SegmentIn) -> Piece:
    if document.doc_form != "qa_model":
        return Piece(sent.content, None, sent.keywords)
    if sent.answer is None:
        raise InvalidParam("Answer is required", params="segments")
    if not sent.answer.strip():
        raise InvalidParam("Answer is empty", params="segments")
    return Piece(sent.content, sent.answer, sent.keywords)


def _hold(tx: Connection, dataset: Dataset, document: Document) -> None:
    if not dataset_store.hold_dataset(tx, dataset.id):
        raise NotFound("Dataset not found.")
    if document_store.find_document(tx, dataset.id, document.id) is None:
        raise NotFound("Document not found.")


def _is_full_doc(conn: Connection, document: Document) -> bool:
    row = dataset_store.find_rule(conn, document.process_rule_id)
    return row is not None and rule_from_json(row.mode, row.rules_json).is_full_doc
