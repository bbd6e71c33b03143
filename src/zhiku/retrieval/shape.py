"""Hits → records as the contract orders them."""

from collections.abc import Sequence
from typing import Any

from zhiku.indexes.base import Hit
from zhiku.retrieval.schemas import Record
from zhiku.retrieval.store import DocumentRef
from zhiku.segments.schemas import segment_core
from zhiku.segments.store import Segment


def make_records(hits: Sequence[Hit], found: Sequence[tuple[Segment, DocumentRef, int]], top_k: int) -> list[Record]:
    """Return at most `top_k` records, best first, ties by document position then segment position.

    `found` holds the segments that may answer, each with its document and that document's position; hits that are
    not among them (deleted or disabled since the index saw them) are left out.
    """
    scores = {hit.number: hit.score for hit in hits}
    ranked = sorted(found, key=lambda item: (-scores[item[0].number], item[2], item[0].position))
    return [Record(segment, document, scores[segment.number]) for segment, document, _ in ranked[:top_k]]


def retrieve_body(query: str, records: Sequence[Record]) -> dict[str, Any]:
    """Return the reply of a retrieve."""
    return {"query": {"content": query}, "records": [_record_body(record) for record in records]}


def _record_body(record: Record) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": record.document.id,
        "data_source_type": record.document.data_source_type,
        "name": record.document.name,
        "doc_type": None,
        "doc_metadata": {},
    }
    return {
        "segment": segment_core(record.segment) | {"document": document},
        "child_chunks": [],
        "score": record.score,
        "tsne_position": None,
        "files": [],
        "summary": None,
    }
