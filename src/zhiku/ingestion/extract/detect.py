"""What a file is, by its content first and its name second."""

import io
import re
import zipfile
from enum import StrEnum

from zhiku.errors import DocumentUnreadable
from zhiku.ingestion.extract.decode import decode_text, is_text
from zhiku.ingestion.extract.parts import EMPTY

ENCRYPTED = "The file is encrypted. Remove the password and upload it again."
NO_TEXT = "The file has no text layer: it holds only pictures. Run text recognition (OCR) on it and upload it again."


class Kind(StrEnum):
    """The formats that are read, each named by its usual extension."""

    TXT = "txt"
    MD = "md"
    MDX = "mdx"
    HTML = "html"
    XML = "xml"
    JSON = "json"
    CSV = "csv"
    SUBTITLES = "vtt"
    PROPERTIES = "properties"
    EML = "eml"
    RTF = "rtf"
    PDF = "pdf"
    DOCX = "docx"
    XLSX = "xlsx"
    PPTX = "pptx"
    ODT = "odt"
    ODS = "ods"
    ODP = "odp"
    EPUB = "epub"
    XLS = "xls"
    DOC = "doc"
    PPT = "ppt"
    MSG = "msg"


TEXT_EXTENSIONS = {
    "txt": Kind.TXT,
    "md": Kind.MD,
    "markdown": Kind.MD,
    "mdx": Kind.MDX,
    "html": Kind.HTML,
    "htm": Kind.HTML,
    "xml": Kind.XML,
    "json": Kind.JSON,
    "jsonl": Kind.JSON,
    "csv": Kind.CSV,
    "tsv": Kind.CSV,
    "vtt": Kind.SUBTITLES,
    "srt": Kind.SUBTITLES,
    "properties": Kind.PROPERTIES,
    "eml": Kind.EML,
}
BINARY_EXTENSIONS = ("rtf", "pdf", "docx", "xlsx", "pptx", "odt", "ods", "odp", "epub", "xls", "doc", "ppt", "msg")

# A member (or the content of the member `mimetype`) that only this kind of archive has.
ARCHIVE_MEMBERS = (
    ("word/document.xml", Kind.DOCX),
    ("xl/workbook.xml", Kind.XLSX),
    ("xl/workbook.bin", Kind.XLSX),
    ("ppt/presentation.xml", Kind.PPTX),
)
ARCHIVE_TYPES = {
    b"application/epub+zip": Kind.EPUB,
    b"application/vnd.oasis.opendocument.text": Kind.ODT,
    b"application/vnd.oasis.opendocument.spreadsheet": Kind.ODS,
    b"application/vnd.oasis.opendocument.presentation": Kind.ODP,
}
# Streams of the older Office container, whose directory holds names in UTF-16.
OLE_STREAMS = (
    ("WordDocument", Kind.DOC),
    ("Workbook", Kind.XLS),
    ("PowerPoint Document", Kind.PPT),
    ("__properties_version1.0", Kind.MSG),
    ("Book", Kind.XLS),
)
ENCRYPTED_MEMBER = 0x1
# Locked OpenDocument files name each encrypted member in a list that is not.
MANIFEST, ENCRYPTED_OPEN_DOCUMENT = "META-INF/manifest.xml", b":encryption-data"
TYPE_BYTES, MANIFEST_BYTES = 128, 1 << 20
ENCRYPTED_STREAMS = ("EncryptedPackage", "EncryptedSummary")
# Where the older container says how large its sectors are, and its directory where a stream begins; the second byte of
# the flags in the head of a Word file, with the bit for a password, is the last one looked at.
SECTOR_SIZE_AT, STREAM_START_AT, WORD_HEAD_BYTES = 30, 116, 12
# Compressed Office files unpack to 5 to 20 times their size; what is past this is not read to the end anyway.
UNPACKED_BYTES = 512 << 20
HTML_START = re.compile(
    r"\s*(?:<\?xml\b[^>]{0,200}>\s*)?(?:<!--.{0,500}?-->\s*)?<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL
)
MARKUP = re.compile(r"<[a-zA-Z!?/]")
# A web page saved as one file, or a letter, under the name of a Word file.
MAIL_START = re.compile(
    r"(?:[\w-]{1,60}:[^\n]{0,998}\n(?:[ \t][^\n]{0,998}\n){0,9}){0,30}?MIME-Version:", re.IGNORECASE
)
# Under these names markup is a text's own, and stays as it is.
KEPT = (Kind.MD, Kind.MDX, Kind.JSON, Kind.PROPERTIES, Kind.SUBTITLES)
SHEETS = ("xlsx", "xls", "ods")
WORDS = ("doc", "docx", "rtf", "msg")
HEAD_BYTES = 1024
MARKUP_BYTES = 8192
TAIL_BYTES = 2048


def supported_extensions() -> frozenset[str]:
    """The extensions an upload may have, in lower case and without the dot."""
    return frozenset(TEXT_EXTENSIONS) | frozenset(BINARY_EXTENSIONS)


def detect_kind(content: bytes, extension: str) -> Kind:
    """The kind of a file. Raises DocumentUnreadable if it is empty, locked, or of a kind that is not read."""
    if not content:
        raise DocumentUnreadable(EMPTY)
    head = content[:HEAD_BYTES]
    if is_pdf(content, extension):
        return Kind.PDF
    if head.startswith(b"PK\x03\x04"):
        return kind_of_archive(content, extension)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return kind_of_container(content, extension)
    if head.lstrip().startswith(b"{\\rtf"):
        return Kind.RTF
    if extension == "eml":
        return Kind.EML
    if not is_text(content):
        raise DocumentUnreadable(not_as_named(extension))
    return kind_of_text(decode_text(content[:MARKUP_BYTES]), extension)


def is_pdf(content: bytes, extension: str) -> bool:
    """Whether it is a PDF: they may begin with something else, and a text about them may hold their first bytes."""
    at = content.find(b"%PDF-", 0, HEAD_BYTES)
    return at == 0 or (at > 0 and (extension not in TEXT_EXTENSIONS or b"startxref" in content[-TAIL_BYTES:]))


def kind_of_text(head: str, extension: str) -> Kind:
    """The kind of a text by how it begins, and by its name between those that look alike."""
    named = TEXT_EXTENSIONS.get(extension)
    if named is not None and named in KEPT:
        return named
    # Programs save web pages under the names of Word and Excel files, and people as plain text.
    if HTML_START.match(head):
        return Kind.HTML
    if named in (Kind.HTML, Kind.XML) and not MARKUP.search(head):
        return Kind.TXT
    if extension in WORDS and MAIL_START.match(head):
        return Kind.EML
    return named or (Kind.CSV if extension in SHEETS else Kind.TXT)


def kind_of_archive(content: bytes, extension: str) -> Kind:
    """The kind of a zip archive; raises DocumentUnreadable for one that is none of ours."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            check_members(members)
            declared = read_first(archive, "mimetype", TYPE_BYTES).strip()
            if ENCRYPTED_OPEN_DOCUMENT in read_first(archive, MANIFEST, MANIFEST_BYTES):
                raise DocumentUnreadable(ENCRYPTED)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, EOFError) as error:
        raise DocumentUnreadable(damaged(extension)) from error
    if declared in ARCHIVE_TYPES:
        return ARCHIVE_TYPES[declared]
    names = {member.filename.replace("\\", "/").lower().lstrip("/") for member in members}
    for name, kind in ARCHIVE_MEMBERS:
        if name in names:
            return kind
    raise DocumentUnreadable(not_as_named(extension))


def check_members(members: list[zipfile.ZipInfo]) -> None:
    """Raise DocumentUnreadable for a locked archive and for one that says it unpacks to too much."""
    if any(member.flag_bits & ENCRYPTED_MEMBER for member in members):
        raise DocumentUnreadable(ENCRYPTED)
    if sum(member.file_size for member in members) > UNPACKED_BYTES:
        raise DocumentUnreadable(
            f"The file unpacks to more than {UNPACKED_BYTES >> 20} MiB. Split it into smaller files and upload those."
        )


def read_first(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    """The first bytes of a member, empty if there is none."""
    try:
        with archive.open(name) as member:
            return member.read(size)
    except KeyError:
        return b""


def kind_of_container(content: bytes, extension: str) -> Kind:
    """The kind of an older Office file; raises DocumentUnreadable for one that is locked or none of ours."""
    if any(name.encode("utf-16-le") in content for name in ENCRYPTED_STREAMS) or is_locked_word(content):
        raise DocumentUnreadable(ENCRYPTED)
    for name, kind in OLE_STREAMS:
        if (name + "\0").encode("utf-16-le") in content:
            return kind
    raise DocumentUnreadable(damaged(extension))


def is_locked_word(content: bytes) -> bool:
    """Whether it is an older Word file whose head says that the rest is encrypted."""
    entry = content.find("WordDocument\0".encode("utf-16-le"))
    if entry < 0:
        return False
    sector_bytes = 1 << min(content[SECTOR_SIZE_AT], 16)
    sector = int.from_bytes(content[entry + STREAM_START_AT : entry + STREAM_START_AT + 4], "little")
    head = content[(sector + 1) * sector_bytes :][:WORD_HEAD_BYTES]
    return len(head) == WORD_HEAD_BYTES and head[:2] == b"\xec\xa5" and bool(head[-1] & 1)


def damaged(extension: str) -> str:
    """The message for a file that is broken."""
    return (
        f"The .{extension} file is damaged or incomplete. "
        "Open it in the program it came from, save it again and upload the new copy."
    )


def not_as_named(extension: str) -> str:
    """The message for a file whose content is of a kind that is not read, whatever its name says."""
    return f"The content of the file is not that of a .{extension} file. Save it as one and upload it again."
