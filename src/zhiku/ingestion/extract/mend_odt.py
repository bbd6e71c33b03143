"""OpenDocument texts: notes, which the library puts in wrong places, and bullets, of which it makes numbers."""

import re

from zhiku.ingestion.extract.repack import read_member, replace_members

CONTENT, STYLES = "content.xml", "styles.xml"
NOTE_START, NOTE_END = b"<text:note ", b"</text:note>"
BODY_START, BODY_END = b"<text:note-body>", b"</text:note-body>"
TEXT_END = b"</office:text>"
PARAGRAPH = re.compile(rb"<text:p\b[^<>]{0,500}>")
LIST_START, LIST_END = b"<text:list-style ", b"</text:list-style>"
NUMBERED = b"text:list-level-style-number"
BULLETED = b"text:list-level-style-bullet"
FIRST_LEVEL = re.compile(rb'<text:list-level-style-bullet\b[^<>]{0,2000}?text:level="1"')


def mend_odt(content: bytes) -> bytes:
    """The file with its notes as paragraphs at the end and bulleted lists that are so on every level."""
    changed: dict[str, bytes] = {}
    for name in (CONTENT, STYLES):
        text = read_member(content, name)
        mended = mend_lists(text)
        if name == CONTENT:
            mended = move_notes(mended)
        if mended != text:
            changed[name] = mended
    return replace_members(content, changed) if changed else content


def move_notes(text: bytes) -> bytes:
    """Each note as `[^n]` in its place and `[^n]: …` in a paragraph at the end of the text."""
    out: list[bytes] = []
    notes: list[bytes] = []
    position = 0
    while (start := text.find(NOTE_START, position)) >= 0 and (end := text.find(NOTE_END, start)) >= 0:
        note = text[start:end]
        body = note.partition(BODY_START)[2].partition(BODY_END)[0]
        number = str(len(notes) + 1).encode()
        notes.append(PARAGRAPH.sub(lambda found, number=number: found[0] + b"[^" + number + b"]: ", body, count=1))
        out += [text[position:start], b"[^" + number + b"]"]
        position = end + len(NOTE_END)
    out.append(text[position:])
    whole = b"".join(out)
    at = whole.rfind(TEXT_END)
    return whole[:at] + b"".join(notes) + whole[at:] if notes and at >= 0 else text


def mend_lists(text: bytes) -> bytes:
    """List styles that begin with a bullet made bullets on all levels: one number makes the library count the list."""
    out: list[bytes] = []
    position = 0
    while (start := text.find(LIST_START, position)) >= 0 and (end := text.find(LIST_END, start)) >= 0:
        style = text[start:end]
        out += [
            text[position:start],
            style.replace(NUMBERED, BULLETED) if FIRST_LEVEL.search(style) else style,
        ]
        position = end
    return b"".join([*out, text[position:]])
