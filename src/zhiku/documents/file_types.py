"""Which files may be uploaded, by the extension of their name (contract 3.3-7)."""

from zhiku.errors import InvalidParam, UnsupportedFileType

EXTENSIONS = frozenset(
    {
        "csv",
        "docx",
        "eml",
        "epub",
        "htm",
        "html",
        "json",
        "markdown",
        "md",
        "mdx",
        "pdf",
        "pptx",
        "properties",
        "txt",
        "vtt",
        "xls",
        "xlsx",
        "xml",
    }
)


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


def check_filename(filename: str) -> None:
    """Raise InvalidParam for a path, UnsupportedFileType for an extension that no parser handles."""
    if "/" in filename or "\\" in filename:
        raise InvalidParam("Filename contains invalid characters", params="file")
    if split_name(filename)[1].lower() not in EXTENSIONS:
        raise UnsupportedFileType
