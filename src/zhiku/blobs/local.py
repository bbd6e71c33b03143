"""Blobs as files in a folder of this machine."""

import errno
import os
import re
import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

from zhiku.blobs.base import BlobMissing
from zhiku.errors import StorageFull

_KEY = re.compile(r"[a-z0-9.-]+(?:/[a-z0-9.-]+)*")
_KEY_CHARS = 200
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
# No key holds an underscore, so a file name can: it stands for the slash.
_SLASH = "_"
_INCOMING = "_incoming"
_LEFTOVER_SECONDS = 3600


class LocalBlobs:
    """Files under `root`, spread over two levels of folders; implements the `BlobStore` port.

    Several processes may use one root. A key that breaks the port's rules is a ValueError.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        # Files are written here and renamed away, so what a killed process leaves is found without a walk.
        self._incoming = root / _INCOMING
        self._durable_folders: set[Path] = set()
        with _full_disk_translated():
            self._incoming.mkdir(parents=True, exist_ok=True)
            _sync(root)
        self._remove_leftovers()

    def put(self, key: str, content: bytes) -> None:
        """Store `content` whole or not at all, durably. Raises StorageFull."""
        target = self._path(key)
        with _full_disk_translated(), self._incoming_file() as incoming:
            incoming.write_bytes(content)
            self._publish(incoming, target)

    def put_file(self, key: str, path: Path) -> None:
        """Store the file at `path` whole or not at all, durably, and take it away. Raises StorageFull."""
        target = self._path(key)
        with _full_disk_translated():
            if not self._move_in(path, target):
                with self._incoming_file() as incoming:
                    shutil.copyfile(path, incoming)
                    self._publish(incoming, target)
                path.unlink(missing_ok=True)

    def get(self, key: str) -> bytes:
        """Return the content. Raises BlobMissing."""
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError as error:
            raise BlobMissing(key) from error

    def delete(self, key: str) -> None:
        """Remove the blob durably; nothing happens if it is not there."""
        path = self._path(key)
        with _full_disk_translated(), suppress(FileNotFoundError):
            path.unlink()
            _sync(path.parent)

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the stored keys that begin with `prefix`, in no order. Walks the whole store."""
        folders = (self._root / first for first in _names(self._root) if first != _INCOMING)
        names = (name for folder in folders for second in _names(folder) for name in _names(folder / second))
        for name in names:
            key = name.replace(_SLASH, "/")
            if key.startswith(prefix):
                yield key

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if len(key) > _KEY_CHARS or not _KEY.fullmatch(key) or "." in parts or ".." in parts:
            raise ValueError(f"not a blob key: {key[:_KEY_CHARS]!r}")
        digest = sha256(key.encode("ascii")).hexdigest()
        return self._root / digest[:2] / digest[2:4] / key.replace("/", _SLASH)

    @contextmanager
    def _incoming_file(self) -> Generator[Path, None, None]:
        path = self._incoming / token_hex(16)
        try:
            yield path
        finally:
            # Gone already if it was published.
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _move_in(self, source: Path, target: Path) -> bool:
        # A link is copied: moving it would store the link and not the content.
        if source.is_symlink():
            return False
        try:
            self._publish(source, target)
        except OSError as error:
            if error.errno == errno.EXDEV:
                return False
            raise
        return True

    def _publish(self, path: Path, target: Path) -> None:
        _sync(path)
        folder = target.parent
        if folder not in self._durable_folders:
            folder.mkdir(parents=True, exist_ok=True)
            _sync(folder.parent)
            _sync(self._root)
            self._durable_folders.add(folder)
        path.replace(target)
        _sync(folder)

    def _remove_leftovers(self) -> None:
        # Another process may be writing right now; an upload takes minutes at most.
        oldest = time.time() - _LEFTOVER_SECONDS
        for name in _names(self._incoming):
            path = self._incoming / name
            # On a read-only disk the server still starts and reads.
            with suppress(OSError):
                if path.stat().st_mtime < oldest:
                    path.unlink()


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _full_disk_translated() -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull from error
        raise
