"""SQL behind the answers: the segments and documents that hits point at."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from sqlalchemy import Connection, and_, bindparam, select

from zhiku.db.tables import documents, segments
from zhiku.segments.store import Segment


@dataclass(frozen=True, slots=True)
class DocumentRef:
    """What a record tells of its document."""

    id: str
    data_source_type: str
    name: str


_SEGMENT = [documents.c.id if field.name == "document_id" else segments.c[field.name] for field in fields(Segment)]
_DOCUMENT = [documents.c[field.name] for field in fields(DocumentRef)]
_ANSWERING = (
    select(*_SEGMENT, *_DOCUMENT, documents.c.position)
    .join(
        documents,
        and_(
            documents.c.number == segments.c.document_number,
            documents.c.live_generation == segments.c.generation,
        ),
    )
    .where(
        segments.c.number.in_(bindparam("numbers", expanding=True)),
        segments.c.is_enabled,
        segments.c.status == "completed",
        documents.c.is_enabled,
        ~documents.c.is_archived,
    )
)


def list_answering(conn: Connection, numbers: Sequence[int]) -> list[tuple[Segment, DocumentRef, int]]:
    """Return those of the numbered segments that may answer now, each with its document and its position."""
    width, end = len(_SEGMENT), len(_SEGMENT) + len(_DOCUMENT)
    rows = conn.execute(_ANSWERING, {"numbers": list(numbers)})
    return [(Segment(*row[:width]), DocumentRef(*row[width:end]), row[end]) for row in rows]
