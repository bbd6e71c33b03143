"""Routes of child chunks (contract 3.5)."""

from starlette.requests import Request
from starlette.responses import Response

from zhiku.datasets.deps import DatasetDep
from zhiku.documents.deps import DocumentDep
from zhiku.errors import Forbidden, InvalidParam, NotFound, ProviderNotInitialize
from zhiku.http.auth import ActorDep
from zhiku.http.operation import operation, read_body, read_query
from zhiku.http.paging import page_body, read_page
from zhiku.http.router import Router
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.http.schema import encode, no_content
from zhiku.segments import child_service
from zhiku.segments.child_store import ChildChunk
from zhiku.segments.deps import ChildDep, SegmentDep
from zhiku.segments.schemas import ChildChunkPageBody, ChildIn, ListChildren, OneChildChunkBody, child_body
from zhiku.segments.store import Segment

router = Router()

CHILDREN = "/datasets/{dataset_id:id}/documents/{document_id:id}/segments/{segment_id:id}/child_chunks"
ONE_CHILD = CHILDREN + "/{child_chunk_id:id}"
WRITE_ERRORS = (NotFound, Forbidden, InvalidParam, ProviderNotInitialize)


@operation(
    router,
    "POST",
    CHILDREN,
    body=ChildIn,
    reply=OneChildChunkBody,
    gives={"child_chunk_id": "/data/id"},
    errors=WRITE_ERRORS,
    is_rate_limited=True,
)
async def create_child_chunk(
    request: Request,
    rt: RuntimeDep,
    actor: ActorDep,
    dataset: DatasetDep,
    document: DocumentDep,
    segment: SegmentDep,
) -> Response:
    """Add a child chunk, by which its segment is found from then on."""
    body = await read_body(request, ChildIn)
    child = await in_thread(child_service.create_child, rt, actor, dataset, document.document, segment, body.content)
    return encode(_one(child, segment))


@operation(
    router,
    "GET",
    CHILDREN,
    query=ListChildren,
    is_paged=True,
    reply=ChildChunkPageBody,
    gives={"child_chunk_id": "/data/0/id"},
    errors=(NotFound, Forbidden, InvalidParam),
)
async def list_child_chunks(request: Request, rt: RuntimeDep, segment: SegmentDep) -> Response:
    """List a segment's child chunks by position."""
    query, page = read_query(request, ListChildren), read_page(request)
    rows, total = await in_thread(child_service.list_children, rt, segment, query, page)
    body = page_body([child_body(child, segment) for child in rows], total, page)
    return encode(body | {"total_pages": -(-total // page.limit)})


@operation(router, "PATCH", ONE_CHILD, body=ChildIn, reply=OneChildChunkBody, errors=WRITE_ERRORS, is_rate_limited=True)
async def update_child_chunk(
    request: Request, rt: RuntimeDep, actor: ActorDep, dataset: DatasetDep, document: DocumentDep, child: ChildDep
) -> Response:
    """Change a child chunk's text; it counts as customized then."""
    body = await read_body(request, ChildIn)
    changed = await in_thread(child_service.update_child, rt, actor, dataset, document.document, child, body.content)
    return encode(_one(changed, child[0]))


@operation(router, "DELETE", ONE_CHILD, status=204, errors=(NotFound, Forbidden, InvalidParam), is_rate_limited=True)
async def delete_child_chunk(rt: RuntimeDep, dataset: DatasetDep, document: DocumentDep, child: ChildDep) -> Response:
    """Delete a child chunk."""
    await in_thread(child_service.delete_child, rt, dataset, document.document, *child)
    return no_content()


def _one(child: ChildChunk, parent: Segment) -> OneChildChunkBody:
    return {"data": child_body(child, parent)}
