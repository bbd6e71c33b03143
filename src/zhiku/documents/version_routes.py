"""Routes of a document's versions: list, show, compare, restore (contract 13)."""

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from zhiku.datasets.deps import DatasetDep
from zhiku.documents import versions
from zhiku.documents.deps import DocumentDep, OwnDocumentDep
from zhiku.documents.replies import AcceptedDocumentBody, document_body
from zhiku.documents.version_replies import (
    ComparisonBody,
    VersionPageBody,
    VersionSegmentPageBody,
    difference_body,
    version_body,
    version_segment_body,
)
from zhiku.errors import (
    ArchivedDocumentImmutable,
    DocumentIndexing,
    Forbidden,
    InvalidParam,
    NotFound,
    ProviderNotInitialize,
)
from zhiku.http.operation import operation, read_query
from zhiku.http.paging import page_body, read_page
from zhiku.http.router import Router
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.http.schema import WireModel, encode

router = Router()

VERSIONS = "/datasets/{dataset_id:id}/documents/{document_id:id}/versions"
ONE_VERSION = VERSIONS + "/{version}"
READ_ERRORS = (NotFound, Forbidden, InvalidParam)


class CompareQuery(WireModel):
    """What a version is compared with."""

    other: str | None = Field(
        default=None, alias="with", description="Number of another version; without it, what answers now."
    )


@operation(
    router,
    "GET",
    VERSIONS,
    is_paged=True,
    reply=VersionPageBody,
    gives={"version": "/data/0/version"},
    errors=READ_ERRORS,
)
async def list_versions(request: Request, rt: RuntimeDep, document: DocumentDep) -> Response:
    """List a document's former contents, newest first."""
    page = read_page(request)
    rows, total = await in_thread(versions.list_versions, rt, document.document, page)
    return encode(page_body([version_body(row) for row in rows], total, page))


@operation(router, "GET", ONE_VERSION, is_paged=True, reply=VersionSegmentPageBody, errors=READ_ERRORS)
async def get_version(request: Request, rt: RuntimeDep, document: DocumentDep, version: str) -> Response:
    """Get a version with a page of its segments by position."""
    number, page = versions.read_number(version), read_page(request)
    row, segments = await in_thread(versions.get_version, rt, document.document, number, page)
    body = page_body([version_segment_body(each) for each in segments], row.version.segment_count, page)
    return encode(body | {"version": version_body(row)})


@operation(
    router,
    "GET",
    ONE_VERSION + "/diff",
    query=CompareQuery,
    is_paged=True,
    reply=ComparisonBody,
    errors=READ_ERRORS,
)
async def compare_versions(request: Request, rt: RuntimeDep, document: DocumentDep, version: str) -> Response:
    """Tell which segments were added, removed and left from a version to another one, or to what answers now.

    Segments are compared by their content and answer, in order.
    """
    number, query, page = versions.read_number(version), read_query(request, CompareQuery), read_page(request)
    other = None if query.other is None else versions.read_number(query.other)
    found = await in_thread(versions.compare_versions, rt, document.document, number, other, page)
    counts = {"added": found.added, "removed": found.removed, "unchanged": found.unchanged}
    return encode(page_body([difference_body(row) for row in found.rows], sum(counts.values()), page) | counts)


@operation(
    router,
    "POST",
    ONE_VERSION + "/restore",
    reply=AcceptedDocumentBody,
    errors=(*READ_ERRORS, ArchivedDocumentImmutable, DocumentIndexing, ProviderNotInitialize),
    is_rate_limited=True,
)
async def restore_version(rt: RuntimeDep, dataset: DatasetDep, document: OwnDocumentDep, version: str) -> Response:
    """Make a version's content the current one; what answers now does so until then, and becomes a version itself."""
    number = versions.read_number(version)
    row, batch = await in_thread(versions.restore_version, rt, dataset, document.document.id, number)
    body: AcceptedDocumentBody = {"document": document_body(row), "batch": batch}
    return encode(body)
