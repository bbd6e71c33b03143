"""SQL of the work on documents' content: how far it is, and which of it answers."""

from typing import Any

from sqlalchemy import Connection, Update, and_, bindparam, func, select, update

from zhiku.db.tables import child_chunks, documents, segment_summaries, segments

_ANSWERS = and_(
    segments.c.document_number == bindparam("document"),
    segments.c.generation == bindparam("of_generation"),
    segments.c.is_enabled,
    segments.c.status == "completed",
)
_OWN_TERMS = select(func.count(segments.c.number), func.coalesce(func.sum(segments.c.term_count), 0)).where(
    _ANSWERS, segments.c.is_hook
)
_CHILD_TERMS = (
    select(func.count(child_chunks.c.number), func.coalesce(func.sum(child_chunks.c.term_count), 0))
    .join(segments, segments.c.number == child_chunks.c.segment_number)
    .where(_ANSWERS)
)
_SUMMARY_TERMS = (
    select(func.count(segment_summaries.c.segment_number), func.coalesce(func.sum(segment_summaries.c.term_count), 0))
    .join(segments, segments.c.number == segment_summaries.c.segment_number)
    .where(_ANSWERS)
)
_UPDATE = update(documents).where(
    documents.c.number == bindparam("document"), documents.c.generation == bindparam("of_generation")
)


def sum_live_terms(conn: Connection, number: int, generation: int) -> tuple[int, int]:
    """Return how many postings the index holds for this content of a document, and their words."""
    content = {"document": number, "of_generation": generation}
    counts = [conn.execute(statement, content).one() for statement in (_OWN_TERMS, _CHILD_TERMS, _SUMMARY_TERMS)]
    return sum(int(row[0]) for row in counts), sum(int(row[1]) for row in counts)


def mark_working(tx: Connection, number: int, generation: int, values: dict[str, Any]) -> bool:
    """Write what the work on this generation has reached; False if newer content has taken its place."""
    return _update(tx, number, generation, values)


def mark_error(tx: Connection, number: int, generation: int, message: str, now: float) -> bool:
    """End the work on this generation with a message for people; False if newer content has taken its place."""
    return _update(tx, number, generation, {"indexing_status": "error", "error": message, "stopped_at": now})


def mark_completed(tx: Connection, number: int, generation: int, values: dict[str, Any]) -> None:
    """Let this generation answer."""
    _update(tx, number, generation, {**values, "indexing_status": "completed", "live_generation": generation})


def end_summaries(tx: Connection, document_id: str, generation: int) -> None:
    """Note that no segment of this content waits for its summary any more, unless newer content answers."""
    tx.execute(_answering(document_id, generation).values(is_summarizing=False))


def warn(tx: Connection, document_id: str, generation: int, warning: str) -> None:
    """Show on the document what went other than it was wanted, unless newer content answers."""
    tx.execute(_answering(document_id, generation).values(warning=warning))


def reset_unfinished(tx: Connection) -> None:
    """Show documents whose work was cut off as waiting; their jobs go on at the last checkpoint."""
    working = ("parsing", "cleaning", "splitting", "indexing")
    tx.execute(update(documents).where(documents.c.indexing_status.in_(working)).values(indexing_status="waiting"))


def _answering(document_id: str, generation: int) -> Update:
    return update(documents).where(documents.c.id == document_id, documents.c.live_generation == generation)


def _update(tx: Connection, number: int, generation: int, values: dict[str, Any]) -> bool:
    return tx.execute(_UPDATE, {"document": number, "of_generation": generation, **values}).rowcount == 1
