"""Question and answer pairs from text, where no chat model writes them (contract 4.6, pure)."""

import re
from collections.abc import Sequence

from zhiku.segments.make import Piece

QUESTION_CHARS = 200

# `Q:`, `Q1:`, `A：`, `问：`, `答:` at the start of a line.
_MARK = re.compile(r"^[ \t]*(?:(?P<question>[Qq]\d{0,4}|问)|(?P<answer>[Aa]\d{0,4}|答))[ \t]*[:：][ \t]*", re.MULTILINE)
_SENTENCE_END = re.compile(r"[。！？!?；;\n]|\.(?=\s|$)")


def find_pairs(texts: Sequence[str]) -> list[Piece]:
    """Return the explicit pairs written in the texts, in order; none unless a question is followed by its answer."""
    return [pair for text in texts for pair in _pairs_in(text)]


def pair_of(content: str) -> Piece:
    """Return a text as the answer to its own first sentence, cut to 200 characters."""
    end = _SENTENCE_END.search(content)
    question = content[: end.end()].strip() if end else content
    return Piece(content=(question or content)[:QUESTION_CHARS], answer=content)


def _pairs_in(text: str) -> list[Piece]:
    marks = list(_MARK.finditer(text))
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
