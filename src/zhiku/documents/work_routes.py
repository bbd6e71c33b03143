"""Routes of the work on documents: pause, resume, retry, cancel one; cut all of a dataset anew (contract 13)."""

from starlette.requests import Request
from starlette.responses import Response

from zhiku.datasets.deps import DatasetDep
from zhiku.documents.recut_replies import RecutBody, recut_body
from zhiku.documents.recuts import cancel_recut, get_recut, start_recut
from zhiku.documents.replies import AcceptedDocumentBody, document_body
from zhiku.documents.schemas import RecutDocuments
from zhiku.documents.work_actions import act_on_work
from zhiku.errors import (
    ArchivedDocumentImmutable,
    Forbidden,
    InvalidAction,
    InvalidParam,
    NotFound,
    ProviderNotInitialize,
)
from zhiku.http.auth import ActorDep
from zhiku.http.operation import operation, read_body
from zhiku.http.router import Router
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.http.schema import encode
from zhiku.runtime import Runtime

router = Router()

DOCUMENT = "/datasets/{dataset_id:id}/documents/{document_id:id}"
ERRORS = (NotFound, Forbidden, ArchivedDocumentImmutable, InvalidAction)


@operation(router, "POST", DOCUMENT + "/pause", reply=AcceptedDocumentBody, errors=ERRORS)
async def pause_document(rt: RuntimeDep, dataset: DatasetDep, document_id: str) -> Response:
    """Pause a document's indexing at its next step; a paused one stays paused, through restarts too."""
    return await _act(rt, dataset.id, document_id, "pause")


@operation(router, "POST", DOCUMENT + "/resume", reply=AcceptedDocumentBody, errors=ERRORS)
async def resume_document(rt: RuntimeDep, dataset: DatasetDep, document_id: str) -> Response:
    """Let a paused document's indexing go on where it was."""
    return await _act(rt, dataset.id, document_id, "resume")


@operation(
    router,
    "POST",
    DOCUMENT + "/retry",
    reply=AcceptedDocumentBody,
    errors=(*ERRORS, ProviderNotInitialize),
    is_rate_limited=True,
)
async def retry_document(rt: RuntimeDep, dataset: DatasetDep, document_id: str) -> Response:
    """Index a document in `error` again, from its stored file or text."""
    return await _act(rt, dataset.id, document_id, "retry")


@operation(router, "POST", DOCUMENT + "/cancel", reply=AcceptedDocumentBody, errors=ERRORS)
async def cancel_document(rt: RuntimeDep, dataset: DatasetDep, document_id: str) -> Response:
    """End a document's indexing in `error`, "Cancelled."; what it answered with before goes on answering."""
    return await _act(rt, dataset.id, document_id, "cancel")


RECUT = "/datasets/{dataset_id:id}/documents/recut"


@operation(
    router,
    "POST",
    RECUT,
    body=RecutDocuments,
    reply=RecutBody,
    errors=(NotFound, Forbidden, InvalidParam, ProviderNotInitialize),
    is_rate_limited=True,
)
async def recut_documents(request: Request, rt: RuntimeDep, actor: ActorDep, dataset: DatasetDep) -> Response:
    """Cut all documents of a dataset anew by another rule.

    Each keeps the segments whose text stays the same, and its old content answers until the new one is complete.
    Archived and paused documents are skipped. A second recut takes the place of the first.
    """
    body = await read_body(request, RecutDocuments)
    return encode(recut_body(await in_thread(start_recut, rt, actor, dataset, body)))


@operation(router, "GET", RECUT, reply=RecutBody, errors=(NotFound, Forbidden))
async def get_document_recut(rt: RuntimeDep, dataset: DatasetDep) -> Response:
    """Get how far the dataset's last recut is."""
    return encode(recut_body(await in_thread(get_recut, rt, dataset.id)))


@operation(router, "POST", RECUT + "/cancel", reply=RecutBody, errors=(NotFound, Forbidden, InvalidAction))
async def cancel_document_recut(rt: RuntimeDep, dataset: DatasetDep) -> Response:
    """End a recut: documents that are being cut are finished, the others stay as they are."""
    return encode(recut_body(await in_thread(cancel_recut, rt, dataset.id)))


async def _act(rt: Runtime, dataset_id: str, document_id: str, action: str) -> Response:
    row = await in_thread(act_on_work, rt, dataset_id, document_id, action)
    body: AcceptedDocumentBody = {"document": document_body(row), "batch": row.document.batch}
    return encode(body)
