"""SQL of versions, the former contents of documents."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from zhiku.db.tables import (
    child_chunks,
    document_version_parts,
    document_versions,
    documents,
    segment_hits,
    segment_summaries,
    segments,
    uploads,
)
from zhiku.documents.store import Document, Upload
from zhiku.documents.version_content import (
    PART_SEGMENTS,
    VersionChild,
    VersionSegment,
    digest_text,
    pack_digests,
    pack_segments,
    unpack_digests,
    unpack_segments,
)


@dataclass(frozen=True, slots=True)
class Version:
    """A former content of a document, without its segments."""

    document_number: int
    number: int
    name: str
    upload_id: str
    process_rule_id: str
    doc_language: str
    completed_at: float | None
    replaced_at: float
    segment_count: int
    word_count: int
    tokens: int


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version with its file."""

    version: Version
    upload: Upload


_VERSION = [document_versions.c[field.name] for field in fields(Version)]
_UPLOAD = [uploads.c[field.name] for field in fields(Upload)]
_WIDTH = len(_VERSION)
_IS_KEPT = document_versions.c.replaced_at.is_not(None)
_OF_VERSION = and_(
    document_version_parts.c.document_number == bindparam("document"),
    document_version_parts.c.version == bindparam("of_version"),
)
_NOTE = text("""
    INSERT INTO document_versions (
        document_number, number, name, upload_id, process_rule_id, doc_language, completed_at,
        segment_count, word_count, tokens
    )
    VALUES (
        :document_number, :number, :name, :upload_id, :process_rule_id, :doc_language, :completed_at, 0, 0, 0
    )
    ON CONFLICT DO NOTHING
""")
_CHILD = [child_chunks.c[name] for name in VersionChild.__struct_fields__]
_SEGMENT_NAMES = [name for name in VersionSegment.__struct_fields__ if name != "children"]
_NOT_IN_ROW: dict[str, ColumnElement[Any]] = {
    "hit_count": func.coalesce(segment_hits.c.hit_count, 0),
    "summary": select(segment_summaries.c.content)
    .where(segment_summaries.c.segment_number == segments.c.number, ~segment_summaries.c.is_stand_in)
    .scalar_subquery(),
}
_SEGMENT = [_NOT_IN_ROW[name] if name in _NOT_IN_ROW else segments.c[name] for name in _SEGMENT_NAMES]
_OF_LIVE = and_(
    segments.c.document_number == bindparam("document"), segments.c.generation == bindparam("of_generation")
)
_LIVE = and_(_OF_LIVE, segments.c.position > bindparam("after"))
_LIVE_PART = (
    select(segments.c.number, *_SEGMENT)
    .outerjoin_from(segments, segment_hits)
    .where(_LIVE)
    .order_by(segments.c.position)
    .limit(PART_SEGMENTS)
)
_LIVE_CHILDREN = (
    select(child_chunks.c.segment_number, *_CHILD)
    .join(segments, segments.c.number == child_chunks.c.segment_number)
    .where(_LIVE, segments.c.position <= bindparam("last"))
    .order_by(child_chunks.c.segment_number, child_chunks.c.position)
)
_LIVE_TEXTS = (
    select(segments.c.position, segments.c.content, segments.c.answer).where(_OF_LIVE).order_by(segments.c.position)
)
_LIVE_AT = (
    select(*_SEGMENT)
    .outerjoin_from(segments, segment_hits)
    .where(_OF_LIVE, segments.c.position.in_(bindparam("positions", expanding=True)))
    .order_by(segments.c.position)
)


def note_content(tx: Connection, document: Document) -> None:
    """Remember what the document is whose content answers now, before newer content changes its row."""
    values: dict[str, Any] = {
        "document_number": document.number,
        "number": document.version,
        "name": document.name,
        "upload_id": document.upload_id,
        "process_rule_id": document.process_rule_id,
        "doc_language": document.doc_language,
        "completed_at": document.completed_at,
    }
    tx.execute(_NOTE, values)


def keep_content(tx: Connection, document: Document, now: float) -> bool:
    """Keep the segments that answer now as the version that was noted of them; False if none was."""
    totals = {"segment_count": 0, "word_count": 0, "tokens": 0}
    noted = and_(document_versions.c.document_number == document.number, document_versions.c.number == document.version)
    if tx.execute(select(document_versions.c.number).where(noted)).first() is None:
        return False
    for part, found in enumerate(read_live_parts(tx, document)):
        totals["segment_count"] += len(found)
        totals["word_count"] += sum(segment.word_count for segment in found)
        totals["tokens"] += sum(segment.tokens for segment in found)
        values: dict[str, Any] = {
            "document_number": document.number,
            "version": document.version,
            "part": part,
            "digests": pack_digests(found),
            "content": pack_segments(found),
        }
        tx.execute(insert(document_version_parts), values)
    tx.execute(update(document_versions).where(noted).values(**totals, replaced_at=now))
    return True


def read_live_parts(conn: Connection, document: Document) -> Iterator[list[VersionSegment]]:
    """Yield the segments that answer now by position, some hundreds at a time."""
    place = {"document": document.number, "of_generation": document.live_generation, "after": 0}
    while rows := conn.execute(_LIVE_PART, place).all():
        children: dict[int, list[VersionChild]] = {}
        last = rows[-1].position
        for number, *values in conn.execute(_LIVE_CHILDREN, place | {"last": last}):
            children.setdefault(number, []).append(VersionChild(*values))
        yield [_segment(row[1:], children.get(row[0], [])) for row in rows]
        place["after"] = last


def list_versions(conn: Connection, document_number: int, offset: int, limit: int) -> list[VersionRow]:
    """Return a page of a document's versions, newest first, with their files."""
    statement = (
        select(*_VERSION, *_UPLOAD)
        .join(uploads, uploads.c.id == document_versions.c.upload_id)
        .where(document_versions.c.document_number == document_number, _IS_KEPT)
        .order_by(document_versions.c.number.desc())
        .offset(offset)
        .limit(limit)
    )
    return [VersionRow(Version(*row[:_WIDTH]), Upload(*row[_WIDTH:])) for row in conn.execute(statement)]


def count_versions(conn: Connection, document_number: int) -> int:
    """Return how many versions of a document are kept."""
    statement = select(func.count(document_versions.c.number)).where(
        document_versions.c.document_number == document_number, _IS_KEPT
    )
    return conn.execute(statement).scalar_one()


def find_version(conn: Connection, document_number: int, number: int) -> VersionRow | None:
    """Return a version of a document with its file, or None."""
    statement = (
        select(*_VERSION, *_UPLOAD)
        .join(uploads, uploads.c.id == document_versions.c.upload_id)
        .where(document_versions.c.document_number == document_number, document_versions.c.number == number, _IS_KEPT)
    )
    row = conn.execute(statement).first()
    return VersionRow(Version(*row[:_WIDTH]), Upload(*row[_WIDTH:])) if row else None


def list_segments(conn: Connection, version: Version, offset: int, limit: int) -> list[VersionSegment]:
    """Return segments of a version by position, `limit` at most after the first `offset`."""
    first, last = offset // PART_SEGMENTS, (offset + limit - 1) // PART_SEGMENTS
    read = chain.from_iterable(read_part(conn, version, part) for part in range(first, last + 1))
    start = offset - first * PART_SEGMENTS
    return list(read)[start : start + limit]


def read_part(conn: Connection, version: Version, part: int) -> list[VersionSegment]:
    """Return the segments of one part of a version by position; none if it has no such part."""
    statement = select(document_version_parts.c.content).where(_OF_VERSION, document_version_parts.c.part == part)
    packed = conn.execute(statement, _place(version)).scalar()
    return [] if packed is None else unpack_segments(packed)


def list_digests(conn: Connection, version: Version) -> list[bytes]:
    """Return the digests of a version's segments by position."""
    statement = select(document_version_parts.c.digests).where(_OF_VERSION).order_by(document_version_parts.c.part)
    return [
        digest for packed in conn.execute(statement, _place(version)).scalars() for digest in unpack_digests(packed)
    ]


def list_live_digests(conn: Connection, document: Document) -> tuple[list[int], list[bytes]]:
    """Return positions and digests of the segments that answer now, by position."""
    rows = conn.execute(_LIVE_TEXTS, _live(document))
    found = [(position, digest_text(content, answer)) for position, content, answer in rows]
    return [position for position, _ in found], [digest for _, digest in found]


def list_live_segments(conn: Connection, document: Document, positions: Sequence[int]) -> list[VersionSegment]:
    """Return the segments that answer now at these positions, by position, without their child chunks."""
    rows = conn.execute(_LIVE_AT, _live(document) | {"positions": positions})
    return [_segment(row, []) for row in rows]


def list_versions_over(conn: Connection, document_id: str | None, kept: int, limit: int) -> list[tuple[str, int]]:
    """Return versions older than the newest `kept` of their document, oldest first, as (document id, number).

    Asked of one document or, with None, of all. What is being restored is not among them, nor content that answers.
    """
    newer = document_versions.alias("newer")
    newer_kept = (
        select(func.count(newer.c.number))
        .where(
            newer.c.document_number == document_versions.c.document_number,
            newer.c.number > document_versions.c.number,
            newer.c.replaced_at.is_not(None),
        )
        .scalar_subquery()
    )
    is_free = or_(
        documents.c.restores_version.is_(None),
        documents.c.restores_version != document_versions.c.number,
        documents.c.indexing_status == "completed",
    )
    conditions: list[ColumnElement[bool]] = [_IS_KEPT, newer_kept >= kept, is_free]
    if document_id is not None:
        conditions.append(documents.c.id == document_id)
    statement = (
        select(documents.c.id, document_versions.c.number)
        .join(documents, documents.c.number == document_versions.c.document_number)
        .where(*conditions)
        .order_by(document_versions.c.document_number, document_versions.c.number)
        .limit(limit)
    )
    return [(found_id, number) for found_id, number in conn.execute(statement)]


def delete_version(tx: Connection, document_number: int, number: int) -> None:
    """Remove a version with its segments, or what was noted of content that answers."""
    tx.execute(
        delete(document_versions).where(
            document_versions.c.document_number == document_number, document_versions.c.number == number
        )
    )


def _segment(values: Iterable[Any], children: list[VersionChild]) -> VersionSegment:
    return VersionSegment(**dict(zip(_SEGMENT_NAMES, values, strict=True)), children=children)


def _place(version: Version) -> dict[str, int]:
    return {"document": version.document_number, "of_version": version.number}


def _live(document: Document) -> dict[str, int]:
    return {"document": document.number, "of_generation": document.live_generation}
