"""Word files: line breaks, of which the library makes a space or nothing, and notes, which it numbers twice."""

import re

from zhiku.ingestion.extract.repack import read_member, replace_members

DOCUMENT = "word/document.xml"
BREAK = re.compile(rb"<w:(?:br|cr)(?:\s[^<>]{0,200})?/>")
# A character for private use that no document has a reason to hold.
MARK = "\uf8f5"
MARKED = re.compile(f" ?{MARK} ?")
# A page often breaks before a heading or item, which must stay one.
LEADING = re.compile(rf"^(\s*(?:[-*+>] |\d{{1,9}}[.)] |#{{1,6}} )?)(?: ?{MARK} ?)+")
NOTE = re.compile(r"\[\^(\d{1,9})\]")
NOTES_AT_END = re.compile(r"(?:\[\^\d{1,9}\])+$")


def mark_breaks(content: bytes) -> bytes:
    """The Word file with a mark in the place of each break; as it was if it has none."""
    text, breaks = BREAK.subn(f"<w:t>{MARK}</w:t>".encode(), read_member(content, DOCUMENT))
    return replace_members(content, {DOCUMENT: text}) if breaks else content


def unmark_breaks(text: str) -> str:
    """The Markdown with lines broken where the marks are; a heading or row of a table stays one line."""
    if MARK not in text:
        return text
    lines = (LEADING.sub(r"\1", line) for line in text.split("\n"))
    return "\n".join(MARKED.sub(" " if line.startswith(("|", "#")) else "\n", line).rstrip() for line in lines)


def mend_notes(text: str) -> str:
    """The Markdown with each note's number in its place.

    The library leaves the file's own number there and adds the one that the note has at the end of the paragraph.
    """
    return "\n".join(mend_note_line(line) if "[^" in line else line for line in text.split("\n"))


def mend_note_line(line: str) -> str:
    """One line, as `mend_notes`; as it is unless it has as many notes at its end as in it."""
    found = NOTES_AT_END.search(line)
    if found is None:
        return line
    rest, added = line[: found.start()], NOTE.findall(found[0])
    # The last note may stand at the very end itself.
    own = len(NOTE.findall(line)) - len(added)
    while own < len(added):
        rest, added, own = f"{rest}[^{added[0]}]", added[1:], own + 1
    if own != len(added):
        return line
    numbers = iter(added)
    return NOTE.sub(lambda _: f"[^{next(numbers)}]", rest)
