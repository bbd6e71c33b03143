"""Uploads: multipart bodies to a temporary file and fields, capped while they are read (contract 11.4)."""

import os
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl

from starlette.requests import Request

from zhiku.errors import BadRequest, FilenameMissing, FileTooLarge, InvalidParam, NoFileUploaded, TooManyFiles
from zhiku.http.body import decode_json, decode_value
from zhiku.http.filenames import read_parameters
from zhiku.http.limits import read_capped, refuse_declared_size
from zhiku.http.multipart import MALFORMED, MultipartParser, PartData, PartStart
from zhiku.http.runtime import get_runtime
from zhiku.http.schema import refuse_nul_in
from zhiku.settings import Settings

MAX_FIELDS_BYTES = 1024 * 1024
# A plain field of these names is text even if it looks like JSON.
TEXT_FIELDS = {"name", "text"}


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file part. `path` is a temporary file that is gone when the upload's context ends; it may be moved away.

    `name` has no control characters, but may hold `/` and be empty. `mime_type` is what the part says, None if it says
    nothing. Nothing of the content is kept when it `is_too_large`.
    """

    name: str
    mime_type: str | None
    size_bytes: int
    path: Path
    is_too_large: bool

    def check_size(self) -> None:
        """Raise FileTooLarge if the file is over the limit; called after the check of its extension (3.3-7)."""
        if self.is_too_large:
            raise FileTooLarge


@dataclass(frozen=True, slots=True)
class Upload:
    """What an upload carried; `fields` is `data` with the other plain fields under it, without NUL in any string.

    `file` is the first part named `file`, None without one; `file_count` counts file parts of any name but `data`.
    """

    fields: dict[str, Any]
    file: UploadedFile | None
    file_count: int

    @property
    def has_file(self) -> bool:
        """Return whether any file came, under whatever name."""
        return self.file_count > 0

    def one_file(self) -> UploadedFile:
        """Return the file. Raises TooManyFiles, NoFileUploaded, FilenameMissing, in this order."""
        if self.file_count > 1:
            raise TooManyFiles
        if self.file is None:
            raise NoFileUploaded
        if not self.file.name:
            raise FilenameMissing
        return self.file


@asynccontextmanager
async def read_upload(request: Request) -> AsyncGenerator[Upload]:
    """Yield the request's upload; its temporary file is removed at the end.

    A body that is not multipart is read as JSON or as a form, with no file. Raises BadRequest for a broken or
    truncated body, InvalidParam for a `data` that is no JSON object, FileTooLarge for a body over every limit (one
    file over its own limit is only marked, because its extension is judged first).
    """
    settings = get_runtime(request).settings
    content_type = request.headers.get("content-type", "").encode("latin-1")
    if not content_type.lower().startswith(b"multipart/"):
        raw = await read_capped(request, MAX_FIELDS_BYTES)
        fields = _fields_without_file(raw, content_type)
        refuse_nul_in(fields)
        yield Upload(fields, file=None, file_count=0)
        return
    boundary = read_parameters(content_type).get("boundary", b"")
    receiver = _Receiver(settings)
    try:
        await _receive(request, MultipartParser(boundary), receiver, settings)
        yield receiver.finish()
    finally:
        receiver.close()


def clear_incoming(settings: Settings) -> None:
    """Remove what uploads left behind when the server was killed; called before requests are served."""
    for left in _incoming(settings).glob("*"):
        left.unlink(missing_ok=True)


def _incoming(settings: Settings) -> Path:
    # Beside the blobs, so that a file can be moved there.
    return settings.data_dir / "incoming"


async def _receive(request: Request, parser: MultipartParser, receiver: "_Receiver", settings: Settings) -> None:
    limit = 2 * settings.upload_file_bytes + MAX_FIELDS_BYTES
    refuse_declared_size(request, limit)
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise FileTooLarge
        for event in parser.feed(chunk):
            if isinstance(event, PartStart):
                receiver.begin(event)
            else:
                receiver.add(event)
    parser.finish()


class _Receiver:
    """Gathers the parts of one upload: fields in memory, the first file in a temporary file, others counted."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._fields: dict[str, bytearray] = {}
        self._fields_bytes = 0
        self._field: bytearray | None = None
        self._file: PartStart | None = None
        self._file_count = 0
        self._size_bytes = 0
        self._path: Path | None = None
        self._descriptor: int | None = None

    def begin(self, part: PartStart) -> None:
        self._field = None
        self._close_file()
        if part.name == "data" or part.filename is None:
            # The first part of a name is the one that counts.
            self._field = bytearray()
            self._fields.setdefault(part.name, self._field)
            return
        self._file_count += 1
        if part.name == "file" and self._file is None:
            self._file = part
            folder = _incoming(self._settings)
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor, path = tempfile.mkstemp(dir=folder)
            self._path = Path(path)

    def add(self, data: PartData) -> None:
        if self._field is not None:
            self._fields_bytes += len(data.content)
            if self._fields_bytes > MAX_FIELDS_BYTES:
                raise FileTooLarge
            self._field += data.content
        elif self._descriptor is not None:
            self._size_bytes += len(data.content)
            if self._size_bytes <= self._settings.upload_file_bytes:
                _write_whole(self._descriptor, data.content)
            else:
                os.ftruncate(self._descriptor, 0)

    def finish(self) -> Upload:
        self._close_file()
        file = None
        if self._file is not None and self._path is not None:
            file = UploadedFile(
                name=self._file.filename or "",
                mime_type=self._file.content_type or None,
                size_bytes=self._size_bytes,
                path=self._path,
                is_too_large=self._size_bytes > self._settings.upload_file_bytes,
            )
        plain = {name: _decode_field(name, bytes(raw)) for name, raw in self._fields.items() if name != "data" and raw}
        fields = plain | _decode_data(bytes(self._fields.get("data", b"")))
        refuse_nul_in(fields)
        return Upload(fields, file, self._file_count)

    def close(self) -> None:
        self._close_file()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _close_file(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _write_whole(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _fields_without_file(raw: bytes, content_type: bytes) -> dict[str, Any]:
    is_form = content_type.lower().startswith(b"application/x-www-form-urlencoded")
    if not is_form or raw.lstrip().startswith(b"{"):
        return decode_json(raw) or {}
    try:
        pairs = dict(reversed(parse_qsl(raw.decode("ascii"), errors="strict", max_num_fields=1000)))
    except ValueError as error:
        raise BadRequest from error
    data = pairs.pop("data", "")
    return {name: _decode_field(name, value.encode()) for name, value in pairs.items()} | _decode_data(data.encode())


def _decode_field(name: str, raw: bytes) -> Any:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest(MALFORMED) from error
    if name in TEXT_FIELDS or not text.lstrip().startswith("{"):
        return text
    return _decode_data(raw, name)


def _decode_data(raw: bytes, name: str = "data") -> dict[str, Any]:
    """Return the object in a part; some clients put it in quotes, others send a JSON string that holds the JSON."""
    try:
        value = decode_value(raw)
    except BadRequest as error:
        stripped = raw.strip()
        if len(stripped) < 2 or not (stripped[:1] == stripped[-1:] == b'"'):
            raise _no_object(name) from error
        value = stripped[1:-1].decode("utf-8", "replace")
    if isinstance(value, str):
        try:
            value = decode_value(value.encode())
        except BadRequest as error:
            raise _no_object(name) from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _no_object(name)
    return cast(dict[str, Any], value)


def _no_object(name: str) -> InvalidParam:
    return InvalidParam(f"{name}: must be a JSON object", params=name)
