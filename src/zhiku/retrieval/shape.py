"""Hits → records as the contract orders them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import cast

from zhiku.db.tables import SUMMARY_POSTINGS
from zhiku.indexes.base import Hit
from zhiku.retrieval.schemas import (
    MatchedChild,
    Record,
    RecordBody,
    RecordDocumentBody,
    RecordSegmentBody,
    RetrieveBody,
)
from zhiku.retrieval.store import ChildRef, DocumentRef
from zhiku.segments.schemas import segment_core
from zhiku.segments.store import Segment

_RANK = itemgetter(0, 1, 2)


@dataclass(frozen=True, slots=True)
class Found:
    """What hits lead to: segments that may answer, each with its document and that one's position; and by which hooks.

    `summaries` has those that were met, by the number of their segment.
    """

    segments: Sequence[tuple[Segment, DocumentRef, int]]
    children: Sequence[ChildRef]
    summaries: Mapping[int, str]


def make_records(hits: Sequence[Hit], found: Found, top_k: int) -> list[Record]:
    """Return at most `top_k` records, best first, ties by document position then segment position.

    A segment scores as its best hook. Hits that lead to no segment that may answer (deleted or disabled since the
    index saw them) are left out.
    """
    scores = {hit.number: hit.score for hit in hits}
    matched: dict[int, list[MatchedChild]] = {}
    for child in found.children:
        matched.setdefault(child.segment_number, []).append(MatchedChild(child, scores[child.posting]))
    for children in matched.values():
        children.sort(key=lambda each: (-each.score, each.child.position))
    ranked: list[tuple[float, int, int, Record]] = []
    for segment, document, position in found.segments:
        children = matched.get(segment.number, [])
        score = max(scores.get(segment.number, 0.0), children[0].score if children else 0.0)
        record = Record(segment, document, score, children)
        if segment.number in found.summaries:
            score = max(score, scores[segment.number + SUMMARY_POSTINGS])
            record = Record(segment, document, score, children, summary=found.summaries[segment.number])
        ranked.append((-score, position, segment.position, record))
    ranked.sort(key=_RANK)
    return [record for *_, record in ranked[:top_k]]


def with_hits(record: Record, more: int) -> Record:
    """Return the record with as many answers more as its segment's row does not tell yet."""
    return Record(record.segment, record.document, record.score, record.children, record.metadata, more, record.summary)


def retrieve_body(query: str, records: Sequence[Record]) -> RetrieveBody:
    """Return the reply of a retrieve."""
    return {"query": {"content": query}, "records": [_record_body(record) for record in records]}


def _record_body(record: Record) -> RecordBody:
    document: RecordDocumentBody = {
        "id": record.document.id,
        "data_source_type": record.document.data_source_type,
        "name": record.document.name,
        "doc_type": None,
        "doc_metadata": record.metadata,
    }
    # Filled in place: this runs for every record of every answer.
    segment = cast(RecordSegmentBody, segment_core(record.segment))
    segment["document"] = document
    segment["hit_count"] += record.more_hits
    return {
        "segment": segment,
        "child_chunks": [
            {
                "id": each.child.id,
                "content": each.child.content,
                "position": each.child.position,
                "score": each.score,
            }
            for each in record.children
        ],
        "score": record.score,
        "tsne_position": None,
        "files": [],
        "summary": record.summary,
    }
