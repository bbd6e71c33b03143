"""The catalog's side of a rebuild: which postings a dataset should have."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, func, select

from zhiku.db.tables import documents, embeddings, segments


@dataclass(frozen=True, slots=True)
class PostingRow:
    """A segment as the index wants it, still packed; `vector` is None if the catalog has no embedding of it."""

    number: int
    document_number: int
    terms: bytes
    keyword_hashes: bytes
    vector: bytes | None


def _is_live(dataset_id: str) -> ColumnElement[bool]:
    # The contract's section on retrieval: disabled and archived documents and disabled segments never answer,
    # and a document that is being updated answers with its last completed content.
    return and_(
        segments.c.dataset_id == dataset_id,
        segments.c.generation == documents.c.live_generation,
        segments.c.status == "completed",
        segments.c.is_enabled.is_(True),
        documents.c.is_enabled.is_(True),
        documents.c.is_archived.is_(False),
    )


def count_live_postings(connection: Connection, dataset_id: str) -> int:
    """Return how many postings the dataset's index should have."""
    query = (
        select(func.count())
        .select_from(segments.join(documents, segments.c.document_number == documents.c.number))
        .where(_is_live(dataset_id))
    )
    return int(connection.execute(query).scalar_one())


def list_live_postings(
    connection: Connection, dataset_id: str, model_key: str, *, after: int, limit: int
) -> list[PostingRow]:
    """Return the postings the dataset's index should have with numbers above `after`, ascending, at most `limit`.

    The vectors are those of the model `model_key`. Relies on the index of segments by dataset.
    """
    has_embedding = and_(embeddings.c.model_key == model_key, embeddings.c.content_hash == segments.c.content_hash)
    query = (
        select(
            segments.c.number,
            segments.c.document_number,
            segments.c.terms,
            segments.c.keyword_hashes,
            embeddings.c.vector,
        )
        .select_from(
            segments.join(documents, segments.c.document_number == documents.c.number).outerjoin(
                embeddings, has_embedding
            )
        )
        .where(_is_live(dataset_id), segments.c.number > after)
        .order_by(segments.c.number)
        .limit(limit)
    )
    return [PostingRow(*row) for row in connection.execute(query)]
