"""Breaks inside of Word paragraphs: the library makes a space of a line's and nothing at all of a page's."""

import io
import re
import zipfile

DOCUMENT = "word/document.xml"
BREAK = re.compile(rb"<w:(?:br|cr)(?:\s[^<>]{0,200})?/>")
# A character for private use that no document has a reason to hold.
MARK = "\uf8f5"
MARKED = re.compile(f" ?{MARK} ?")
# A page often breaks before a heading or item, which must stay one.
LEADING = re.compile(rf"^(\s*(?:[-*+>] |\d{{1,9}}[.)] |#{{1,6}} )?)(?: ?{MARK} ?)+")
# Larger texts go without this mend rather than twice through the memory.
TEXT_BYTES = 64 << 20


def mark_breaks(content: bytes) -> bytes:
    """The Word file with a mark in the place of each break; as it was if it has none."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = {member.filename for member in archive.infolist()}
        if DOCUMENT not in names or archive.getinfo(DOCUMENT).file_size > TEXT_BYTES:
            return content
        text, breaks = BREAK.subn(f"<w:t>{MARK}</w:t>".encode(), archive.read(DOCUMENT))
        if not breaks:
            return content
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as mended:
            mended.writestr(DOCUMENT, text)
            # Pictures are not read, only their names; the rest is small.
            for name in sorted(names - {DOCUMENT}):
                mended.writestr(name, b"" if name.startswith("word/media/") else archive.read(name))
    return out.getvalue()


def unmark_breaks(text: str) -> str:
    """The Markdown with lines broken where the marks are; a heading or row of a table stays one line."""
    if MARK not in text:
        return text
    lines = (LEADING.sub(r"\1", line) for line in text.split("\n"))
    return "\n".join(MARKED.sub(" " if line.startswith(("|", "#")) else "\n", line).rstrip() for line in lines)
