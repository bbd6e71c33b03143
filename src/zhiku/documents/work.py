"""The work on a document's content: when it may begin, and how it is queued."""

from typing import Any

from zhiku.db.engine import Connection
from zhiku.documents import store, version_store
from zhiku.documents.store import Document, DocumentRow
from zhiku.errors import ArchivedDocumentImmutable, DocumentIndexing, InvalidParam
from zhiku.jobs import queue
from zhiku.jobs.kinds import IngestDocument, SummarizeDocument
from zhiku.runtime import Runtime

FINISHED = ("completed", "error")
IN_WORK = ("parsing", "cleaning", "splitting", "indexing")


def job_subject(document_id: str) -> str:
    """Return the subject under which a document's work is queued, so that it never runs twice at once."""
    return f"document:{document_id}"


def queue_work(rt: Runtime, tx: Connection, document: Document) -> None:
    """Queue the work on a document's newest content in the caller's transaction."""
    job = IngestDocument(document_id=document.id, generation=document.generation)
    queue.enqueue(tx, rt.clock, job, subject=job_subject(document.id), dataset_id=document.dataset_id)


def queue_summaries(rt: Runtime, tx: Connection, document: Document, generation: int) -> None:
    """Queue the summaries of the content of this generation, in place of those of older content."""
    subject = f"summaries:{document.id}"
    queue.cancel_subject(tx, subject)
    job = SummarizeDocument(document_id=document.id, generation=generation)
    queue.enqueue(tx, rt.clock, job, subject=subject, dataset_id=document.dataset_id)


def restart_work(rt: Runtime, tx: Connection, document: Document, values: dict[str, Any]) -> Document:
    """Return the document waiting with new content, whose work is queued in place of what was under way."""
    queue.cancel_subject(tx, job_subject(document.id))
    if document.indexing_status == "completed":
        version_store.note_content(tx, document)
    restarted = store.restart_document(tx, document.number, values)
    queue_work(rt, tx, restarted)
    return restarted


def with_metadata(rt: Runtime, row: DocumentRow) -> DocumentRow:
    """Return a document just written as it is shown: with the metadata it keeps."""
    with rt.db.read() as conn:
        return store.with_metadata(conn, [row])[0]


def check_editable(document: Document) -> None:
    """Raise what an update is refused for (contract D50, D51): archived, off or paused, in work."""
    if document.is_archived:
        raise ArchivedDocumentImmutable
    is_finished = document.indexing_status in FINISHED
    if not document.is_enabled or (document.paused_at is not None and not is_finished):
        raise InvalidParam("Document is not available")
    if not is_finished:
        raise DocumentIndexing
