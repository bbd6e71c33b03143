"""Routes of the work on a document: pause, resume, retry, cancel (contract 13)."""

from starlette.responses import Response

from zhiku.datasets.deps import DatasetDep
from zhiku.documents.replies import AcceptedDocumentBody, document_body
from zhiku.documents.work_actions import act_on_work
from zhiku.errors import ArchivedDocumentImmutable, Forbidden, InvalidAction, NotFound, ProviderNotInitialize
from zhiku.http.operation import operation
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


async def _act(rt: Runtime, dataset_id: str, document_id: str, action: str) -> Response:
    row = await in_thread(act_on_work, rt, dataset_id, document_id, action)
    body: AcceptedDocumentBody = {"document": document_body(row), "batch": row.document.batch}
    return encode(body)
