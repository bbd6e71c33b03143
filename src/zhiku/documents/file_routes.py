"""Routes of stored files: links, ZIPs, and what a signed link opens (contract 3.3-12, 16, 47, 48)."""

import re
from collections.abc import AsyncGenerator
from typing import IO
from urllib.parse import quote
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from zhiku.datasets.deps import DatasetDep
from zhiku.documents.deps import DocumentDep
from zhiku.documents.files import (
    FILE,
    IMAGE,
    LINK_REFUSED,
    FileLinks,
    LinkProof,
    as_attachment,
    make_links,
    open_link,
    pack_documents,
)
from zhiku.documents.replies import LinkBody, UploadLinkBody, upload_link_body
from zhiku.documents.schemas import DownloadZip, SignedLink
from zhiku.documents.store import Upload
from zhiku.errors import Forbidden, InvalidParam, NotFound
from zhiku.http.operation import operation, read_body, read_query
from zhiku.http.public_url import read_public_url
from zhiku.http.reply import Media
from zhiku.http.router import Router
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.http.schema import encode

router = Router()

READ_BYTES = 256 * 1024
YES = {"true", "1", "yes", "on"}
# What a browser may show in place. Anything else is saved: a page or a drawing with scripts would run as this server's.
SHOWN = {
    "application/pdf",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/csv",
    "text/markdown",
    "text/plain",
}


@operation(
    router,
    "GET",
    "/datasets/{dataset_id:id}/documents/{document_id:id}/download",
    reply=LinkBody,
    errors=(NotFound, Forbidden),
    is_rate_limited=True,
)
async def download_document(request: Request, rt: RuntimeDep, document: DocumentDep) -> Response:
    """Get a signed link that saves a document's file."""
    if document.document.data_source_type != "upload_file":
        raise NotFound("Document does not have an uploaded file to download.")
    links = await _links(request, rt)
    body: LinkBody = {"url": as_attachment(links.sign(document.upload.id))}
    return encode(body)


@operation(
    router,
    "GET",
    "/datasets/{dataset_id:id}/documents/{document_id:id}/upload-file",
    reply=UploadLinkBody,
    errors=(NotFound, Forbidden, InvalidParam),
)
async def get_upload_file(request: Request, rt: RuntimeDep, document: DocumentDep) -> Response:
    """Get a document's file with signed links to show and to save it."""
    source_type = document.document.data_source_type
    if source_type != "upload_file":
        raise InvalidParam(f"Document data source type ({source_type}) is not upload_file.")
    link = (await _links(request, rt)).sign(document.upload.id)
    return encode(upload_link_body(document.upload, link, as_attachment(link)))


@operation(
    router,
    "POST",
    "/datasets/{dataset_id:id}/documents/download-zip",
    body=DownloadZip,
    reply=Media("The files; a name that comes twice is numbered.", ("application/zip",)),
    errors=(NotFound, Forbidden, InvalidParam),
    is_rate_limited=True,
    is_reading=True,
)
async def download_zip(request: Request, rt: RuntimeDep, dataset: DatasetDep) -> Response:
    """Get the files of up to 100 documents in one ZIP."""
    body = await read_body(request, DownloadZip)
    packed = await in_thread(pack_documents, rt, dataset.id, body.document_ids)
    headers = {
        "Content-Disposition": f"attachment; filename={uuid4().hex}.zip",
        "Content-Length": str(packed.seek(0, 2)),
    }
    return StreamingResponse(_chunks(packed), headers=headers, media_type="application/zip")


@operation(
    router,
    "GET",
    "/files/{file_id:id}/file-preview",
    query=SignedLink,
    reply=Media("The file, with its own media type.", ("*/*",)),
    is_keyed=False,
)
async def preview_file(request: Request, rt: RuntimeDep, file_id: str) -> Response:
    """Give a file for a signed link, without a key."""
    return await _open(request, rt, FILE, file_id)


@operation(
    router,
    "GET",
    "/files/{file_id:id}/image-preview",
    query=SignedLink,
    reply=Media("The image, with its own media type.", ("image/*",)),
    is_keyed=False,
)
async def preview_image(request: Request, rt: RuntimeDep, file_id: str) -> Response:
    """Give an image for a signed link, without a key."""
    return await _open(request, rt, IMAGE, file_id)


async def _links(request: Request, rt: RuntimeDep) -> FileLinks:
    return await in_thread(make_links, rt, read_public_url(request))


async def _open(request: Request, rt: RuntimeDep, kind: str, file_id: str) -> Response:
    try:
        link = read_query(request, SignedLink)
    except InvalidParam as error:
        # Whatever is wrong with a link, it is told alike.
        raise NotFound(LINK_REFUSED) from error
    proof = LinkProof(link.timestamp, link.nonce, link.sign)
    upload, content = await in_thread(open_link, rt, kind, file_id, proof)
    is_saved = link.as_attachment.lower() in YES or upload.mime_type not in SHOWN
    headers = {
        "Content-Type": _content_type(upload),
        "Content-Disposition": content_disposition("attachment" if is_saved else "inline", upload.name),
        "Cache-Control": "private",
    }
    return Response(content, headers=headers)


def _content_type(upload: Upload) -> str:
    # Only what the server wrote itself has an encoding that is known.
    return f"{upload.mime_type}; charset=utf-8" if upload.is_text else upload.mime_type


def content_disposition(disposition: str, name: str) -> str:
    """Return the header for a file name in any script: an ASCII stand-in, and the name itself in `filename*`."""
    plain = re.sub(r"[^A-Za-z0-9 ._()-]", "_", name)
    return f"{disposition}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"


async def _chunks(packed: IO[bytes]) -> AsyncGenerator[bytes]:
    try:
        packed.seek(0)
        while chunk := await in_thread(packed.read, READ_BYTES):
            yield chunk
    finally:
        packed.close()
