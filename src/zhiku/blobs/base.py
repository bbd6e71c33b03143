"""Where uploaded files lie: the port that every blob store implements."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


class BlobStore(Protocol):
    """Whole files by key. A key is lowercase letters, digits, `-`, `.` and `/`, at most 200 characters."""

    def put(self, key: str, content: bytes) -> None:
        """Store `content` whole or not at all, durably. Raises StorageFull."""
        ...

    def put_file(self, key: str, path: Path) -> None:
        """Store the file at `path` whole or not at all, durably; the file may be moved away. Raises StorageFull."""
        ...

    def get(self, key: str) -> bytes:
        """Return the content. Raises BlobMissing."""
        ...

    def delete(self, key: str) -> None:
        """Remove the blob; nothing happens if it is not there."""
        ...

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the stored keys that begin with `prefix`, in no order."""
        ...


class BlobMissing(Exception):
    """No blob has this key."""
