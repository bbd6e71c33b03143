"""Where a document's content comes from: a text in the request, or an uploaded file."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from zhiku.blobs.base import BlobStore
from zhiku.documents.file_types import mime_type_of, split_name
from zhiku.documents.store import Upload
from zhiku.errors import ZhikuError


class Source(Protocol):
    """Content on its way into the blob store."""

    @property
    def name(self) -> str:
        """The document's name."""
        ...

    @property
    def filename(self) -> str:
        """The stored file's name."""
        ...

    @property
    def size_bytes(self) -> int: ...

    @property
    def is_text(self) -> bool:
        """Whether the content is UTF-8 text that no parser needs to see."""
        ...

    @property
    def is_rule_required(self) -> bool:
        """Whether a first document from this source must bring its process rule (contract D43)."""
        ...

    def store(self, blobs: BlobStore, key: str) -> None:
        """Put the content under `key`. Raises StorageFull."""
        ...


@dataclass(frozen=True, slots=True)
class TextSource:
    """A text sent as JSON."""

    name: str
    content: bytes
    is_text: bool = True
    is_rule_required: bool = False

    @property
    def filename(self) -> str:
        return self.name

    @property
    def size_bytes(self) -> int:
        return len(self.content)

    def store(self, blobs: BlobStore, key: str) -> None:
        blobs.put(key, self.content)


@dataclass(frozen=True, slots=True)
class FileSource:
    """An uploaded file, still in its temporary place."""

    name: str
    filename: str
    path: Path
    size_bytes: int
    is_text: bool = False
    is_rule_required: bool = True

    def store(self, blobs: BlobStore, key: str) -> None:
        blobs.put_file(key, self.path)


@contextmanager
def stored(blobs: BlobStore, files: Sequence[tuple[Source, str]]) -> Generator[None]:
    """Store each source under its key, and take all away again if the block refuses the request. Raises StorageFull."""
    keys: list[str] = []
    try:
        for source, key in files:
            source.store(blobs, key)
            keys.append(key)
    except ZhikuError:
        _delete_all(blobs, keys)
        raise
    try:
        yield
    except ZhikuError as error:
        # A refusal comes before the commit, so that nothing refers to the file. After another failure something may.
        if error.status < 500:
            _delete_all(blobs, keys)
        raise


def _delete_all(blobs: BlobStore, keys: Sequence[str]) -> None:
    for key in keys:
        blobs.delete(key)


def new_upload(source: Source, dataset_id: str, created_by: str, now: float) -> Upload:
    """Return the row of a file about to be stored, whose document is not known yet.

    Its key begins with the dataset, so that all files of one can be purged together.
    """
    upload_id = str(uuid4())
    extension = "txt" if source.is_text else split_name(source.filename)[1].lower()
    mime_type = "text/plain" if source.is_text else mime_type_of(source.filename)
    return Upload(
        id=upload_id,
        dataset_id=dataset_id,
        document_id="",
        name=source.filename,
        size_bytes=source.size_bytes,
        extension=extension,
        mime_type=mime_type,
        blob_key=f"{dataset_id}/{upload_id}",
        is_text=source.is_text,
        created_by=created_by,
        created_at=now,
    )
