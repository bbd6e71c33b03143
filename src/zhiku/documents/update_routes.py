"""Routes that change a document: its content, its name, its switches (contract 3.3-11, 14, 15, 17)."""

from starlette.requests import Request
from starlette.responses import Response

from zhiku.datasets.deps import DatasetDep
from zhiku.documents.deps import OwnDocumentDep
from zhiku.documents.file_types import check_filename, shorten_name
from zhiku.documents.replies import AcceptedDocumentBody, document_body
from zhiku.documents.schemas import NAME_CHARS, ChangeStatus, UpdateByFile, UpdateByText
from zhiku.documents.source import FileSource, TextSource
from zhiku.documents.status import change_status, check_action
from zhiku.documents.store import DocumentRow
from zhiku.documents.updates import Change, check_update, update_document
from zhiku.errors import (
    ArchivedDocumentImmutable,
    DocumentIndexing,
    FilenameMissing,
    FileTooLarge,
    Forbidden,
    InvalidAction,
    InvalidParam,
    NoFileUploaded,
    NotFound,
    ProviderNotInitialize,
    TooManyFiles,
    UnsupportedFileType,
)
from zhiku.http.auth import ActorDep
from zhiku.http.operation import operation, read_body
from zhiku.http.reply import SUCCESS, ResultBody
from zhiku.http.router import Router
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.http.schema import encode, parse
from zhiku.http.upload import UploadedFile, read_upload

router = Router()

UPDATE_ERRORS = (
    NotFound,
    Forbidden,
    InvalidParam,
    ProviderNotInitialize,
    DocumentIndexing,
    ArchivedDocumentImmutable,
)
FILE_ERRORS = (NoFileUploaded, TooManyFiles, FilenameMissing, FileTooLarge, UnsupportedFileType)


@operation(
    router,
    "POST",
    "/datasets/{dataset_id:id}/documents/{document_id:id}/update-by-text",
    aliases=("/datasets/{dataset_id:id}/documents/{document_id:id}/update_by_text",),
    body=UpdateByText,
    reply=AcceptedDocumentBody,
    errors=UPDATE_ERRORS,
    is_rate_limited=True,
)
async def update_by_text(
    request: Request, rt: RuntimeDep, actor: ActorDep, dataset: DatasetDep, document: OwnDocumentDep
) -> Response:
    """Update a document from a text: a text indexes it anew, a rule cuts it anew, a name alone renames it."""
    body = await read_body(request, UpdateByText)
    name = _cut(body.name)
    source = None
    if body.text is not None:
        source = TextSource(name=name or document.document.name, content=body.text.encode())
    change = Change(source=source, name=name, doc_language=body.doc_language, settings=body)
    return _updated(*await in_thread(update_document, rt, actor, dataset, document.document.id, change))


@operation(
    router,
    "POST",
    "/datasets/{dataset_id:id}/documents/{document_id:id}/update-by-file",
    aliases=("/datasets/{dataset_id:id}/documents/{document_id:id}/update_by_file",),
    body=UpdateByFile,
    is_upload=True,
    is_file_optional=True,
    reply=AcceptedDocumentBody,
    errors=UPDATE_ERRORS + FILE_ERRORS,
    is_rate_limited=True,
)
async def update_by_file(
    request: Request, rt: RuntimeDep, actor: ActorDep, dataset: DatasetDep, document: OwnDocumentDep
) -> Response:
    """Update a document from an uploaded file, or its rule or name without one."""
    return await _update_by_file(request, rt, actor, dataset, document)


@operation(
    router,
    "PATCH",
    "/datasets/{dataset_id:id}/documents/{document_id:id}",
    body=UpdateByFile,
    is_upload=True,
    is_file_optional=True,
    reply=AcceptedDocumentBody,
    errors=UPDATE_ERRORS + FILE_ERRORS,
    is_rate_limited=True,
)
async def update_document_file(
    request: Request, rt: RuntimeDep, actor: ActorDep, dataset: DatasetDep, document: OwnDocumentDep
) -> Response:
    """Update a document from an uploaded file, or its rule or name without one."""
    return await _update_by_file(request, rt, actor, dataset, document)


@operation(
    router,
    "PATCH",
    "/datasets/{dataset_id:id}/documents/status/{action}",
    body=ChangeStatus,
    reply=ResultBody,
    errors=(NotFound, Forbidden, InvalidAction, InvalidParam),
)
async def change_document_status(
    request: Request, rt: RuntimeDep, actor: ActorDep, dataset: DatasetDep, action: str
) -> Response:
    """Enable, disable, archive or un_archive documents: all of them, or none if one refuses."""
    check_action(action)
    body = await read_body(request, ChangeStatus)
    await in_thread(change_status, rt, actor, dataset.id, action, body.document_ids)
    return encode(SUCCESS)


async def _update_by_file(
    request: Request, rt: RuntimeDep, actor: ActorDep, dataset: DatasetDep, document: DocumentRow
) -> Response:
    async with read_upload(request) as upload:
        settings = parse(UpdateByFile, upload.fields)
        name = _cut(settings.name)
        await in_thread(check_update, rt, dataset, settings, name, upload.has_file)
        source = None
        if upload.has_file:
            source = _file_source(upload.one_file(), name)
            name = source.name
        change = Change(source=source, name=name, doc_language=settings.doc_language, settings=settings)
        return _updated(*await in_thread(update_document, rt, actor, dataset, document.document.id, change))


def _file_source(file: UploadedFile, name: str | None) -> FileSource:
    check_filename(file.name)
    file.check_size()
    filename = shorten_name(file.name, NAME_CHARS)
    return FileSource(name=name or filename, filename=filename, path=file.path, size_bytes=file.size_bytes)


def _cut(name: str | None) -> str | None:
    return None if name is None else name[:NAME_CHARS]


def _updated(row: DocumentRow, batch: str) -> Response:
    body: AcceptedDocumentBody = {"document": document_body(row), "batch": batch}
    return encode(body)
