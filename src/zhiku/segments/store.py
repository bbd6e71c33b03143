"""SQL of segments."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, select, update

from zhiku.db.hot import HotInsert
from zhiku.db.tables import child_chunks, documents, segment_hits, segments
from zhiku.documents.picture_links import LINK_END
from zhiku.segments.place import Place, decode_place


class Segment(msgspec.Struct, frozen=True, gc=False):
    """A segment as readers see it, with its document's id; a struct, because every answer makes ten."""

    number: int
    id: str
    document_id: str
    position: int
    content: str
    answer: str | None
    word_count: int
    tokens: int
    keywords_json: str
    index_node_id: str
    index_node_hash: str
    hit_count: int
    is_enabled: bool
    disabled_at: float | None
    disabled_by: str | None
    status: str
    error: str | None
    stopped_at: float | None
    created_by: str
    created_at: float
    updated_by: str
    updated_at: float
    indexing_at: float | None
    completed_at: float | None
    place_json: str | None

    @property
    def place(self) -> Place | None:
        """Where it stands in its file; None where there is nothing to say of it."""
        return None if self.place_json is None else decode_place(self.place_json)


@dataclass(frozen=True, slots=True)
class NewSegment:
    """A segment that the work on a document has made; it waits for its index."""

    id: str
    dataset_id: str
    document_number: int
    generation: int
    keeps_number: int | None
    is_hook: bool
    position: int
    content: str
    answer: str | None
    word_count: int
    tokens: int
    keywords_json: str
    index_node_id: str
    index_node_hash: str
    created_by: str
    created_at: float
    terms: bytes
    term_count: int
    keyword_hashes: bytes
    content_hash: str
    place_json: str | None = None


@dataclass(frozen=True, slots=True)
class KeptSegment:
    """A segment that an update may keep: its text, and the texts of its child chunks in their order."""

    number: int
    content_hash: str
    answer: str | None
    child_hashes: list[str]
    has_customized: bool


_HITS = select(segment_hits.c.hit_count).where(segment_hits.c.segment_number == segments.c.number)
_NOT_IN_ROW: dict[str, ColumnElement[Any]] = {
    "document_id": documents.c.id,
    "hit_count": func.coalesce(_HITS.scalar_subquery(), 0).label("hit_count"),
}
SEGMENT_COLUMNS = [_NOT_IN_ROW[name] if name in _NOT_IN_ROW else segments.c[name] for name in Segment.__struct_fields__]
"""The fields of `Segment`, of a select that joins `segments` and `documents`."""

_NEW = [field.name for field in fields(NewSegment)]

_STATE = ("is_manual", "is_enabled", "status", "error", "completed_at", "stopped_at")
_INSERT = HotInsert(segments, [*_NEW, "updated_by", "updated_at", "indexing_at", *_STATE])
_NUMBERS_AT = (
    select(segments.c.number)
    .where(
        segments.c.document_number == bindparam("document"),
        segments.c.generation == bindparam("generation"),
        segments.c.position.between(bindparam("first"), bindparam("last")),
    )
    .order_by(segments.c.position)
)
_OF_WORK = and_(
    segments.c.document_number == bindparam("document"),
    segments.c.generation == bindparam("generation"),
    ~segments.c.is_manual,
)
_KEPT = (
    select(segments.c.number, segments.c.content_hash, segments.c.answer)
    .where(_OF_WORK)
    .order_by(segments.c.position, segments.c.number)
)
_KEPT_CHILDREN = (
    select(child_chunks.c.segment_number, child_chunks.c.type, child_chunks.c.content_hash)
    .join(segments, segments.c.number == child_chunks.c.segment_number)
    .where(_OF_WORK)
    .order_by(child_chunks.c.segment_number, child_chunks.c.position)
)

_OF_CONTENT = and_(
    segments.c.document_number == bindparam("document"), segments.c.generation == bindparam("of_generation")
)
_COMPLETE = (
    update(segments)
    .where(_OF_CONTENT, segments.c.status == "indexing", ~segments.c.is_manual)
    .values(status="completed", is_enabled=True, completed_at=bindparam("now"), updated_at=bindparam("now"))
)
_SUMMED = (segments.c.word_count, segments.c.tokens, segment_hits.c.hit_count)
_SUMS = (
    select(*(func.coalesce(func.sum(column), 0) for column in _SUMMED))
    .outerjoin_from(segments, segment_hits)
    .where(_OF_CONTENT)
)


def insert_staged(tx: Connection, new: Sequence[NewSegment]) -> list[int]:
    """Add segments of one content that wait for their index, by position; return their numbers in the same order."""
    waiting = dict.fromkeys(_STATE) | {"is_manual": False, "is_enabled": False, "status": "indexing"}
    return _insert(tx, new, waiting)


def insert_manual(tx: Connection, new: Sequence[NewSegment], status: str, error: str | None) -> list[int]:
    """Add segments that a person wrote into a completed document, by position; return their numbers in that order."""
    is_done = status == "completed"
    written = {
        "is_manual": True,
        "is_enabled": status != "error",
        "status": status,
        "error": error,
        "completed_at": new[0].created_at if is_done and new else None,
        "stopped_at": new[0].created_at if status == "error" and new else None,
    }
    return _insert(tx, new, written)


def moved(segment: NewSegment, position: int) -> NewSegment:
    """Return the segment at another position."""
    return replace(segment, position=position)


def list_by_number(conn: Connection, numbers: Sequence[int]) -> list[Segment]:
    """Return segments by number, ascending."""
    statement = (
        select(*SEGMENT_COLUMNS)
        .join(documents, documents.c.number == segments.c.document_number)
        .where(segments.c.number.in_(numbers))
        .order_by(segments.c.number)
    )
    return [Segment(*row) for row in conn.execute(statement)]


def find_segment(conn: Connection, document_number: int, generation: int, segment_id: str) -> Segment | None:
    """Return a segment of this content, or None."""
    statement = (
        select(*SEGMENT_COLUMNS)
        .join(documents, documents.c.number == segments.c.document_number)
        .where(
            segments.c.id == segment_id,
            segments.c.document_number == document_number,
            segments.c.generation == generation,
        )
    )
    row = conn.execute(statement).first()
    return Segment(*row) if row else None


def update_segment(tx: Connection, number: int, values: dict[str, Any]) -> None:
    """Change a segment."""
    tx.execute(update(segments).where(segments.c.number == number).values(**values))


def delete_segment(tx: Connection, number: int) -> int:
    """Remove a segment with its child chunks; return how many hits it had."""
    # Until its row is held, hits of it may still be written on PostgreSQL.
    tx.execute(select(segments.c.number).where(segments.c.number == number).with_for_update())
    hits = tx.execute(select(segment_hits.c.hit_count).where(segment_hits.c.segment_number == number)).scalar()
    tx.execute(delete(segments).where(segments.c.number == number))
    return hits or 0


def mark_embedded(tx: Connection, numbers: Sequence[int], now: float) -> list[int]:
    """Let segments answer that waited for their embeddings; return their numbers."""
    statement = (
        update(segments)
        .where(segments.c.number.in_(numbers), segments.c.status == "indexing")
        .values(status="completed", completed_at=now)
        .returning(segments.c.number)
    )
    return list(tx.execute(statement).scalars())


def mark_failed(tx: Connection, numbers: Sequence[int], message: str, now: float) -> None:
    """End segments in `error` that waited for their embeddings."""
    tx.execute(
        update(segments)
        .where(segments.c.number.in_(numbers), segments.c.status == "indexing")
        .values(status="error", is_enabled=False, error=message, stopped_at=now)
    )


def set_hooks(tx: Connection, dataset_id: str, has_own_hooks: bool) -> None:
    """Say of all of a dataset's segments whether their own text is searched."""
    tx.execute(update(segments).where(segments.c.dataset_id == dataset_id).values(is_hook=has_own_hooks))


def list_without_keywords(conn: Connection, dataset_id: str, after: int, limit: int) -> list[tuple[int, str]]:
    """Return number and content of the dataset's next segments that show no keywords, by number behind `after`."""
    statement = (
        select(segments.c.number, segments.c.content)
        .where(segments.c.dataset_id == dataset_id, segments.c.number > after, segments.c.keywords_json == "[]")
        .order_by(segments.c.number)
        .limit(limit)
    )
    return [(number, content) for number, content in conn.execute(statement)]


def set_keywords(tx: Connection, keywords: dict[int, str]) -> None:
    """Show keywords, JSON lists by segment number, where a segment still shows none."""
    shows_none = and_(segments.c.number == bindparam("of"), segments.c.keywords_json == "[]")
    if keywords:
        tx.execute(
            update(segments).where(shows_none).values(keywords_json=bindparam("keywords")),
            [{"of": number, "keywords": text} for number, text in keywords.items()],
        )


def last_position(conn: Connection, document_number: int, generation: int) -> int:
    """Return the highest position of this content, 0 if it has no segments."""
    statement = select(func.coalesce(func.max(segments.c.position), 0)).where(
        segments.c.document_number == document_number, segments.c.generation == generation
    )
    return conn.execute(statement).scalar_one()


def list_segments(
    conn: Connection, conditions: Sequence[ColumnElement[bool]], offset: int, limit: int
) -> list[Segment]:
    """Return a page of segments by position."""
    statement = (
        select(*SEGMENT_COLUMNS)
        .join(documents, documents.c.number == segments.c.document_number)
        .where(*conditions)
        .order_by(segments.c.position, segments.c.id)
        .offset(offset)
        .limit(limit)
    )
    return [Segment(*row) for row in conn.execute(statement)]


def count_segments(conn: Connection, conditions: Sequence[ColumnElement[bool]]) -> int:
    """Return how many segments match."""
    return conn.execute(select(func.count(segments.c.number)).where(*conditions)).scalar_one()


def matching(
    document_number: int, generation: int, keyword: str | None, statuses: Sequence[str]
) -> list[ColumnElement[bool]]:
    """Return the conditions of a segment list."""
    conditions: list[ColumnElement[bool]] = [
        segments.c.document_number == document_number,
        segments.c.generation == generation,
    ]
    if keyword is not None:
        conditions.append(func.lower(segments.c.content).contains(keyword.lower(), autoescape=True))
    if statuses:
        conditions.append(segments.c.status.in_(statuses))
    return conditions


def list_kept(conn: Connection, document_number: int, generation: int) -> list[KeptSegment]:
    """Return what decides whether new content keeps a segment, for each segment that the work made, by position."""
    work = {"document": document_number, "generation": generation}
    children: dict[int, list[tuple[str, str]]] = {}
    for number, kind, content_hash in conn.execute(_KEPT_CHILDREN, work):
        children.setdefault(number, []).append((kind, content_hash))
    return [
        KeptSegment(
            number=number,
            content_hash=content_hash,
            answer=answer,
            child_hashes=[each[1] for each in children.get(number, [])],
            has_customized=any(each[0] == "customized" for each in children.get(number, [])),
        )
        for number, content_hash, answer in conn.execute(_KEPT, work)
    ]


def replace_generation(tx: Connection, document_number: int, generation: int) -> None:
    """Put staged content in the place of the older one.

    Segments whose text stays keep their row and take position and place of their staged twin, and its links to
    pictures; those written by hand follow.
    """
    of_document = segments.c.document_number == document_number
    twins = and_(of_document, segments.c.generation == generation, segments.c.keeps_number.is_not(None))
    kept = tx.execute(select(segments.c.keeps_number, segments.c.position, segments.c.place_json).where(twins)).all()
    taken = [{"kept": number, "new_position": position, "new_place": place} for number, position, place in kept]
    kept_numbers = {row[0] for row in kept}
    links = _list_links(tx, twins)
    by_hand = (
        select(segments.c.number)
        .where(of_document, segments.c.generation != generation, segments.c.is_manual)
        .order_by(segments.c.position, segments.c.number)
    )
    end = last_position(tx, document_number, generation)
    left = [number for number in tx.execute(by_hand).scalars() if number not in kept_numbers]
    following = [{"kept": number, "new_position": position} for position, number in enumerate(left, end + 1)]
    tx.execute(delete(segments).where(twins))
    take_position = (
        update(segments)
        .where(segments.c.number == bindparam("kept"))
        .values(position=bindparam("new_position"), generation=generation)
    )
    if taken:
        tx.execute(take_position.values(place_json=bindparam("new_place")), taken)
    if links:
        take_links = update(segments).where(segments.c.number == bindparam("kept"))
        tx.execute(take_links.values(content=bindparam("new_content"), answer=bindparam("new_answer")), links)
    if following:
        tx.execute(take_position, following)
    tx.execute(delete(segments).where(of_document, segments.c.generation != generation))


def complete_generation(tx: Connection, document_number: int, generation: int, now: float) -> None:
    """Let the staged segments of this content answer."""
    tx.execute(_COMPLETE, {"document": document_number, "of_generation": generation, "now": now})


def delete_superseded(tx: Connection, document_number: int, live_generation: int) -> None:
    """Remove staged content: what newer content has overtaken, or an interrupted run left."""
    tx.execute(
        delete(segments).where(segments.c.document_number == document_number, segments.c.generation != live_generation)
    )


def sum_generation(conn: Connection, document_number: int, generation: int) -> dict[str, int]:
    """Return the document's counts over this content: word_count, tokens, hit_count."""
    sums = conn.execute(_SUMS, {"document": document_number, "of_generation": generation}).one()
    return {column.name: int(value) for column, value in zip(_SUMMED, sums, strict=True)}


def _list_links(conn: Connection, twins: ColumnElement[bool]) -> list[dict[str, Any]]:
    """Return the texts of twins that link to pictures, which are other ones in another file."""
    has_links = segments.c.content.contains(LINK_END) | segments.c.answer.contains(LINK_END)
    rows = conn.execute(select(segments.c.keeps_number, segments.c.content, segments.c.answer).where(twins, has_links))
    return [{"kept": number, "new_content": content, "new_answer": answer} for number, content, answer in rows]


def _insert(tx: Connection, new: Sequence[NewSegment], state: dict[str, Any]) -> list[int]:
    values = [
        {
            **{name: getattr(segment, name) for name in _NEW},
            "updated_by": segment.created_by,
            "updated_at": segment.created_at,
            "indexing_at": segment.created_at,
            **state,
        }
        for segment in new
    ]
    if not values:
        return []
    _INSERT.run(tx, values)
    # Asked for behind all rows: with RETURNING in their order, SQLite would take them one statement each.
    places = {
        "document": new[0].document_number,
        "generation": new[0].generation,
        "first": new[0].position,
        "last": new[-1].position,
    }
    return list(tx.execute(_NUMBERS_AT, places).scalars())
