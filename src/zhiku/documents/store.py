"""SQL of documents and the files they were made from."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, delete, func, insert, select, update

from zhiku.db.tables import document_versions, documents, pictures, segments, uploads
from zhiku.documents.metadata_store import MetadataEntry, list_metadata


@dataclass(frozen=True, slots=True)
class Upload:
    """A row of `uploads`: a stored file."""

    id: str
    dataset_id: str
    document_id: str
    name: str
    size_bytes: int
    extension: str
    mime_type: str
    blob_key: str
    is_text: bool
    created_by: str
    created_at: float


@dataclass(frozen=True, slots=True)
class NewDocument:
    """The values of a document that do not depend on its work."""

    id: str
    dataset_id: str
    position: int
    name: str
    batch: str
    upload_id: str
    process_rule_id: str
    doc_form: str
    doc_language: str
    is_summary_needed: bool
    created_by: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Document:
    """A row of `documents`."""

    number: int
    id: str
    dataset_id: str
    position: int
    name: str
    batch: str
    data_source_type: str
    upload_id: str
    process_rule_id: str
    doc_form: str
    doc_language: str
    created_from: str
    created_by: str
    created_at: float
    updated_at: float
    indexing_status: str
    error: str | None
    is_enabled: bool
    disabled_at: float | None
    disabled_by: str | None
    is_archived: bool
    is_summary_needed: bool
    word_count: int
    tokens: int
    hit_count: int
    processing_started_at: float | None
    parsing_completed_at: float | None
    cleaning_completed_at: float | None
    splitting_completed_at: float | None
    completed_at: float | None
    paused_at: float | None
    stopped_at: float | None
    generation: int
    live_generation: int
    version: int
    restores_version: int | None
    is_summarizing: bool
    warning: str | None


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document with its file and its metadata."""

    document: Document
    upload: Upload
    metadata: Sequence[MetadataEntry] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a document's work is."""

    document: Document
    completed_segments: int
    total_segments: int


_DOCUMENT = [documents.c[field.name] for field in fields(Document)]
_UPLOAD = [uploads.c[field.name] for field in fields(Upload)]
_BLANK_WORK: dict[str, Any] = {
    "indexing_status": "waiting",
    "error": None,
    "warning": None,
    "processing_started_at": None,
    "parsing_completed_at": None,
    "cleaning_completed_at": None,
    "splitting_completed_at": None,
    "completed_at": None,
    "paused_at": None,
    "stopped_at": None,
    "restores_version": None,
}
# Made once: to build one of these takes longer than to run it.
_INSERT = (
    insert(documents)
    .values(
        **_BLANK_WORK,
        data_source_type="upload_file",
        created_from="api",
        is_enabled=True,
        is_archived=False,
        word_count=0,
        tokens=0,
        hit_count=0,
        generation=1,
        live_generation=0,
        version=1,
    )
    .returning(*_DOCUMENT)
)
_INSERT_UPLOAD = insert(uploads)
_OF_ID = select(*_DOCUMENT).where(documents.c.id == bindparam("document_id"))
_OF_DATASET = _OF_ID.where(documents.c.dataset_id == bindparam("dataset_id"))
_OF_IDS = (
    select(*_DOCUMENT).where(documents.c.id.in_(bindparam("document_ids", expanding=True))).order_by(documents.c.number)
)
_OF_NAME = (
    select(*_DOCUMENT)
    .where(
        documents.c.dataset_id == bindparam("dataset_id"),
        documents.c.name == bindparam("name"),
        documents.c.data_source_type == "upload_file",
        documents.c.is_enabled,
        ~documents.c.is_archived,
    )
    .order_by(documents.c.created_at, documents.c.number)
    .limit(1)
)
_UPLOAD_OF_ID = select(*_UPLOAD).where(uploads.c.id == bindparam("upload_id"))


def insert_upload(tx: Connection, upload: Upload) -> None:
    """Add the row of a stored file."""
    tx.execute(_INSERT_UPLOAD, {field.name: getattr(upload, field.name) for field in fields(Upload)})


def delete_uploads_of_document(tx: Connection, document: Document) -> list[str]:
    """Remove the rows of all files stored for a document; return their blob keys."""
    return _delete_uploads(tx, *_stored_for(document))


def delete_older_uploads(tx: Connection, document: Document) -> list[str]:
    """Remove the rows of the files that neither the document's newest content nor a version is made of.

    Return their blob keys.
    """
    is_kept = select(document_versions.c.number).where(document_versions.c.upload_id == uploads.c.id).exists()
    conditions = (*_stored_for(document), uploads.c.id != document.upload_id, ~is_kept)
    return _delete_uploads(tx, *conditions)


def find_upload(conn: Connection, upload_id: str) -> Upload | None:
    """Return a stored file's row, or None."""
    row = conn.execute(_UPLOAD_OF_ID, {"upload_id": upload_id}).first()
    return Upload(*row) if row else None


def list_uploads(conn: Connection, dataset_id: str, document_ids: Sequence[str]) -> list[tuple[Document, Upload]]:
    """Return those of the documents that are the dataset's, each with its file, in no order."""
    statement = (
        select(*_DOCUMENT, *_UPLOAD)
        .join(uploads, uploads.c.id == documents.c.upload_id)
        .where(documents.c.dataset_id == dataset_id, documents.c.id.in_(document_ids))
    )
    width = len(_DOCUMENT)
    return [(Document(*row[:width]), Upload(*row[width:])) for row in conn.execute(statement)]


def insert_document(tx: Connection, new: NewDocument) -> Document:
    """Add a waiting document and return it."""
    values = {field.name: getattr(new, field.name) for field in fields(NewDocument)}
    return Document(*tx.execute(_INSERT, {**values, "updated_at": new.created_at}).one())


def restart_document(tx: Connection, number: int, values: dict[str, Any]) -> Document:
    """Send a document back to `waiting` with new content, which gets the next generation; return it."""
    statement = (
        update(documents)
        .where(documents.c.number == number)
        .values({**_BLANK_WORK, **values, "generation": documents.c.generation + 1})
        .returning(*_DOCUMENT)
    )
    return Document(*tx.execute(statement).one())


def change_document(tx: Connection, number: int, values: dict[str, Any]) -> Document:
    """Write values that leave a document's content alone; return it."""
    statement = update(documents).where(documents.c.number == number).values(**values).returning(*_DOCUMENT)
    return Document(*tx.execute(statement).one())


def change_documents(tx: Connection, numbers: Sequence[int], values: dict[str, Any]) -> None:
    """Write the same values, which leave the content alone, to all of these documents."""
    tx.execute(update(documents).where(documents.c.number.in_(numbers)).values(**values))


def find_document(conn: Connection, dataset_id: str, document_id: str) -> Document | None:
    """Return a document of this dataset, or None."""
    row = conn.execute(_OF_DATASET, {"dataset_id": dataset_id, "document_id": document_id}).first()
    return Document(*row) if row else None


def find_document_by_id(conn: Connection, document_id: str) -> Document | None:
    """Return a document of any dataset, or None; for jobs, which know the id alone."""
    row = conn.execute(_OF_ID, {"document_id": document_id}).first()
    return Document(*row) if row else None


def list_documents_by_id(conn: Connection, document_ids: Sequence[str]) -> list[Document]:
    """Return the documents of these ids that still exist, by number."""
    return [Document(*row) for row in conn.execute(_OF_IDS, {"document_ids": document_ids})]


def list_unchanged(conn: Connection, seen: Sequence[Document]) -> list[Document]:
    """Return those of the documents that still have the generation they were seen with, as they are now."""
    generation_of = {document.id: document.generation for document in seen}
    now = list_documents_by_id(conn, list(generation_of))
    return [document for document in now if document.generation == generation_of[document.id]]


def find_replaceable(conn: Connection, dataset_id: str, name: str) -> Document | None:
    """Return the oldest enabled, unarchived document of this name, which a create of that name replaces, or None."""
    row = conn.execute(_OF_NAME, {"dataset_id": dataset_id, "name": name}).first()
    return Document(*row) if row else None


def find_document_row(conn: Connection, dataset_id: str, document_id: str) -> DocumentRow | None:
    """Return a document of this dataset with its file, or None."""
    rows = _list_rows(
        conn,
        select(*_DOCUMENT, *_UPLOAD)
        .join(uploads, uploads.c.id == documents.c.upload_id)
        .where(documents.c.dataset_id == dataset_id, documents.c.id == document_id),
    )
    return rows[0] if rows else None


def list_documents(
    conn: Connection, conditions: Sequence[ColumnElement[bool]], offset: int, limit: int
) -> list[DocumentRow]:
    """Return a page of documents, newest first, with their files."""
    return _list_rows(
        conn,
        select(*_DOCUMENT, *_UPLOAD)
        .join(uploads, uploads.c.id == documents.c.upload_id)
        .where(*conditions)
        .order_by(documents.c.created_at.desc(), documents.c.position.desc())
        .offset(offset)
        .limit(limit),
    )


def with_metadata(conn: Connection, rows: Sequence[DocumentRow]) -> list[DocumentRow]:
    """Return the documents with their metadata, read by one query."""
    metadata = list_metadata(conn, [row.document.number for row in rows])
    return [replace(row, metadata=metadata[row.document.number]) for row in rows]


def count_documents(conn: Connection, conditions: Sequence[ColumnElement[bool]]) -> int:
    """Return how many documents match."""
    return conn.execute(select(func.count(documents.c.number)).where(*conditions)).scalar_one()


def matching(dataset_id: str, keyword: str | None, status: str | None) -> list[ColumnElement[bool]]:
    """Return the conditions of a document list; `status` is a display status or an indexing status."""
    conditions: list[ColumnElement[bool]] = [documents.c.dataset_id == dataset_id]
    if keyword is not None:
        conditions.append(func.lower(documents.c.name).contains(keyword.lower(), autoescape=True))
    if status is not None:
        conditions.append(_with_status(status))
    return conditions


def list_progress(conn: Connection, dataset_id: str, batch: str) -> list[Progress]:
    """Return the progress of a batch's documents in the order of their positions."""
    made = and_(segments.c.document_number == documents.c.number, segments.c.generation == documents.c.generation)
    statement = (
        select(*_DOCUMENT, func.count(segments.c.completed_at), func.count(segments.c.number))
        .outerjoin(segments, made)
        .where(documents.c.dataset_id == dataset_id, documents.c.batch == batch)
        .group_by(documents.c.number)
        .order_by(documents.c.position)
    )
    width = len(_DOCUMENT)
    return [Progress(Document(*row[:width]), row[width], row[width + 1]) for row in conn.execute(statement)]


def count_segments(conn: Connection, document: Document) -> int:
    """Return how many segments the document's newest content has."""
    statement = select(func.count(segments.c.number)).where(
        segments.c.document_number == document.number, segments.c.generation == document.generation
    )
    return conn.execute(statement).scalar_one()


def add_counts(tx: Connection, dataset_id: str, number: int, words: int, tokens: int, hits: int = 0) -> None:
    """Change a document's counts by what an edit of a segment added to its words, tokens and hits.

    Tokens are counted when a first content is complete (contract 4.7), so before that an edit has none to change.
    """
    counts = {"word_count": words, "tokens": tokens, "hit_count": hits}
    changed = {name: documents.c[name] + added for name, added in counts.items()}
    changed["tokens"] = case((documents.c.live_generation > 0, changed["tokens"]), else_=documents.c.tokens)
    tx.execute(
        update(documents).where(documents.c.number == number, documents.c.dataset_id == dataset_id).values(changed)
    )


def delete_document(tx: Connection, number: int) -> None:
    """Remove a document with its segments."""
    tx.execute(delete(documents).where(documents.c.number == number))


def _delete_uploads(tx: Connection, *conditions: ColumnElement[bool]) -> list[str]:
    """Remove the rows of files, with which those of their pictures go; return the blob keys of both."""
    gone = select(uploads.c.id).where(*conditions)
    keys = list(tx.execute(select(pictures.c.blob_key).where(pictures.c.upload_id.in_(gone))).scalars())
    return [*tx.execute(delete(uploads).where(*conditions).returning(uploads.c.blob_key)).scalars(), *keys]


def _stored_for(document: Document) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return uploads.c.dataset_id == document.dataset_id, uploads.c.document_id == document.id


def _list_rows(conn: Connection, statement: Any) -> list[DocumentRow]:
    width = len(_DOCUMENT)
    found = [DocumentRow(Document(*row[:width]), Upload(*row[width:])) for row in conn.execute(statement)]
    return with_metadata(conn, found)


def _with_status(status: str) -> ColumnElement[bool]:
    is_completed = documents.c.indexing_status == "completed"
    is_paused = documents.c.paused_at.is_not(None)
    by_display: dict[str, ColumnElement[bool]] = {
        "queuing": (documents.c.indexing_status == "waiting") & ~is_paused,
        "indexing": documents.c.indexing_status.in_(("parsing", "cleaning", "splitting", "indexing")) & ~is_paused,
        "paused": is_paused & documents.c.indexing_status.not_in(("completed", "error")),
        "available": is_completed & documents.c.is_enabled & ~documents.c.is_archived,
        "disabled": is_completed & ~documents.c.is_enabled & ~documents.c.is_archived,
        "archived": is_completed & documents.c.is_archived,
    }
    return by_display.get(status, documents.c.indexing_status == status)
