"""Routes of segments (contract 3.4)."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from zhiku.documents.deps import DocumentDep
from zhiku.errors import Forbidden, InvalidParam, NotFound
from zhiku.http.operation import operation, read_query
from zhiku.http.paging import page_body, read_page
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.http.schema import encode
from zhiku.segments import service
from zhiku.segments.schemas import ListSegments, segment_body

router = APIRouter()


@operation(
    router,
    "GET",
    "/datasets/{dataset_id:id}/documents/{document_id:id}/segments",
    query=ListSegments,
    is_paged=True,
    reply=dict[str, Any],
    errors=(NotFound, Forbidden, InvalidParam),
)
async def list_segments(request: Request, rt: RuntimeDep, document: DocumentDep) -> Response:
    """List a document's segments by position."""
    query, page = read_query(request, ListSegments), read_page(request)
    rows, total = await in_thread(service.list_segments, rt, document.document, query, page)
    body = page_body([segment_body(row) for row in rows], total, page)
    return encode(body | {"doc_form": document.document.doc_form})
