"""Routes of documents (contract 3.3)."""

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from zhiku.datasets.deps import DatasetDep
from zhiku.documents import service
from zhiku.documents.archive import create_from_archive
from zhiku.documents.decision import check_settings
from zhiku.documents.deps import DocumentDep, OwnDatasetDep
from zhiku.documents.file_types import check_filename, is_archive, shorten_name
from zhiku.documents.replies import (
    AcceptedDocumentBody,
    DocumentDetailBody,
    DocumentMetadataBody,
    DocumentPageBody,
    ProgressListBody,
    document_body,
    document_detail_body,
    progress_body,
)
from zhiku.documents.schemas import (
    NAME_CHARS,
    CreateByFile,
    CreateByText,
    ListDocuments,
    metadata_part,
)
from zhiku.documents.source import FileSource, Source, TextSource
from zhiku.documents.store import DocumentRow
from zhiku.errors import (
    ArchivedDocumentImmutable,
    DocumentIndexing,
    FilenameMissing,
    FileTooLarge,
    Forbidden,
    InvalidMetadata,
    InvalidParam,
    NoFileUploaded,
    NotFound,
    ProviderNotInitialize,
    TooManyFiles,
    UnsupportedFileType,
)
from zhiku.http.auth import ActorDep
from zhiku.http.operation import operation, read_body, read_query
from zhiku.http.paging import page_body, read_page
from zhiku.http.router import Router
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.http.schema import WireModel, encode, no_content, parse
from zhiku.http.upload import read_upload
from zhiku.runtime import Runtime

router = Router()

CREATE_ERRORS = (
    NotFound,
    Forbidden,
    InvalidParam,
    ProviderNotInitialize,
    DocumentIndexing,
    ArchivedDocumentImmutable,
)
FILE_ERRORS = (NoFileUploaded, TooManyFiles, FilenameMissing, FileTooLarge, UnsupportedFileType)


class DetailQuery(WireModel):
    """Which part of a document's detail is wanted."""

    metadata: str | None = Field(default=None, description="`all`, `only` or `without`.")


@operation(
    router,
    "POST",
    "/datasets/{dataset_id:id}/document/create-by-text",
    aliases=("/datasets/{dataset_id:id}/document/create_by_text",),
    body=CreateByText,
    reply=AcceptedDocumentBody,
    gives={"document_id": "/document/id", "batch": "/batch"},
    errors=CREATE_ERRORS,
    is_rate_limited=True,
)
async def create_by_text(request: Request, rt: RuntimeDep, actor: ActorDep, dataset: OwnDatasetDep) -> Response:
    """Create a document from a text; an enabled document of the same name is replaced in place."""
    body = await read_body(request, CreateByText)
    source = TextSource(name=body.name[:NAME_CHARS], content=body.text.encode())
    return _created(*await in_thread(service.create_document, rt, actor, dataset, source, body))


@operation(
    router,
    "POST",
    "/datasets/{dataset_id:id}/document/create-by-file",
    aliases=("/datasets/{dataset_id:id}/document/create_by_file",),
    body=CreateByFile,
    is_upload=True,
    reply=AcceptedDocumentBody,
    gives={"document_id": "/document/id", "batch": "/batch"},
    errors=CREATE_ERRORS + FILE_ERRORS,
    is_rate_limited=True,
)
async def create_by_file(request: Request, rt: RuntimeDep, actor: ActorDep, dataset: OwnDatasetDep) -> Response:
    """Create a document from an uploaded file; an enabled document of the same name is replaced in place.

    A ZIP becomes a document for each of its files, all in one batch; `document` is the first.
    """
    async with read_upload(request) as upload:
        settings = parse(CreateByFile, upload.fields)
        await in_thread(check_settings, rt, dataset, settings)
        file = upload.one_file()
        check_filename(file.name, may_be_archive=True)
        file.check_size()
        if is_archive(file.name):
            return _created(*await in_thread(create_from_archive, rt, actor, dataset, file.path, settings))
        source: Source = FileSource(
            name=settings.name[:NAME_CHARS] if settings.name else shorten_name(file.name, NAME_CHARS),
            filename=shorten_name(file.name, NAME_CHARS),
            path=file.path,
            size_bytes=file.size_bytes,
        )
        return _created(*await in_thread(service.create_document, rt, actor, dataset, source, settings))


@operation(
    router,
    "GET",
    "/datasets/{dataset_id:id}/documents",
    query=ListDocuments,
    is_paged=True,
    reply=DocumentPageBody,
    gives={"document_id": "/data/0/id"},
    errors=(NotFound, Forbidden, InvalidParam),
)
async def list_documents(request: Request, rt: RuntimeDep, dataset: DatasetDep) -> Response:
    """List a dataset's documents, newest first."""
    query, page = read_query(request, ListDocuments), read_page(request)
    rows, total = await in_thread(service.list_documents, rt, dataset.id, query, page)
    return encode(page_body([document_body(row) for row in rows], total, page))


@operation(
    router,
    "GET",
    "/datasets/{dataset_id:id}/documents/{document_id:id}",
    query=DetailQuery,
    reply=DocumentDetailBody | DocumentMetadataBody,
    errors=(NotFound, Forbidden, InvalidMetadata),
)
async def get_document(request: Request, rt: RuntimeDep, document: DocumentDep) -> Response:
    """Get a document with its rules and counts."""
    part = metadata_part(read_query(request, DetailQuery).metadata)
    return encode(await in_thread(_detail, rt, document, part))


@operation(
    router,
    "DELETE",
    "/datasets/{dataset_id:id}/documents/{document_id:id}",
    status=204,
    errors=(NotFound, Forbidden, ArchivedDocumentImmutable, DocumentIndexing),
    is_rate_limited=True,
)
async def delete_document(rt: RuntimeDep, dataset: DatasetDep, document_id: str) -> Response:
    """Delete a document with its segments, file and index entries."""
    await in_thread(service.delete_document, rt, dataset.id, document_id)
    return no_content()


@operation(
    router,
    "GET",
    "/datasets/{dataset_id:id}/documents/{batch}/indexing-status",
    reply=ProgressListBody,
    errors=(NotFound, Forbidden),
)
async def get_indexing_status(rt: RuntimeDep, dataset: DatasetDep, batch: str) -> Response:
    """Get how far the documents of a batch are."""
    found = await in_thread(service.get_progress, rt, dataset.id, batch)
    body: ProgressListBody = {"data": [progress_body(progress) for progress in found]}
    return encode(body)


def _created(row: DocumentRow, batch: str) -> Response:
    body: AcceptedDocumentBody = {"document": document_body(row), "batch": batch}
    return encode(body)


def _detail(rt: Runtime, row: DocumentRow, part: str) -> DocumentDetailBody | DocumentMetadataBody:
    dataset_rule, own_rule, segment_count = service.get_rules(rt, row.document)
    return document_detail_body(row, dataset_rule, own_rule, segment_count, part)
