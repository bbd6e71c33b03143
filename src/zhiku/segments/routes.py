"""Routes of segments (contract 3.4)."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from zhiku.datasets.deps import DatasetDep
from zhiku.documents.deps import DocumentDep
from zhiku.documents.store import DocumentRow
from zhiku.errors import Forbidden, InvalidParam, NotFound, ProviderNotInitialize
from zhiku.http.auth import ActorDep
from zhiku.http.operation import operation, read_body, read_query
from zhiku.http.paging import page_body, read_page
from zhiku.http.public_url import read_public_url
from zhiku.http.router import Router
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.http.schema import encode, no_content
from zhiku.runtime import Runtime
from zhiku.segments import service
from zhiku.segments.change import update_segment as change_segment
from zhiku.segments.pictures import attach_pictures, has_links
from zhiku.segments.schemas import (
    CreateSegments,
    ListSegments,
    NewSegmentsBody,
    OneSegmentBody,
    SegmentBody,
    SegmentPageBody,
    UpdateSegment,
    segment_body,
)
from zhiku.segments.service import Parent

router = Router()

SEGMENTS = "/datasets/{dataset_id:id}/documents/{document_id:id}/segments"
ONE_SEGMENT = SEGMENTS + "/{segment_id:id}"


@operation(
    router,
    "POST",
    SEGMENTS,
    body=CreateSegments,
    reply=NewSegmentsBody,
    gives={"segment_id": "/data/0/id"},
    errors=(NotFound, Forbidden, InvalidParam, ProviderNotInitialize),
    is_rate_limited=True,
)
async def create_segments(
    request: Request, rt: RuntimeDep, actor: ActorDep, dataset: DatasetDep, document: DocumentDep
) -> Response:
    """Append segments to a document; they are searchable when the reply comes."""
    service.check_writable(rt, dataset, document.document)
    body = await read_body(request, CreateSegments)
    made = await in_thread(service.create_segments, rt, actor, dataset, document.document, body)
    reply: NewSegmentsBody = {
        "data": await _bodies(request, rt, made),
        "doc_form": document.document.doc_form,
    }
    return encode(reply)


@operation(
    router,
    "GET",
    SEGMENTS,
    query=ListSegments,
    is_paged=True,
    reply=SegmentPageBody,
    gives={"segment_id": "/data/0/id"},
    errors=(NotFound, Forbidden, InvalidParam),
)
async def list_segments(request: Request, rt: RuntimeDep, document: DocumentDep) -> Response:
    """List a document's segments by position."""
    query, page = read_query(request, ListSegments), read_page(request)
    rows, total = await in_thread(service.list_segments, rt, document.document, query, page)
    body = page_body(await _bodies(request, rt, rows), total, page)
    return encode(body | {"doc_form": document.document.doc_form})


@operation(router, "GET", ONE_SEGMENT, reply=OneSegmentBody, errors=(NotFound, Forbidden))
async def get_segment(request: Request, rt: RuntimeDep, document: DocumentDep, segment_id: str) -> Response:
    """Get one segment."""
    return await _one(request, rt, document, await in_thread(service.get_parent, rt, document.document, segment_id))


async def update_segment(
    request: Request,
    rt: RuntimeDep,
    actor: ActorDep,
    dataset: DatasetDep,
    document: DocumentDep,
    segment_id: str,
) -> Response:
    """Change a segment's text, answer, keywords or whether it answers."""
    await in_thread(service.get_segment, rt, document.document, segment_id)
    change = (await read_body(request, UpdateSegment)).change()
    if change is None:
        raise InvalidParam("segment: Field required", params="segment")
    parent = await in_thread(change_segment, rt, actor, dataset, document.document, segment_id, change)
    return await _one(request, rt, document, parent)


for _method in ("POST", "PATCH"):
    operation(
        router,
        _method,
        ONE_SEGMENT,
        body=UpdateSegment,
        reply=OneSegmentBody,
        errors=(NotFound, Forbidden, InvalidParam, ProviderNotInitialize),
        is_rate_limited=True,
    )(update_segment)


@operation(router, "DELETE", ONE_SEGMENT, status=204, errors=(NotFound, Forbidden, InvalidParam), is_rate_limited=True)
async def delete_segment(rt: RuntimeDep, dataset: DatasetDep, document: DocumentDep, segment_id: str) -> Response:
    """Delete a segment with its child chunks."""
    await in_thread(service.delete_segment, rt, dataset, document.document, segment_id)
    return no_content()


async def _one(request: Request, rt: Runtime, document: DocumentRow, parent: Parent) -> Response:
    (body,) = await _bodies(request, rt, [parent])
    reply: OneSegmentBody = {"data": body, "doc_form": document.document.doc_form}
    return encode(reply)


async def _bodies(request: Request, rt: Runtime, parents: Sequence[Parent]) -> list[SegmentBody]:
    bodies = [segment_body(*parent) for parent in parents]
    if has_links(bodies):
        await in_thread(attach_pictures, rt, read_public_url(request), bodies)
    return bodies
