"""Uploads: multipart bodies to a temporary file and fields, capped while they are read (contract 11.4, 11.5)."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request

from zhiku.errors import FilenameMissing, FileTooLarge, NoFileUploaded, TooManyFiles


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file part. `path` is a temporary file that is gone when the upload's context ends; it may be moved away.

    `name` is decoded, without control characters, and may hold `/`. `path` holds nothing useful when `is_too_large`.
    """

    name: str
    mime_type: str
    size_bytes: int
    path: Path
    is_too_large: bool

    def check_size(self) -> None:
        """Raise FileTooLarge if the file is over the limit; called after the check of its extension (3.3-7)."""
        if self.is_too_large:
            raise FileTooLarge


@dataclass(frozen=True, slots=True)
class Upload:
    """What an upload carried; `fields` is `data` with the other plain fields under it.

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
        """Return the file. Raises NoFileUploaded, TooManyFiles, FilenameMissing, in this order."""
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

    Raises BadRequest for a broken or truncated body, InvalidParam for a `data` that is no JSON object, FileTooLarge
    for a body over every limit.
    """
    raise NotImplementedError
    yield
