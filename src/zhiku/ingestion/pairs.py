"""Question and answer pairs from text: written in it, its rows, or by a chat model (contract 4.6, pure)."""

import re
from collections.abc import Sequence

from zhiku.documents.picture_links import without_pictures
from zhiku.segments.make import Piece

QUESTION_CHARS = 200

# `Q:`, `Q1:`, `A：`, `问：`, `答:` at the start of a line.
_MARK = re.compile(r"^[ \t]*(?:(?P<question>[Qq]\d{0,4}|问)|(?P<answer>[Aa]\d{0,4}|答))[ \t]*[:：][ \t]*", re.MULTILINE)
# What a chat model puts in place of the plain mark: `**Q1:**`, `1. Question:`, `### 问题 1：`.
_NUMBERED = re.compile(
    r"^[ \t>#*_-]{0,20}(?:\d{1,4}[.)、][ \t]{0,4})?[*_]{0,4}"
    r"(?:(?P<question>Q(?:uestion)?|问题?)|(?P<answer>A(?:nswer)?|答案?|回答))"
    r"[ \t]{0,4}\d{0,4}[ \t]{0,4}[*_]{0,4}[ \t]{0,4}[:：][*_]{0,4}[ \t]*",
    re.MULTILINE | re.IGNORECASE,
)
# A row of a sheet, as extraction writes it: `"header":"value";…`.
_CELL = re.compile(r'"([^"\n]*)":"(.*?)";(?="[^"\n]*":"|$)')
_SENTENCE_END = re.compile(r"[。！？!?；;\n]|\.(?=\s|$)")


def find_pairs(texts: Sequence[str]) -> list[Piece]:
    """Return the explicit pairs written in the texts, in order; none unless a question is followed by its answer."""
    return [pair for text in texts for pair in _pairs_in(text, _MARK)]


def find_row_pairs(text: str) -> list[Piece]:
    """Return the first two columns of a sheet's rows as pairs; none if the text is no sheet of two columns or more.

    Rows that lack one of the two are left out; the header row is none of the text's lines.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    rows: list[list[tuple[str, str]]] = [_CELL.findall(line) for line in lines]
    written = ["".join(f'"{header}":"{cell}";' for header, cell in row) for row in rows]
    widest = max(rows, key=len) if rows else []
    if written != lines or len(widest) < 2:
        return []
    first, second = widest[0][0], widest[1][0]
    if first == second:
        return [Piece(row[0][1], row[1][1]) for row in rows if len(row) == len(widest)]
    found = [dict(row[::-1]) for row in rows]
    return [Piece(row[first], row[second]) for row in found if first in row and second in row]


def read_numbered_pairs(text: str) -> list[Piece]:
    """Return the pairs that a chat model has listed, in order; those without question or answer are left out."""
    return [Piece(_unmarked(pair.content), _unmarked(pair.answer or "")) for pair in _pairs_in(text.strip(), _NUMBERED)]


def pair_of(content: str) -> Piece:
    """Return a text as the answer to its own first sentence, cut to 200 characters."""
    text = without_pictures(content).strip() or content
    end = _SENTENCE_END.search(text)
    question = text[: end.end()].strip() if end else text
    return Piece(content=(question or text)[:QUESTION_CHARS], answer=content)


def _unmarked(said: str) -> str:
    """Return a text without the end of an emphasis that began before its mark."""
    return said[:-2].rstrip() if said.endswith("**") and said.count("**") % 2 else said


def _pairs_in(text: str, mark_of_side: re.Pattern[str]) -> list[Piece]:
    marks = list(mark_of_side.finditer(text))
    pairs: list[Piece] = []
    question = ""
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    for mark, end in zip(marks, ends, strict=False):
        said = text[mark.end() : end].strip()
        if mark["question"]:
            question = said
        elif question and said:
            pairs.append(Piece(content=question, answer=said))
            question = ""
    return pairs
