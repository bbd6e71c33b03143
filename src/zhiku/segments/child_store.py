"""SQL of child chunks, the smaller texts by which a parent segment is found."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from zhiku.db.tables import child_chunks


@dataclass(frozen=True, slots=True)
class ChildChunk:
    """A child chunk as readers see it."""

    number: int
    id: str
    segment_number: int
    position: int
    content: str
    word_count: int
    tokens: int
    index_node_id: str
    index_node_hash: str
    type: str
    created_by: str
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class NewChild:
    """A child chunk to be added to a segment."""

    id: str
    position: int
    content: str
    word_count: int
    tokens: int
    index_node_id: str
    index_node_hash: str
    type: str
    created_by: str
    created_at: float
    terms: bytes
    term_count: int
    keyword_hashes: bytes
    content_hash: str


_CHILD = [child_chunks.c[field.name] for field in fields(ChildChunk)]
_NEW = [field.name for field in fields(NewChild)]
_INSERT = insert(child_chunks)


def insert_children(tx: Connection, children: Sequence[tuple[int, NewChild]]) -> None:
    """Add (segment number, child chunk) pairs."""
    values = [
        {
            **{name: getattr(child, name) for name in _NEW},
            "segment_number": segment_number,
            "updated_at": child.created_at,
        }
        for segment_number, child in children
    ]
    if values:
        tx.execute(_INSERT, values)


def moved(child: NewChild, position: int) -> NewChild:
    """Return the child chunk at another position."""
    return replace(child, position=position)


def find_child(conn: Connection, segment_number: int, child_id: str) -> ChildChunk | None:
    """Return a child chunk of this segment, or None."""
    row = conn.execute(
        select(*_CHILD).where(child_chunks.c.id == child_id, child_chunks.c.segment_number == segment_number)
    ).first()
    return ChildChunk(*row) if row else None


def list_children(
    conn: Connection, conditions: Sequence[ColumnElement[bool]], offset: int, limit: int
) -> list[ChildChunk]:
    """Return a page of child chunks by position."""
    statement = select(*_CHILD).where(*conditions).order_by(child_chunks.c.position, child_chunks.c.id)
    return [ChildChunk(*row) for row in conn.execute(statement.offset(offset).limit(limit))]


def count_children(conn: Connection, conditions: Sequence[ColumnElement[bool]]) -> int:
    """Return how many child chunks match."""
    return conn.execute(select(func.count(child_chunks.c.number)).where(*conditions)).scalar_one()


def matching(segment_number: int, keyword: str | None) -> list[ColumnElement[bool]]:
    """Return the conditions of a child chunk list."""
    conditions: list[ColumnElement[bool]] = [child_chunks.c.segment_number == segment_number]
    if keyword is not None:
        conditions.append(func.lower(child_chunks.c.content).contains(keyword.lower(), autoescape=True))
    return conditions


def list_children_of(conn: Connection, segment_numbers: Sequence[int]) -> dict[int, list[ChildChunk]]:
    """Return the child chunks of each of these segments, by position."""
    found: dict[int, list[ChildChunk]] = {}
    statement = (
        select(*_CHILD)
        .where(child_chunks.c.segment_number.in_(segment_numbers))
        .order_by(child_chunks.c.segment_number, child_chunks.c.position, child_chunks.c.id)
    )
    for row in conn.execute(statement):
        child = ChildChunk(*row)
        found.setdefault(child.segment_number, []).append(child)
    return found


def last_position(conn: Connection, segment_number: int) -> int:
    """Return the highest position among a segment's child chunks, 0 if it has none."""
    statement = select(func.coalesce(func.max(child_chunks.c.position), 0)).where(
        child_chunks.c.segment_number == segment_number
    )
    return conn.execute(statement).scalar_one()


def update_child(tx: Connection, number: int, values: dict[str, Any]) -> None:
    """Change a child chunk."""
    tx.execute(update(child_chunks).where(child_chunks.c.number == number).values(**values))


def delete_child(tx: Connection, number: int) -> bool:
    """Remove a child chunk; False if it is gone already."""
    return tx.execute(delete(child_chunks).where(child_chunks.c.number == number)).rowcount == 1


def delete_children_of(tx: Connection, segment_number: int) -> None:
    """Remove all child chunks of a segment."""
    tx.execute(delete(child_chunks).where(child_chunks.c.segment_number == segment_number))
