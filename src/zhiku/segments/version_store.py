"""SQL of a version's way back: which of the segments that answer it keeps, and what they were when it was kept."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from sqlalchemy import Connection, and_, bindparam, select, update

from zhiku.db.tables import child_chunks, segments


@dataclass(frozen=True, slots=True)
class LiveSegment:
    """A segment that answers now: its texts, and its child chunks as pairs of type and content hash, by position."""

    number: int
    id: str
    content_hash: str
    answer: str | None
    children: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SegmentState:
    """What a person can change of a segment beside its text."""

    number: int
    position: int
    is_manual: bool
    is_enabled: bool
    disabled_at: float | None
    disabled_by: str | None
    keywords_json: str
    keyword_hashes: bytes


_STATE = [field.name for field in fields(SegmentState)]
_IS_READY = and_(
    segments.c.document_number == bindparam("document"),
    segments.c.generation == bindparam("of_generation"),
    segments.c.status == "completed",
)
_LIVE = (
    select(segments.c.number, segments.c.id, segments.c.content_hash, segments.c.answer)
    .where(_IS_READY)
    .order_by(segments.c.position)
)
_LIVE_CHILDREN = (
    select(child_chunks.c.segment_number, child_chunks.c.type, child_chunks.c.content_hash)
    .join(segments, segments.c.number == child_chunks.c.segment_number)
    .where(_IS_READY)
    .order_by(child_chunks.c.segment_number, child_chunks.c.position)
)

_SET_STATE = (
    update(segments)
    .where(segments.c.number == bindparam("to_number"))
    .values({name: bindparam(f"to_{name}") for name in _STATE if name not in ("number", "position")})
)


def list_live(conn: Connection, document_number: int, generation: int) -> list[LiveSegment]:
    """Return the segments of this content that are completed, those written by hand too, by position."""
    content = {"document": document_number, "of_generation": generation}
    children: dict[int, list[tuple[str, str]]] = {}
    for number, kind, content_hash in conn.execute(_LIVE_CHILDREN, content):
        children.setdefault(number, []).append((kind, content_hash))
    return [
        LiveSegment(number, segment_id, content_hash, answer, tuple(children.get(number, ())))
        for number, segment_id, content_hash, answer in conn.execute(_LIVE, content)
    ]


def list_taken_ids(
    conn: Connection, document_number: int, generation: int, segment_ids: Sequence[str], child_ids: Sequence[str]
) -> set[str]:
    """Return those of the ids that a segment or a child chunk of this content has."""
    of_content = and_(segments.c.document_number == document_number, segments.c.generation == generation)
    own = select(segments.c.id).where(of_content, segments.c.id.in_(segment_ids))
    children = (
        select(child_chunks.c.id)
        .join(segments, segments.c.number == child_chunks.c.segment_number)
        .where(of_content, child_chunks.c.id.in_(child_ids))
    )
    return {*conn.execute(own).scalars(), *conn.execute(children).scalars()}


def release_manual(tx: Connection, document_number: int, generation: int) -> None:
    """Let the segments of this content that a person wrote go when other content takes its place, as others do."""
    tx.execute(
        update(segments)
        .where(segments.c.document_number == document_number, segments.c.generation == generation, segments.c.is_manual)
        .values(is_manual=False)
    )


def list_changed_since(conn: Connection, document_number: int, generation: int) -> set[int]:
    """Return the positions in this staged content of kept segments that were changed since it was asked for."""
    kept = segments.alias("kept")
    statement = (
        select(segments.c.position)
        .join(kept, kept.c.number == segments.c.keeps_number)
        .where(
            segments.c.document_number == document_number,
            segments.c.generation == generation,
            kept.c.updated_at > segments.c.created_at,
        )
    )
    return set(conn.execute(statement).scalars())


def list_states(
    conn: Connection, document_number: int, generation: int, positions: Sequence[int]
) -> list[SegmentState]:
    """Return the states of the segments of this content between the first and the last of these positions."""
    statement = (
        select(*(segments.c[name] for name in _STATE))
        .where(
            segments.c.document_number == document_number,
            segments.c.generation == generation,
            segments.c.position.between(positions[0], positions[-1]),
        )
        .order_by(segments.c.position)
    )
    return [SegmentState(*row) for row in conn.execute(statement)]


def set_states(tx: Connection, states: Sequence[SegmentState]) -> None:
    """Write the states of segments, found by their numbers."""
    if states:
        tx.execute(_SET_STATE, [{f"to_{name}": getattr(state, name) for name in _STATE} for state in states])
