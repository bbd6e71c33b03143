"""Which files may be uploaded, by the extension of their name (contract 3.3-7)."""

from zhiku.errors import InvalidParam, UnsupportedFileType

# Written down here, because what Python knows of types depends on the machine it runs on.
MIME_TYPES = {
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "eml": "message/rfc822",
    "epub": "application/epub+zip",
    "htm": "text/html",
    "html": "text/html",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "markdown": "text/markdown",
    "md": "text/markdown",
    "mdx": "text/mdx",
    "msg": "application/vnd.ms-outlook",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "pdf": "application/pdf",
    "ppt": "application/vnd.ms-powerpoint",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "properties": "text/x-java-properties",
    "rtf": "application/rtf",
    "srt": "application/x-subrip",
    "tsv": "text/tab-separated-values",
    "txt": "text/plain",
    "vtt": "text/vtt",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "application/xml",
}
EXTENSIONS = frozenset(MIME_TYPES)
# Taken apart into documents where new ones are made, and no document itself.
ARCHIVE = "zip"


def split_name(filename: str) -> tuple[str, str]:
    """Return the stem and the extension without its dot, in the case it was written in; no extension is ""."""
    stem, dot, extension = filename.rpartition(".")
    return (stem, extension) if dot and stem else (filename, "")


def shorten_name(filename: str, limit: int = 200) -> str:
    """Return the file name with its stem cut to `limit` characters."""
    stem, extension = split_name(filename)
    if len(stem) <= limit:
        return filename
    return f"{stem[:limit]}.{extension}" if extension else stem[:limit]


def mime_type_of(filename: str) -> str:
    """Return the media type that the file's extension stands for."""
    return MIME_TYPES.get(split_name(filename)[1].lower(), "application/octet-stream")


def is_archive(filename: str) -> bool:
    """Return whether the name is that of an archive whose members become documents."""
    return split_name(filename)[1].lower() == ARCHIVE


def check_filename(filename: str, *, may_be_archive: bool = False) -> None:
    """Raise InvalidParam for a path, UnsupportedFileType for an extension that no parser handles."""
    if "/" in filename or "\\" in filename:
        raise InvalidParam("Filename contains invalid characters", params="file")
    if may_be_archive and is_archive(filename):
        return
    if split_name(filename)[1].lower() not in EXTENSIONS:
        raise UnsupportedFileType
