"""The chapters of an EPUB in the order to read them: the library leaves out their headings when one page is odd."""

import io
import posixpath
import re
import zipfile
from urllib.parse import unquote
from xml.etree import ElementTree

from zhiku.errors import DocumentUnreadable
from zhiku.ingestion.extract.decode import decode_text, is_text
from zhiku.ingestion.extract.detect import ENCRYPTED
from zhiku.ingestion.extract.repack import TEXT_BYTES

CONTAINER = "META-INF/container.xml"
PAGE_TYPES = ("application/xhtml+xml", "text/html", "application/xml", "text/xml")
MOST_CHAPTERS = 5_000
# In XHTML any element may end where it begins; read as HTML it would swallow what follows.
ENDED = re.compile(
    r"<(title|script|style|a|span|div|p|i|b|em|strong|td|th|li|h[1-6])(\s[^<>]{0,2000}?)?/>", re.IGNORECASE
)


def read_chapters(content: bytes) -> list[str]:
    """The chapters as HTML; empty if the book does not say which they are, or too many.

    Raises DocumentUnreadable if they are locked, and what `zipfile` raises.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {member.filename: member for member in archive.infolist()}
        chapters: list[str] = []
        names = chapter_names(archive)
        if len(names) > MOST_CHAPTERS:
            return []
        for name in names:
            member = members.get(name)
            if member is None or member.file_size > TEXT_BYTES:
                return []
            page = archive.read(member)
            if page and not is_text(page):
                raise DocumentUnreadable(ENCRYPTED)
            chapters.append(ENDED.sub(r"<\1\2></\1>", decode_text(page)))
        return chapters


def chapter_names(archive: zipfile.ZipFile) -> list[str]:
    """The members that are chapters, in reading order, without the table of contents."""
    try:
        root = ElementTree.fromstring(archive.read(CONTAINER)).find(".//{*}rootfile")
        package_name = "" if root is None else root.get("full-path", "")
        package = ElementTree.fromstring(archive.read(package_name))
    except (ElementTree.ParseError, KeyError, ValueError):
        return []
    folder = posixpath.dirname(package_name)
    pages = {
        item.get("id"): posixpath.normpath(posixpath.join(folder, unquote(item.get("href", ""))))
        for item in package.iterfind("{*}manifest/{*}item")
        if item.get("media-type") in PAGE_TYPES and "nav" not in item.get("properties", "").split()
    }
    spine = (item.get("idref") for item in package.iterfind("{*}spine/{*}itemref"))
    return list(dict.fromkeys(pages[reference] for reference in spine if reference in pages))
