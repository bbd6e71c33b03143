"""What segment routes take and give back (contract 3.1, 3.4)."""

from typing import Any

import msgspec
from pydantic import Field

from zhiku.http.schema import WireModel
from zhiku.segments.store import Segment


class ListSegments(WireModel):
    """Which segments of a document to list."""

    keyword: str | None = Field(default=None, description="Part of the content, case-insensitive.")
    status: list[str] = Field(default_factory=list, description="Statuses, any of which may match.")


def segment_body(segment: Segment) -> dict[str, Any]:
    """Return the Segment object of segment routes."""
    return {
        **segment_core(segment),
        "child_chunks": [],
        "attachments": [],
        "summary": None,
    }


def segment_core(segment: Segment) -> dict[str, Any]:
    """Return what a segment shows in segment routes and in retrieve records alike."""
    created_at = int(segment.created_at)
    return {
        "id": segment.id,
        "position": segment.position,
        "document_id": segment.document_id,
        "content": segment.content,
        "sign_content": segment.content,
        "answer": segment.answer,
        "word_count": segment.word_count,
        "tokens": segment.tokens,
        "keywords": msgspec.json.decode(segment.keywords_json),
        "index_node_id": segment.index_node_id,
        "index_node_hash": segment.index_node_hash,
        "hit_count": segment.hit_count,
        "enabled": segment.is_enabled,
        "disabled_at": None if segment.disabled_at is None else int(segment.disabled_at),
        "disabled_by": segment.disabled_by,
        "status": segment.status,
        "created_by": segment.created_by,
        "created_at": created_at,
        "updated_at": int(segment.updated_at),
        "updated_by": segment.updated_by,
        "indexing_at": created_at if segment.indexing_at is None else int(segment.indexing_at),
        "completed_at": created_at if segment.completed_at is None else int(segment.completed_at),
        "error": segment.error,
        "stopped_at": None if segment.stopped_at is None else int(segment.stopped_at),
    }
