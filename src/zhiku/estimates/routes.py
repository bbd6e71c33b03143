"""The route that shows which segments a rule would make (contract 13)."""

from starlette.requests import Request
from starlette.responses import Response

from zhiku.datasets.deps import DatasetDep
from zhiku.datasets.store import Dataset
from zhiku.documents.file_types import check_filename
from zhiku.errors import (
    FilenameMissing,
    FileTooLarge,
    Forbidden,
    InvalidParam,
    NotFound,
    TooManyFiles,
    UnsupportedFileType,
)
from zhiku.estimates.schemas import EstimateBody, EstimateDocument, estimate_body
from zhiku.estimates.service import estimate_document
from zhiku.http.operation import operation, read_body
from zhiku.http.paging import read_page
from zhiku.http.router import Router
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.http.schema import encode, parse
from zhiku.http.upload import UploadedFile, read_upload
from zhiku.runtime import Runtime

router = Router()


@operation(
    router,
    "POST",
    "/datasets/{dataset_id:id}/documents/estimate",
    body=EstimateDocument,
    is_upload=True,
    is_file_optional=True,
    is_paged=True,
    reply=EstimateBody,
    errors=(NotFound, Forbidden, InvalidParam, TooManyFiles, FilenameMissing, FileTooLarge, UnsupportedFileType),
    is_rate_limited=True,
    is_reading=True,
)
async def estimate(request: Request, rt: RuntimeDep, dataset: DatasetDep) -> Response:
    """Show the segments and child chunks that a rule would make of a text or a file; nothing is stored.

    JSON carries a `text`, multipart a `file` beside `data`.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/"):
        return await _reply(request, rt, dataset, await read_body(request, EstimateDocument), None)
    async with read_upload(request) as upload:
        file = upload.one_file() if upload.has_file else None
        if file is not None:
            check_filename(file.name)
            file.check_size()
        return await _reply(request, rt, dataset, parse(EstimateDocument, upload.fields), file)


async def _reply(
    request: Request, rt: Runtime, dataset: Dataset, wanted: EstimateDocument, file: UploadedFile | None
) -> Response:
    page = read_page(request)
    made, decision = await in_thread(estimate_document, rt, dataset, wanted, file, page)
    return encode(estimate_body(made, decision, page))
