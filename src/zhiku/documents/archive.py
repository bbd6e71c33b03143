"""A ZIP of files as a batch of documents, one for each member (contract 13)."""

import os
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from zhiku.access.service import Actor
from zhiku.blobs.base import BlobStore
from zhiku.datasets.store import Dataset
from zhiku.documents import service
from zhiku.documents.file_types import EXTENSIONS, shorten_name, split_name
from zhiku.documents.schemas import NAME_CHARS, DocumentSettings
from zhiku.documents.store import DocumentRow
from zhiku.errors import FileTooLarge, InvalidParam, UnsupportedFileType
from zhiku.runtime import Runtime
from zhiku.settings import Settings

MOST_MEMBERS = 1000
UNPACKED_TIMES = 10
# The list of members at the archive's end; Python reads all of it at once, and 1,000 paths need a tenth of this.
LISTING_BYTES = 1 << 20
NESTED = frozenset(("zip", "jar", "rar", "7z", "tar", "gz", "tgz", "bz2", "xz", "zst"))
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED_MEMBER = 0x1
UTF8_NAME = 0x800

_END = struct.Struct("<4s4H2LH")
_END_MARK, _END64_MARK = b"PK\x05\x06", b"PK\x06\x06"
_COMMENT_BYTES = 0xFFFF
_END64_SIZE_AT = 40
# Stands where a number is written in the larger record alone.
_IN_END64 = 0xFFFFFFFF
_BROKEN = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, struct.error, OverflowError, ValueError)


@dataclass(frozen=True, slots=True)
class MemberSource:
    """A member of an archive; it is unpacked when it is stored, into memory, and no further than it says it is long."""

    archive: zipfile.ZipFile
    member: zipfile.ZipInfo
    name: str
    is_text: bool = False
    is_rule_required: bool = True

    @property
    def filename(self) -> str:
        return shorten_name(self.name.rsplit("/", 1)[-1], NAME_CHARS)

    @property
    def size_bytes(self) -> int:
        return self.member.file_size

    def store(self, blobs: BlobStore, key: str) -> None:
        """Put the content under `key`. Raises StorageFull, InvalidParam if the archive is damaged here."""
        try:
            content = self.archive.read(self.member)
        except _BROKEN as error:
            raise _damaged() from error
        if len(content) != self.size_bytes:
            raise _damaged()
        blobs.put(key, content)


def create_from_archive(
    rt: Runtime, actor: Actor, dataset: Dataset, path: Path, settings: DocumentSettings
) -> tuple[DocumentRow, str]:
    """Make a document of each member, all or none, in one batch; return the first one and the batch.

    Members keep their paths as names. Raises what `create_document` raises; InvalidParam, FileTooLarge and
    UnsupportedFileType also for what is in the archive.
    """
    if settings.original_document_id is not None:
        raise InvalidParam("A ZIP archive cannot update a document. Upload its new file instead.", params="file")
    _check_listing(path)
    try:
        with zipfile.ZipFile(path) as archive:
            sources = list_sources(archive, rt.settings)
            rows, batch = service.create_documents(rt, actor, dataset, sources, settings)
    except _BROKEN as error:
        raise _damaged() from error
    return rows[0], batch


def list_sources(archive: zipfile.ZipFile, settings: Settings) -> list[MemberSource]:
    """The archive's files in its order. Raises InvalidParam, FileTooLarge, UnsupportedFileType."""
    members = [member for member in archive.infolist() if not member.is_dir()]
    sources = [MemberSource(archive, member, _name_of(member)) for member in members]
    sources = [source for source in sources if not _is_left_by_system(source.name)]
    if not sources:
        raise InvalidParam("The archive holds no file.", params="file")
    if len(sources) > MOST_MEMBERS:
        raise _too_many()
    if sum(source.size_bytes for source in sources) > UNPACKED_TIMES * settings.upload_file_bytes:
        most = UNPACKED_TIMES * settings.upload_file_bytes >> 20
        raise InvalidParam(f"The archive unpacks to more than {most} MiB. Split it.", params="file")
    for source in sources:
        _check_member(source, settings)
    if len({source.name for source in sources}) < len(sources):
        raise InvalidParam("The archive holds two files of the same name. Rename one of them.", params="file")
    return sources


def _check_member(source: MemberSource, settings: Settings) -> None:
    extension = split_name(source.filename)[1].lower()
    if extension in NESTED:
        raise InvalidParam(f"The archive holds another one: {source.name}. Unpack it first.", params="file")
    if extension not in EXTENSIONS:
        raise UnsupportedFileType(f"File type not allowed: {source.name}. Take it out of the archive.")
    if source.member.flag_bits & ENCRYPTED_MEMBER:
        raise InvalidParam("The archive is encrypted. Remove the password and upload it again.", params="file")
    if source.member.compress_type not in METHODS:
        raise InvalidParam("The archive is packed in an unusual way. Pack it again as a common ZIP.", params="file")
    if source.size_bytes > settings.upload_file_bytes:
        raise FileTooLarge(f"File size exceeded: {source.name}.")


def _name_of(member: zipfile.ZipInfo) -> str:
    """The member's path as a name: without steps up, and in the encoding it was probably written in."""
    path = member.filename
    if not member.flag_bits & UTF8_NAME:
        path = _decode_name(path.encode("cp437"))
    steps = [step for step in path.replace("\\", "/").split("/") if step not in ("", ".", "..")]
    return shorten_name("".join(c for c in "/".join(steps) if c.isprintable()), NAME_CHARS)


def _decode_name(raw: bytes) -> str:
    """A name whose encoding the archive does not tell, in the order of contract 11.5."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("cp437")


def _is_left_by_system(name: str) -> bool:
    """Whether a file manager put the file there without being asked."""
    last = name.rsplit("/", 1)[-1]
    return name.startswith("__MACOSX/") or last.startswith("._") or last in (".DS_Store", "Thumbs.db", "desktop.ini")


def _check_listing(path: Path) -> None:
    """Raise InvalidParam if the list of members is absurdly long: that is known before any of it is read."""
    try:
        size_bytes = _listing_bytes(path)
    except struct.error as error:
        raise _damaged() from error
    if size_bytes > LISTING_BYTES:
        raise _too_many()


def _listing_bytes(path: Path) -> int:
    """How long the archive says its list of members is. Raises struct.error, InvalidParam if it is no archive."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _COMMENT_BYTES - _END.size - 128))
        tail = file.read()
    at = tail.rfind(_END_MARK)
    if at < 0:
        raise _damaged()
    size_bytes: int = _END.unpack_from(tail, at)[5]
    at64 = tail.rfind(_END64_MARK, 0, at)
    if at64 >= 0:
        size_bytes = max(size_bytes % _IN_END64, struct.unpack_from("<Q", tail, at64 + _END64_SIZE_AT)[0])
    return size_bytes


def _too_many() -> InvalidParam:
    return InvalidParam(f"The archive holds more than {MOST_MEMBERS} files. Split it.", params="file")


def _damaged() -> InvalidParam:
    return InvalidParam("The archive is damaged or incomplete. Pack it again and upload the new one.", params="file")
