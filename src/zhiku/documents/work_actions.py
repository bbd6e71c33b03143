"""What a person does with the work on a document's content: pause, resume, retry and cancel it (contract 13)."""

from collections.abc import Callable, Mapping

from zhiku.datasets import store as dataset_store
from zhiku.db.engine import Connection
from zhiku.documents import store
from zhiku.documents.decision import check_model
from zhiku.documents.store import Document, DocumentRow
from zhiku.documents.work import FINISHED, job_subject, queue_work, restart_work, with_metadata
from zhiku.errors import ArchivedDocumentImmutable, InvalidAction, NotFound
from zhiku.jobs import queue
from zhiku.runtime import Runtime

CANCELLED = "Cancelled."
LAST_STEP = "is being taken into the index, the last step, and will be available in a moment."


def act_on_work(rt: Runtime, dataset_id: str, document_id: str, action: str) -> DocumentRow:
    """Do one of WORK_ACTIONS to a document's work and return the document; what is so already stays as it is.

    Raises NotFound, ArchivedDocumentImmutable, InvalidAction, ProviderNotInitialize.
    """
    act = WORK_ACTIONS.get(action)
    if act is None:
        raise InvalidAction(f"Invalid action: {action}. Must be one of {list(WORK_ACTIONS)}")
    with rt.db.begin() as tx:
        if not dataset_store.hold_dataset(tx, dataset_id):
            raise NotFound("Dataset not found.")
        document = store.find_document(tx, dataset_id, document_id)
        if document is None:
            raise NotFound("Document not found.")
        if document.is_archived:
            raise ArchivedDocumentImmutable
        changed = act(rt, tx, document)
        upload = store.find_upload(tx, changed.upload_id)
    if upload is None:
        raise NotFound("Document not found.")
    rt.wakeups.jobs()
    return with_metadata(rt, DocumentRow(changed, upload))


def _pause(rt: Runtime, tx: Connection, document: Document) -> Document:
    """Keep the work where its last checkpoint is; whoever runs it meets that at the next one."""
    _check_unfinished(document, "pause")
    if document.paused_at is not None:
        return document
    if not queue.pause_subject(tx, job_subject(document.id)):
        raise InvalidAction(f"Document: {document.name} {LAST_STEP}")
    return store.change_document(tx, document.number, {"paused_at": rt.clock.now()})


def _resume(rt: Runtime, tx: Connection, document: Document) -> Document:
    _check_unfinished(document, "resume")
    if document.paused_at is None:
        return document
    if not queue.resume_subject(tx, rt.clock, job_subject(document.id)):
        queue_work(rt, tx, document)
    return store.change_document(tx, document.number, {"paused_at": None, "indexing_status": "waiting"})


def _retry(rt: Runtime, tx: Connection, document: Document) -> Document:
    """Work the stored source of a failed document, or the version it was to have, again as a new generation."""
    if document.indexing_status not in FINISHED:
        if document.paused_at is not None:
            raise InvalidAction(f"Document: {document.name} is paused; resume it instead.")
        return document
    if document.indexing_status != "error":
        raise InvalidAction(f"Document: {document.name} has not failed, so there is nothing to retry.")
    dataset = dataset_store.find_dataset(tx, document.dataset_id)
    if dataset is not None:
        check_model(rt, dataset)
    values = {"updated_at": rt.clock.now(), "restores_version": document.restores_version}
    return restart_work(rt, tx, document, values)


def _cancel(rt: Runtime, tx: Connection, document: Document) -> Document:
    """End the work in `error`; content that answered before goes on answering."""
    if document.indexing_status == "error" and document.error == CANCELLED:
        return document
    _check_unfinished(document, "cancel")
    if not queue.cancel_subject(tx, job_subject(document.id)):
        raise InvalidAction(f"Document: {document.name} {LAST_STEP}")
    now = rt.clock.now()
    values = {"indexing_status": "error", "error": CANCELLED, "stopped_at": now, "paused_at": None}
    return store.change_document(tx, document.number, values)


WORK_ACTIONS: Mapping[str, Callable[[Runtime, Connection, Document], Document]] = {
    "pause": _pause,
    "resume": _resume,
    "retry": _retry,
    "cancel": _cancel,
}


def _check_unfinished(document: Document, action: str) -> None:
    if document.indexing_status in FINISHED:
        raise InvalidAction(f"Document: {document.name} is not being indexed, so there is nothing to {action}.")
