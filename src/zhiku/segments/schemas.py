"""What segment and child chunk routes take and give back (contract 3.1, 3.4, 3.5)."""

from collections.abc import Sequence
from typing import Annotated, Any, TypedDict, cast

import msgspec
from pydantic import AfterValidator, Field, model_validator

from zhiku.documents.replies import FormName
from zhiku.http.reply import Count, Id, PageBody, Seconds, one_of
from zhiku.http.schema import ContentText, WireModel, example
from zhiku.segments.child_store import ChildChunk
from zhiku.segments.place import Place
from zhiku.segments.store import Segment

MOST_ATTACHMENTS = 10
SegmentStatus = Annotated[str, one_of("indexing", "completed", "error")]


def _with_content(content: str) -> str:
    if not content.strip():
        raise ValueError("Content is empty")
    return content


def _few_attachments(ids: list[str]) -> list[str]:
    if len(ids) > MOST_ATTACHMENTS:
        raise ValueError(f"Exceeded maximum attachment limit of {MOST_ATTACHMENTS}")
    return ids


Content = Annotated[ContentText, AfterValidator(_with_content)]
Attachments = Annotated[list[str], AfterValidator(_few_attachments)]


class _Keyworded(WireModel):
    @model_validator(mode="before")
    @classmethod
    def accept_keyword(cls, raw: Any) -> Any:
        """Read `keyword`, as one client spells its list (contract 11.17); `keywords` wins."""
        if not isinstance(raw, dict):
            return raw
        given = cast("dict[str, Any]", raw)
        if given.get("keywords") is None and isinstance(given.get("keyword"), list):
            return {**given, "keywords": given["keyword"]}
        return given


class SegmentIn(_Keyworded):
    """A segment written by a person."""

    content: Content = Field(description="The text; the question in a Q&A document.")
    answer: ContentText | None = Field(default=None, description="The answer, in a Q&A document.")
    keywords: list[str] | None = Field(default=None, description="Kept as given.")
    attachment_ids: Attachments = Field(default_factory=list[str], description="Uploaded images, at most 10.")


class CreateSegments(WireModel):
    """Segments to append to a document."""

    model_config = example(segments=[{"content": "The reading room is closed in August.", "keywords": ["August"]}])

    segments: list[SegmentIn] | None = Field(default=None, description="At least one.")


class SegmentChange(_Keyworded):
    """What to change of a segment; what is absent stays."""

    content: Content | None = Field(default=None, description="New text.")
    answer: ContentText | None = Field(default=None, description="New answer, in a Q&A document.")
    keywords: list[str] | None = Field(default=None, description="Replace the keywords exactly; empty clears them.")
    enabled: bool | None = Field(default=None, description="Whether the segment may answer.")
    regenerate_child_chunks: bool = Field(default=False, description="Cut the child chunks anew.")
    attachment_ids: Attachments | None = Field(default=None, description="Uploaded images, at most 10.")
    summary: str | None = Field(default=None, description="A summary to be found by; empty removes it.")


class UpdateSegment(SegmentChange):
    """A change under `segment`, or at the top level."""

    segment: SegmentChange | None = Field(default=None, description="What to change.")

    def change(self) -> SegmentChange | None:
        """Return the change that was sent, None if none was."""
        if self.segment is not None:
            return self.segment
        return self if self.model_fields_set - {"segment"} else None


class ListSegments(WireModel):
    """Which segments of a document to list."""

    keyword: str | None = Field(default=None, description="Part of the content, case-insensitive.")
    status: list[str] = Field(default_factory=list, description="Statuses, any of which may match.")


class ChildIn(WireModel):
    """A child chunk's text."""

    content: Content = Field(description="The text.")


class ListChildren(WireModel):
    """Which child chunks of a segment to list."""

    keyword: str | None = Field(default=None, description="Part of the content, case-insensitive.")


class PlaceBody(TypedDict):
    """Where in its file a segment stands."""

    kind: Annotated[str, "What part of the file it is in.", one_of("document", "page", "sheet", "slide")]
    number: Annotated[int | None, "Number of the page, sheet or slide, from 1; null for a document.", ("minimum", 1)]
    title: Annotated[str, "Name of the sheet or headline of the slide; empty without one."]
    headings: Annotated[list[str], "The headings it stands under or begins with, the outermost first."]


class SegmentCoreBody(TypedDict):
    """What a segment shows in segment routes and in retrieve records alike."""

    id: Annotated[Id, "Id of the segment."]
    position: Annotated[int, "Its place in the document, from 1.", ("minimum", 1)]
    document_id: Annotated[Id, "Id of its document."]
    content: Annotated[str, "The text; the question in a Q&A document."]
    sign_content: Annotated[str, "The text with fresh links to the images in it."]
    answer: Annotated[str | None, "The answer, in a Q&A document."]
    word_count: Annotated[Count, "Characters of the text."]
    tokens: Annotated[Count, "Tokens of the text."]
    keywords: Annotated[list[str], "Words by which it is found, extracted or given."]
    index_node_id: Annotated[str, "Its name in the index."]
    index_node_hash: Annotated[str, "SHA-256 of the text.", ("pattern", "^[0-9a-f]{64}$")]
    hit_count: Annotated[Count, "How often it answered before."]
    enabled: Annotated[bool, "Whether it may answer."]
    disabled_at: Annotated[Seconds | None, "When it was disabled."]
    disabled_by: Annotated[Id | None, "Who disabled it."]
    status: Annotated[SegmentStatus, "How far its indexing is."]
    created_by: Annotated[Id, "Who made it."]
    created_at: Annotated[Seconds, "When it was made."]
    updated_at: Annotated[Seconds, "When it was last changed."]
    updated_by: Annotated[Id, "Who changed it last."]
    indexing_at: Annotated[Seconds, "When its indexing began."]
    completed_at: Annotated[Seconds, "When it was indexed."]
    error: Annotated[str | None, "Why its indexing failed."]
    stopped_at: Annotated[Seconds | None, "When its indexing was given up."]
    place: Annotated[PlaceBody | None, "Where in its file it stands; null where there is nothing to say of it."]


class ChildChunkBody(TypedDict):
    """A part of a segment by which it is found."""

    id: Annotated[Id, "Id of the child chunk."]
    segment_id: Annotated[Id, "Id of its segment."]
    content: Annotated[str, "The text."]
    position: Annotated[int, "Its place in the segment, from 1.", ("minimum", 1)]
    word_count: Annotated[Count, "Characters of the text."]
    tokens: Annotated[Count, "Tokens of the text."]
    index_node_id: Annotated[str, "Its name in the index."]
    index_node_hash: Annotated[str, "SHA-256 of the text.", ("pattern", "^[0-9a-f]{64}$")]
    type: Annotated[str, "Cut by a rule or written by a person.", one_of("automatic", "customized")]
    status: Annotated[SegmentStatus, "How far its indexing is."]
    created_by: Annotated[Id, "Who made it."]
    created_at: Annotated[Seconds, "When it was made."]
    updated_at: Annotated[Seconds, "When it was last changed."]
    indexing_at: Annotated[Seconds, "When its indexing began."]
    completed_at: Annotated[Seconds, "When it was indexed."]
    error: Annotated[str | None, "Why its indexing failed."]
    stopped_at: Annotated[Seconds | None, "When its indexing was given up."]


class AttachmentBody(TypedDict):
    """An image that belongs to a segment."""

    id: Annotated[Id, "Id of the file."]
    name: Annotated[str, "Its name, as it came."]
    size: Annotated[Count, "Bytes."]
    extension: Annotated[str, "What its name ends with, in lower case."]
    mime_type: Annotated[str, "Its media type."]
    source_url: Annotated[str, "A signed link that shows it."]


class SegmentBody(SegmentCoreBody):
    """A piece of a document that can be found and shown."""

    child_chunks: Annotated[list[ChildChunkBody], "Its child chunks, where parents are paragraphs; else none."]
    attachments: Annotated[list[AttachmentBody], "Its images."]
    summary: Annotated[str | None, "Its summary."]


class OneSegmentBody(TypedDict):
    """A segment."""

    data: Annotated[SegmentBody, "The segment."]
    doc_form: Annotated[FormName, "How the document's text becomes segments."]


class NewSegmentsBody(TypedDict):
    """Segments that were appended."""

    data: Annotated[list[SegmentBody], "The segments, in the order in which they were sent."]
    doc_form: Annotated[FormName, "How the document's text becomes segments."]


class SegmentPageBody(PageBody):
    """A page of segments."""

    data: Annotated[list[SegmentBody], "The segments by position."]
    doc_form: Annotated[FormName, "How the document's text becomes segments."]


class OneChildChunkBody(TypedDict):
    """A child chunk."""

    data: Annotated[ChildChunkBody, "The child chunk."]


class ChildChunkPageBody(PageBody):
    """A page of child chunks."""

    data: Annotated[list[ChildChunkBody], "The child chunks by position."]
    total_pages: Annotated[Count, "How many pages there are."]


def segment_body(segment: Segment, children: Sequence[ChildChunk] = (), summary: str | None = None) -> SegmentBody:
    """Return the Segment object of segment routes."""
    return {
        **segment_core(segment),
        "child_chunks": [child_body(child, segment) for child in children],
        "attachments": [],
        "summary": summary,
    }


def child_body(child: ChildChunk, parent: Segment) -> ChildChunkBody:
    """Return the ChildChunk object; a child chunk works as long as its parent does."""
    created_at = int(child.created_at)
    return {
        "id": child.id,
        "segment_id": parent.id,
        "content": child.content,
        "position": child.position,
        "word_count": child.word_count,
        "tokens": child.tokens,
        "index_node_id": child.index_node_id,
        "index_node_hash": child.index_node_hash,
        "type": child.type,
        "status": parent.status,
        "created_by": child.created_by,
        "created_at": created_at,
        "updated_at": int(child.updated_at),
        "indexing_at": created_at,
        "completed_at": created_at,
        "error": parent.error,
        "stopped_at": None if parent.stopped_at is None else int(parent.stopped_at),
    }


def segment_core(segment: Segment) -> SegmentCoreBody:
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
        "place": _place_body(segment.place),
    }


def _place_body(place: Place | None) -> PlaceBody | None:
    if place is None:
        return None
    return {"kind": place.kind, "number": place.number, "title": place.title, "headings": list(place.headings)}
