"""What version routes give back (contract 13)."""

from typing import Annotated, TypedDict

import msgspec

from zhiku.documents.replies import UploadFileBody, upload_body
from zhiku.documents.version_content import VersionChild, VersionSegment
from zhiku.documents.version_store import VersionRow
from zhiku.documents.versions import ComparedSegment
from zhiku.http.reply import Count, Id, PageBody, Seconds, one_of

Place = Annotated[int, ("minimum", 1)]


class VersionBody(TypedDict):
    """A former content of a document."""

    version: Annotated[Place, "Its number: contents are counted from 1 in the order in which they answered."]
    name: Annotated[str, "The document's name then."]
    process_rule_id: Annotated[Id, "Id of the rule it was cut with."]
    doc_language: Annotated[str, "Its language."]
    upload_file: Annotated[UploadFileBody, "The file it was made from, which is kept with it."]
    segment_count: Annotated[Count, "How many segments it has."]
    word_count: Annotated[Count, "Characters of all of them."]
    tokens: Annotated[Count, "Tokens of all of them."]
    completed_at: Annotated[Seconds | None, "When it began to answer."]
    replaced_at: Annotated[Seconds, "When other content took its place."]


class VersionPageBody(PageBody):
    """A page of versions."""

    data: Annotated[list[VersionBody], "The versions, newest first."]


class VersionChildBody(TypedDict):
    """A child chunk as it was."""

    id: Annotated[Id, "Id of the child chunk."]
    position: Annotated[Place, "Its place in its segment, from 1."]
    content: Annotated[str, "The text."]
    word_count: Annotated[Count, "Characters of the text."]
    tokens: Annotated[Count, "Tokens of the text."]
    type: Annotated[str, one_of("automatic", "customized"), "Whether it was cut or written by a person."]


class VersionSegmentBody(TypedDict):
    """A segment as it was."""

    id: Annotated[Id, "Id of the segment."]
    position: Annotated[Place, "Its place in the document, from 1."]
    content: Annotated[str, "The text; the question in a Q&A document."]
    answer: Annotated[str | None, "The answer, in a Q&A document."]
    word_count: Annotated[Count, "Characters of the text."]
    tokens: Annotated[Count, "Tokens of the text."]
    keywords: Annotated[list[str], "Words by which it was found, extracted or given."]
    hit_count: Annotated[Count, "How often it had answered."]
    enabled: Annotated[bool, "Whether it could answer."]
    summary: Annotated[str | None, "Its summary; null where there was none, or only the text's first sentences."]
    created_by: Annotated[Id, "Who made it."]
    created_at: Annotated[Seconds, "When it was made."]
    updated_by: Annotated[Id, "Who changed it last."]
    updated_at: Annotated[Seconds, "When it was changed last."]
    child_chunks: Annotated[list[VersionChildBody], "Its child chunks by position."]


class VersionSegmentPageBody(PageBody):
    """A version with a page of its segments."""

    version: Annotated[VersionBody, "The version."]
    data: Annotated[list[VersionSegmentBody], "Its segments by position."]


class DifferenceBody(TypedDict):
    """A segment that two contents share, or that one of them lacks."""

    change: Annotated[str, one_of("added", "removed", "unchanged"), "What became of it from the first to the second."]
    old_position: Annotated[Place | None, "Its place in the first; null where it is not."]
    new_position: Annotated[Place | None, "Its place in the second; null where it is not."]
    content: Annotated[str, "The text; the question in a Q&A document."]
    answer: Annotated[str | None, "The answer, in a Q&A document."]


class ComparisonBody(PageBody):
    """What became of the segments from one content to another."""

    data: Annotated[list[DifferenceBody], "The segments of both in order; what was removed stands where it was."]
    added: Annotated[Count, "How many are only in the second, on all pages."]
    removed: Annotated[Count, "How many are only in the first, on all pages."]
    unchanged: Annotated[Count, "How many are in both, on all pages."]


def version_body(row: VersionRow) -> VersionBody:
    """Return the Version object."""
    version = row.version
    return {
        "version": version.number,
        "name": version.name,
        "process_rule_id": version.process_rule_id,
        "doc_language": version.doc_language,
        "upload_file": upload_body(row.upload),
        "segment_count": version.segment_count,
        "word_count": version.word_count,
        "tokens": version.tokens,
        "completed_at": None if version.completed_at is None else int(version.completed_at),
        "replaced_at": int(version.replaced_at),
    }


def version_segment_body(segment: VersionSegment) -> VersionSegmentBody:
    """Return a segment of a version."""
    return {
        "id": segment.id,
        "position": segment.position,
        "content": segment.content,
        "answer": segment.answer,
        "word_count": segment.word_count,
        "tokens": segment.tokens,
        "keywords": msgspec.json.decode(segment.keywords_json),
        "hit_count": segment.hit_count,
        "enabled": segment.is_enabled,
        "summary": segment.summary,
        "created_by": segment.created_by,
        "created_at": int(segment.created_at),
        "updated_by": segment.updated_by,
        "updated_at": int(segment.updated_at),
        "child_chunks": [_child_body(child) for child in segment.children],
    }


def difference_body(row: ComparedSegment) -> DifferenceBody:
    """Return one line of a comparison."""
    return {
        "change": row.kind,
        "old_position": row.before,
        "new_position": row.after,
        "content": row.segment.content,
        "answer": row.segment.answer,
    }


def _child_body(child: VersionChild) -> VersionChildBody:
    return {
        "id": child.id,
        "position": child.position,
        "content": child.content,
        "word_count": child.word_count,
        "tokens": child.tokens,
        "type": child.type,
    }
