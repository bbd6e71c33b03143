"""Rows for a catalog that has just what a rebuild reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Double, Integer, LargeBinary, Table, create_engine, insert

from zhiku.db.tables import datasets, documents, embeddings, metadata, segments
from zhiku.indexes.base import Posting
from zhiku.indexes.packing import pack_hashes, pack_terms
from zhiku.indexes.store import IndexBasis

MODEL = "model"
BASIS = IndexBasis(MODEL)


def make_row(table: Table, **values: Any) -> dict[str, Any]:
    """Return a row of `table`: what is not given and must not be null is empty or zero."""
    row = dict(values)
    for column in table.columns:
        if column.name not in row and not column.nullable and not column.primary_key:
            row[column.name] = _empty(column.type)
    return row


def _empty(kind: object) -> object:
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, Integer | Double):
        return 0
    return b"" if isinstance(kind, LargeBinary) else ""


class Catalog:
    """A SQLite catalog in a folder, filled row by row or with many postings at once."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'catalog.sqlite3'}"
        # Without foreign keys, so that a test needs only the rows it is about.
        self._engine = create_engine(self.url)
        metadata.create_all(self._engine)

    def add_dataset(self, dataset_id: str) -> None:
        self._insert(datasets, [make_row(datasets, id=dataset_id, name=dataset_id)])

    def add_document(self, dataset_id: str, number: int, **values: Any) -> None:
        usual = {"live_generation": 1, "generation": 1, "is_enabled": True, "position": number}
        row = make_row(documents, number=number, id=f"doc{number}", dataset_id=dataset_id, **(usual | values))
        self._insert(documents, [row])

    def add_postings(self, dataset_id: str, postings: Sequence[Posting], **values: Any) -> None:
        """Add a completed segment for each posting, with its vector as the embedding of its own content."""
        usual = {"generation": 1, "status": "completed", "is_enabled": True}
        rows = [
            make_row(
                segments,
                is_hook=True,
                number=posting.number,
                id=f"seg{posting.number}",
                dataset_id=dataset_id,
                document_number=posting.document,
                position=posting.number,
                terms=pack_terms(posting.terms),
                keyword_hashes=pack_hashes(posting.keywords),
                content_hash=f"hash{posting.number}",
                **(usual | values),
            )
            for posting in postings
        ]
        self._insert(segments, rows)
        vectors = [
            {"model_key": MODEL, "content_hash": f"hash{posting.number}", "vector": posting.vector.tobytes()}
            for posting in postings
            if posting.vector is not None
        ]
        self._insert(embeddings, vectors)

    def close(self) -> None:
        self._engine.dispose()

    def _insert(self, table: Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            with self._engine.begin() as connection:
                connection.execute(insert(table), rows)
