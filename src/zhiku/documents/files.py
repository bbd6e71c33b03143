"""Stored files as clients get them: by signed links that need no key, and many in one ZIP (contract 3.3-12 to 48)."""

import hmac
import re
import secrets
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from time import gmtime
from typing import IO
from urllib.parse import urlencode

from zhiku.access.service import get_link_secret
from zhiku.blobs.base import BlobMissing
from zhiku.documents import picture_store, store
from zhiku.documents.file_types import split_name
from zhiku.documents.store import Document, Upload
from zhiku.errors import NotFound
from zhiku.runtime import Runtime

FILE, IMAGE = "file-preview", "image-preview"
NONCE_BYTES = 16
LINK_REFUSED = "File not found or signature is invalid"
# A ZIP is held in memory up to this size and in an unnamed file beyond it.
SPOOL_BYTES = 8 * 1024 * 1024
# Most files are packed formats already; a higher level costs seconds of CPU and saves next to nothing.
ZIP_LEVEL = 1
# 1980, before which the format has no dates.
ZIP_EPOCH = 315532800

_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class FileLinks:
    """Makes the links of one reply; `base` is where the client reaches this server, `now` epoch seconds."""

    secret: bytes
    base: str
    now: float

    def sign(self, file_id: str, kind: str = FILE) -> str:
        """Return an absolute link to a stored file that anyone may open until it expires; kind is FILE or IMAGE."""
        timestamp, nonce = str(int(self.now)), secrets.token_hex(NONCE_BYTES)
        signed = {"timestamp": timestamp, "nonce": nonce, "sign": _sign(self.secret, kind, file_id, timestamp, nonce)}
        return f"{self.base}/files/{file_id}/{kind}?{urlencode(signed)}"


@dataclass(frozen=True, slots=True)
class LinkProof:
    """What a link carries to show that this server made it."""

    timestamp: str
    nonce: str
    sign: str


def make_links(rt: Runtime, base: str) -> FileLinks:
    """Return what signs links to files under `base`."""
    return FileLinks(get_link_secret(rt), base, rt.clock.now())


def as_attachment(link: str) -> str:
    """Return a signed link such that opening it saves the file."""
    return f"{link}&as_attachment=true"


def open_link(rt: Runtime, kind: str, file_id: str, proof: LinkProof) -> tuple[Upload, bytes]:
    """Return a file and its content if the link is ours and fresh. Raises NotFound."""
    expected = _sign(get_link_secret(rt), kind, file_id, proof.timestamp, proof.nonce)
    is_ours = hmac.compare_digest(expected.encode(), proof.sign.encode())
    if not is_ours or not _is_fresh(rt, proof.timestamp):
        raise NotFound(LINK_REFUSED)
    with rt.db.read() as conn:
        upload = store.find_upload(conn, file_id)
        if upload is None and kind == IMAGE:
            upload = picture_store.find_picture_file(conn, file_id)
    if upload is None:
        raise NotFound(LINK_REFUSED)
    try:
        return upload, rt.blobs.get(upload.blob_key)
    except BlobMissing as error:
        raise NotFound(LINK_REFUSED) from error


def pack_documents(rt: Runtime, dataset_id: str, document_ids: Sequence[str]) -> IO[bytes]:
    """Return an open ZIP of the documents' files, to be closed by the caller; its memory is bounded.

    Raises NotFound if any document is missing or has no file, StorageFull.
    """
    wanted = list(dict.fromkeys(document_id.lower() for document_id in document_ids))
    with rt.db.read() as conn:
        found = {document.id: (document, upload) for document, upload in store.list_uploads(conn, dataset_id, wanted)}
    if len(found) < len(wanted):
        raise NotFound("Document not found.")
    chosen = [found[document_id] for document_id in wanted]
    if any(document.data_source_type != "upload_file" for document, _ in chosen):
        raise _without_file()
    # Beside the data, because the system's folder for temporary files may lie in memory.
    rt.settings.data_dir.mkdir(parents=True, exist_ok=True)
    with ExitStack() as until_packed:
        packed = until_packed.enter_context(SpooledTemporaryFile(SPOOL_BYTES, dir=str(rt.settings.data_dir)))
        _write_zip(rt, packed, chosen)
        packed.seek(0)
        until_packed.pop_all()
        return packed


def zip_names(names: Sequence[str]) -> list[str]:
    """Return the names of ZIP entries for stored file names: without folders, and each different from the others."""
    taken: dict[str, None] = {}
    for name in names:
        stem, extension = split_name(_basename(name))
        ending = f".{extension}" if extension else ""
        entry, count = f"{stem}{ending}", 0
        while entry in taken:
            count += 1
            entry = f"{stem} ({count}){ending}"
        taken[entry] = None
    return list(taken)


def _write_zip(rt: Runtime, target: IO[bytes], chosen: Sequence[tuple[Document, Upload]]) -> None:
    names = zip_names([upload.name for _, upload in chosen])
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=ZIP_LEVEL) as archive:
        for name, (_, upload) in zip(names, chosen, strict=True):
            entry = zipfile.ZipInfo(name, gmtime(max(upload.created_at, ZIP_EPOCH))[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            try:
                content = rt.blobs.get(upload.blob_key)
            except BlobMissing as error:
                raise _without_file() from error
            archive.writestr(entry, content)


def _basename(name: str) -> str:
    base = re.split(r"[/\\]", name)[-1]
    base = re.sub(r"[\x00-\x1f\x7f]", "", base).strip()
    return base if base.strip(".") else "file"


def _without_file() -> NotFound:
    return NotFound("Only uploaded-file documents can be downloaded as ZIP.")


def _sign(secret: bytes, kind: str, file_id: str, timestamp: str, nonce: str) -> str:
    # The nonce comes last, because it alone may hold anything.
    message = f"{kind}|{file_id}|{timestamp}|{nonce}".encode()
    return urlsafe_b64encode(hmac.digest(secret, message, "sha256")).rstrip(b"=").decode()


def _is_fresh(rt: Runtime, timestamp: str) -> bool:
    return _SECONDS.fullmatch(timestamp) is not None and rt.clock.now() - int(timestamp) <= rt.settings.link_seconds
