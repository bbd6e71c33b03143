"""Texts to measure with: real words, as frequent as in real texts, the same at every run."""

import json
import random
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from pathlib import Path

from bpe_openai import get_encoding  # pyright: ignore[reportMissingTypeStubs]

TMP = Path(__file__).parent / "tmp"
SEGMENT_WORDS = 105
SENTENCE_WORDS = 15
CHINESE_EVERY = 3
"""Every third document is Chinese."""

SEPARATOR = "\n\n"
_FIRST_MERGE, _VOCABULARY = 256, 199_998


@cache
def word_lists() -> tuple[list[str], list[str]]:
    """Return English and Chinese words, the commonest first: the vocabulary of tokens lists them by frequency."""
    kept = TMP / "words.json"
    if not kept.exists():
        TMP.mkdir(exist_ok=True)
        kept.write_text(json.dumps(_read_words()), encoding="utf-8")
    english, chinese = json.loads(kept.read_text(encoding="utf-8"))
    return english, chinese


def make_segment(number: int, *, is_chinese: bool) -> str:
    """Return the text of segment `number`, about 120 tokens; no two are the same."""
    rng = random.Random(f"segment {number}")
    words = _draw(rng, SEGMENT_WORDS, is_chinese=is_chinese)
    glue, stop = ("", "。") if is_chinese else (" ", ". ")
    sentences = [glue.join(words[start : start + SENTENCE_WORDS]) for start in range(0, SEGMENT_WORDS, SENTENCE_WORDS)]
    return f"{stop.join(sentences)}{stop.strip()} {number}"


def make_segments(count: int, per_document: int, start: int = 0) -> Iterator[list[str]]:
    """Yield the segments of documents with `per_document` segments each, `count` segments together."""
    for first in range(start, start + count, per_document):
        last = min(first + per_document, start + count)
        yield [make_segment(number, is_chinese=is_chinese(number, per_document)) for number in range(first, last)]


def is_chinese(number: int, per_document: int) -> bool:
    """Tell whether a segment lies in a Chinese document."""
    return number // per_document % CHINESE_EVERY == CHINESE_EVERY - 1


def make_queries(count: int, seed: str = "queries") -> list[str]:
    """Return questions of three to eight words, a third of them Chinese."""
    rng = random.Random(seed)
    made: list[str] = []
    for number in range(count):
        chinese = number % CHINESE_EVERY == CHINESE_EVERY - 1
        words = _draw(rng, rng.randint(3, 8), is_chinese=chinese)
        made.append(("" if chinese else " ").join(words))
    return made


def _draw(rng: random.Random, count: int, *, is_chinese: bool) -> list[str]:
    words = word_lists()[is_chinese]
    return rng.choices(words, cum_weights=_weights(len(words)), k=count)


@cache
def _weights(count: int) -> list[float]:
    """Zipf's law."""
    return list(accumulate(1 / (rank + 2.7) for rank in range(count)))


def _read_words() -> tuple[list[str], list[str]]:
    vocabulary = get_encoding("o200k_base")
    english: list[str] = []
    chinese: list[str] = []
    for token in range(_FIRST_MERGE, _VOCABULARY):
        word = vocabulary.decode([token]) or ""
        plain = word[1:]
        if word[:1] == " " and len(plain) > 1 and plain.isascii() and plain.isalpha() and plain.islower():
            english.append(plain)
        elif 0 < len(word) <= 2 and all("\u4e00" <= character <= "\u9fff" for character in word):
            chinese.append(word)
    return english, chinese
