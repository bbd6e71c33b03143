"""Changing a segment by hand (contract 3.4-21)."""

from dataclasses import dataclass
from typing import Any, TypeGuard

import msgspec

from zhiku.access.service import Actor
from zhiku.datasets.store import Dataset
from zhiku.db.engine import Connection
from zhiku.documents import store as document_store
from zhiku.documents.store import Document
from zhiku.errors import InvalidParam, ModelCallFailed, ProviderNotInitialize
from zhiku.indexes import outbox
from zhiku.runtime import Runtime
from zhiku.segments import child_store, hook_store, store, summary_store
from zhiku.segments.child_store import NewChild
from zhiku.segments.make import Making, Piece, cut_children, make_segments, make_summaries
from zhiku.segments.measure import pack_keywords
from zhiku.segments.publish import Embedded, commit_edit, embed_now, keep_vectors, put_later
from zhiku.segments.schemas import SegmentChange
from zhiku.segments.service import (
    Parent,
    find_held,
    find_rule,
    get_parent,
    get_segment,
    making_of,
    recounted,
    texts_of,
)
from zhiku.segments.store import NewSegment, Segment


@dataclass(frozen=True, slots=True)
class _Edit:
    """What a change comes to: columns to write, child chunks and a summary that replace the present ones."""

    values: dict[str, Any]
    children: list[NewChild] | None
    # None keeps the present one, "" removes it.
    summary: str | None


def update_segment(
    rt: Runtime, actor: Actor, dataset: Dataset, document: Document, segment_id: str, change: SegmentChange
) -> Parent:
    """Apply a change and return the segment; the very next retrieve sees it.

    Raises NotFound, InvalidParam, ProviderNotInitialize.
    """
    seen = get_segment(rt, document, segment_id)
    _check(seen, change)
    making = making_of(rt, actor, dataset, document)
    made = _remade(making, document, seen, change)
    children = _children(rt, making, document, seen, change)
    summary = None if document.doc_form == "qa_model" else change.summary
    texts = texts_of([made] if made else [], [children or []]) | _summary_text(summary)
    embedded = _embed(rt, dataset, texts)
    edit = _Edit(_values(making, document, seen, change, made), children, summary)

    def write(tx: Connection) -> outbox.Change | None:
        segment = find_held(tx, dataset, document, segment_id)
        _check(segment, change)
        before = hook_store.list_hook_numbers(tx, [segment.number])
        with recounted(tx, dataset, [segment.number]):
            _write(tx, segment, edit, is_late=embedded.is_late)
        keep_vectors(tx, dataset, embedded)
        words = edit.values.get("word_count", segment.word_count) - segment.word_count
        tokens = edit.values.get("tokens", segment.tokens) - segment.tokens
        document_store.add_counts(tx, dataset.id, document.number, words, tokens)
        gone = set(before) - set(hook_store.list_hook_numbers(tx, [segment.number]))
        if gone:
            outbox.append(tx, rt.clock, dataset.id, outbox.DeletePostings(numbers=sorted(gone)))
        if embedded.is_late:
            put_later(rt, tx, dataset.id, [segment.number])
        return outbox.PutSegments(numbers=[segment.number])

    commit_edit(rt, dataset.id, write)
    return get_parent(rt, document, segment_id)


def _check(segment: Segment, change: SegmentChange) -> None:
    if segment.status == "indexing":
        raise InvalidParam("Segment is indexing, please try again later")
    has_edits = bool(change.model_fields_set - {"enabled", "regenerate_child_chunks"}) or change.regenerate_child_chunks
    if not segment.is_enabled and has_edits and change.enabled is not True:
        raise InvalidParam("Can't update disabled segment")


def _embed(rt: Runtime, dataset: Dataset, texts: dict[str, str]) -> Embedded:
    try:
        return embed_now(rt, dataset, texts) if texts else Embedded(None)
    except ModelCallFailed as error:
        raise ProviderNotInitialize(str(error)) from error


def _summary_text(summary: str | None) -> dict[str, str]:
    """Return what a summary needs embedded, by content hash; the segment's number is no matter here."""
    return {made.content_hash: made.content for made in make_summaries({0: summary})} if _is_text(summary) else {}


def _is_text(summary: str | None) -> TypeGuard[str]:
    return summary is not None and bool(summary.strip())


def _remade(making: Making, document: Document, segment: Segment, change: SegmentChange) -> NewSegment | None:
    """Return the segment with its new text, None if its text and answer stay."""
    answer = change.answer if document.doc_form == "qa_model" and change.answer is not None else segment.answer
    content = change.content if change.content is not None else segment.content
    if content == segment.content and answer == segment.answer:
        return None
    return make_segments(making, [Piece(content, answer, change.keywords)], segment.position - 1)[0]


def _children(
    rt: Runtime, making: Making, document: Document, segment: Segment, change: SegmentChange
) -> list[NewChild] | None:
    """Return the child chunks that replace the present ones, None to keep those."""
    if not change.regenerate_child_chunks or document.doc_form != "hierarchical_model":
        return None
    return cut_children(making, change.content or segment.content, find_rule(rt, document))


def _values(
    making: Making, document: Document, segment: Segment, change: SegmentChange, made: NewSegment | None
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if made is not None:
        names = ("content", "answer", "word_count", "tokens", "terms", "term_count", "keyword_hashes", "content_hash")
        values = {name: getattr(made, name) for name in (*names, "index_node_hash")}
        values |= {"status": "completed", "error": None, "indexing_at": making.now, "completed_at": making.now}
        if making.is_economy:
            values["keywords_json"] = made.keywords_json
    if change.keywords is not None and change.keywords != msgspec.json.decode(segment.keywords_json):
        values["keywords_json"] = msgspec.json.encode(change.keywords).decode()
        values["keyword_hashes"] = pack_keywords(change.keywords)
    if change.enabled is True and not segment.is_enabled:
        values |= {"is_enabled": True, "disabled_at": None, "disabled_by": None}
        if segment.status == "error":
            values |= {"status": "completed", "error": None, "stopped_at": None}
    if change.enabled is False and segment.is_enabled:
        values |= {"is_enabled": False, "disabled_at": making.now, "disabled_by": making.created_by}
    if values or (change.summary is not None and document.doc_form != "qa_model"):
        values |= {"updated_at": making.now, "updated_by": making.created_by}
    return values


def _write(tx: Connection, segment: Segment, edit: _Edit, *, is_late: bool) -> None:
    values = dict(edit.values)
    if is_late:
        values["status"] = "indexing"
    if values:
        store.update_segment(tx, segment.number, values)
    if edit.children is not None:
        child_store.delete_children_of(tx, segment.number)
        child_store.insert_children(tx, [(segment.number, child) for child in edit.children])
    if edit.summary is not None:
        summary_store.delete_summary(tx, segment.number)
        if _is_text(edit.summary):
            summary_store.insert_summaries(tx, make_summaries({segment.number: edit.summary}))
