"""SQL of segments and of the embeddings of their texts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, insert, select, text, tuple_, update

from zhiku.db.tables import documents, embeddings, segments


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment as readers see it, with its document's id."""

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


@dataclass(frozen=True, slots=True)
class NewSegment:
    """A segment that the work on a document has made; it waits for its index."""

    id: str
    dataset_id: str
    document_number: int
    generation: int
    keeps_number: int | None
    position: int
    content: str
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


@dataclass(frozen=True, slots=True)
class Unembedded:
    """A text that has no embedding yet."""

    number: int
    content: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class PostingRow:
    """What the index is given of a segment; `vector` is None where no embedding is stored."""

    number: int
    document_number: int
    terms: bytes
    term_count: int
    keyword_hashes: bytes
    vector: bytes | None


_SEGMENT = [documents.c.id if field.name == "document_id" else segments.c[field.name] for field in fields(Segment)]
_NEW = [field.name for field in fields(NewSegment)]
_INSERT_EMBEDDING = text("""
    INSERT INTO embeddings (model_key, content_hash, vector)
    VALUES (:model_key, :content_hash, :vector)
    ON CONFLICT DO NOTHING
""")


def insert_segments(tx: Connection, new: Sequence[NewSegment]) -> None:
    """Add segments that wait for their index."""
    values = [
        {
            **{name: getattr(segment, name) for name in _NEW},
            "answer": None,
            "hit_count": 0,
            "is_enabled": False,
            "status": "indexing",
            "updated_by": segment.created_by,
            "updated_at": segment.created_at,
            "indexing_at": segment.created_at,
        }
        for segment in new
    ]
    if values:
        tx.execute(insert(segments), values)


def list_segments(
    conn: Connection, conditions: Sequence[ColumnElement[bool]], offset: int, limit: int
) -> list[Segment]:
    """Return a page of segments by position."""
    statement = (
        select(*_SEGMENT)
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


def has_generation(conn: Connection, document_number: int, generation: int) -> bool:
    """Tell whether the segments of this content are written."""
    statement = (
        select(segments.c.number)
        .where(segments.c.document_number == document_number, segments.c.generation == generation)
        .limit(1)
    )
    return conn.execute(statement).first() is not None


def list_live_hashes(conn: Connection, document_number: int, generation: int) -> list[tuple[str, int]]:
    """Return content hash and number of a document's segments, by position."""
    statement = (
        select(segments.c.content_hash, segments.c.number)
        .where(segments.c.document_number == document_number, segments.c.generation == generation)
        .order_by(segments.c.position, segments.c.number)
    )
    return [(row[0], row[1]) for row in conn.execute(statement)]


def list_unembedded(
    conn: Connection, document_number: int, generation: int, model_key: str, limit: int
) -> list[Unembedded]:
    """Return the next texts of this content that have no embedding by this model, by position."""
    has_none = embeddings.c.content_hash.is_(None)
    statement = (
        select(segments.c.number, segments.c.content, segments.c.content_hash)
        .outerjoin(
            embeddings,
            and_(embeddings.c.content_hash == segments.c.content_hash, embeddings.c.model_key == model_key),
        )
        .where(
            segments.c.document_number == document_number,
            segments.c.generation == generation,
            segments.c.keeps_number.is_(None),
            has_none,
        )
        .order_by(segments.c.position)
        .limit(limit)
    )
    return [Unembedded(*row) for row in conn.execute(statement)]


def insert_embeddings(tx: Connection, model_key: str, vectors: dict[str, bytes]) -> None:
    """Keep vectors by content hash; those that another document has brought meanwhile stay as they are."""
    if vectors:
        tx.execute(
            _INSERT_EMBEDDING,
            [{"model_key": model_key, "content_hash": key, "vector": vector} for key, vector in vectors.items()],
        )


def list_staged_postings(
    conn: Connection, staged: Sequence[tuple[int, int]], model_key: str | None, after: int, limit: int
) -> list[PostingRow]:
    """Return what the index lacks of each (document number, generation): segments behind number `after`, by number.

    A generation's staged segments all wait for the index; older ones that are kept have their posting already.
    """
    statement = (
        _postings(model_key)
        .where(tuple_(segments.c.document_number, segments.c.generation).in_(staged))
        .where(segments.c.keeps_number.is_(None), segments.c.status == "indexing", segments.c.number > after)
        .limit(limit)
    )
    return [PostingRow(*row) for row in conn.execute(statement)]


def list_live_postings(
    conn: Connection, document_number: int, model_key: str | None, after: int, limit: int
) -> list[PostingRow]:
    """Return the postings of a document that answers, behind number `after`, by number."""
    statement = (
        _postings(model_key)
        .join(documents, documents.c.number == segments.c.document_number)
        .where(
            segments.c.document_number == document_number,
            segments.c.generation == documents.c.live_generation,
            segments.c.is_enabled,
            segments.c.number > after,
        )
        .limit(limit)
    )
    return [PostingRow(*row) for row in conn.execute(statement)]


def replace_generation(tx: Connection, document_number: int, generation: int) -> list[int]:
    """Put staged content in the place of the older one; return the numbers of the segments that went.

    Segments whose text stays keep their row and take the place of their staged twin.
    """
    of_document = segments.c.document_number == document_number
    twins = and_(of_document, segments.c.generation == generation, segments.c.keeps_number.is_not(None))
    kept = [
        {"kept": row[0], "new_position": row[1]}
        for row in tx.execute(select(segments.c.keeps_number, segments.c.position).where(twins))
    ]
    if kept:
        tx.execute(delete(segments).where(twins))
        take_place = update(segments).where(segments.c.number == bindparam("kept"))
        tx.execute(take_place.values(position=bindparam("new_position"), generation=generation), kept)
    older = delete(segments).where(of_document, segments.c.generation != generation)
    return list(tx.execute(older.returning(segments.c.number)).scalars())


def complete_generation(tx: Connection, document_number: int, generation: int, now: float) -> None:
    """Let the staged segments of this content answer."""
    tx.execute(
        update(segments)
        .where(
            segments.c.document_number == document_number,
            segments.c.generation == generation,
            segments.c.status == "indexing",
        )
        .values(status="completed", is_enabled=True, completed_at=now, updated_at=now)
    )


def delete_superseded(tx: Connection, document_number: int, keep: Iterable[int]) -> list[int]:
    """Remove staged content that newer content has overtaken; return the numbers of its segments."""
    statement = (
        delete(segments)
        .where(segments.c.document_number == document_number, segments.c.generation.not_in(list(keep)))
        .returning(segments.c.number)
    )
    return list(tx.execute(statement).scalars())


def sum_generation(conn: Connection, document_number: int, generation: int) -> dict[str, int]:
    """Return the document's counts over this content: postings, terms, word_count, tokens, hit_count."""
    statement = select(
        func.count(segments.c.number),
        *(
            func.coalesce(func.sum(column), 0)
            for column in (
                segments.c.term_count,
                segments.c.word_count,
                segments.c.tokens,
                segments.c.hit_count,
            )
        ),
    ).where(segments.c.document_number == document_number, segments.c.generation == generation)
    names = ("postings", "terms", "word_count", "tokens", "hit_count")
    return {name: int(value) for name, value in zip(names, conn.execute(statement).one(), strict=True)}


def delete_unused_embeddings(tx: Connection, limit: int) -> int:
    """Remove embeddings whose text no segment has any more, at most `limit`; return how many went."""
    is_used = select(segments.c.number).where(segments.c.content_hash == embeddings.c.content_hash).exists()
    unused = tx.execute(select(embeddings.c.model_key, embeddings.c.content_hash).where(~is_used).limit(limit)).all()
    statement = delete(embeddings).where(
        embeddings.c.model_key == bindparam("unused_model"), embeddings.c.content_hash == bindparam("unused_hash")
    )
    if unused:
        tx.execute(statement, [{"unused_model": row[0], "unused_hash": row[1]} for row in unused])
    return len(unused)


def _postings(model_key: str | None) -> Any:
    """Return the select behind `PostingRow`, ordered by number."""
    return (
        select(
            segments.c.number,
            segments.c.document_number,
            segments.c.terms,
            segments.c.term_count,
            segments.c.keyword_hashes,
            embeddings.c.vector,
        )
        .outerjoin(
            embeddings,
            and_(embeddings.c.content_hash == segments.c.content_hash, embeddings.c.model_key == (model_key or "")),
        )
        .order_by(segments.c.number)
    )
