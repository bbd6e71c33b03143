"""Words of a text for lexical search: what the index holds and what a query asks for (ADR-0006)."""

import math
import re
import threading
import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from itertools import chain
from types import ModuleType
from typing import NamedTuple

import numpy as np
from Stemmer import Stemmer

from zhiku.text.lexicon import Hashes, Lexicon, Meaning, ReadText, WordCounts
from zhiku.text.normalize import simplify, unify
from zhiku.text.tokens import token_rank

# What is seen again costs a look-up; longer runs are cut, so that none fills the memory. A full lexicon takes 22 MB; no
# corpus of 10,000 segments of 120 tokens fills it.
_CACHED = 1 << 17
_LONGEST_RUN = 64
_LONGEST_STEMMED = 40
# The dictionary's counts add up to this; ranks times the scale give frequencies on the same scale (ln 200,000).
_DICTIONARY_TOTAL = 60_101_967
_RANK_SCALE = 12
_UNKNOWN = 12.0
_RAREST = 14.0
# From this length on even a dictionary word is a phrase that a query should find in parts.
_LONG_HAN = 5

_HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
_HANGUL = "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"
# Scripts without spaces between words, and without a dictionary here: Thai, Lao, Tibetan, Burmese, Khmer.
_UNSPACED = "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0f40-\u0fbc\u1000-\u1049\u1050-\u109f\u1780-\u17d3"
# Marks that belong to a word though they are no letters: accents, Hebrew and Arabic points, Indic vowel signs.
_MARKS = "\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"
_LETTER = f"(?:[^\\W{_HAN}{_KANA}{_HANGUL}{_UNSPACED}]|[{_MARKS}])"
# ASCII letters first, a pattern of their own, and a look at what follows them: for speed alone.
_LETTERS, _ASCII_LETTERS = f"(?:[A-Za-z0-9_]++|{_LETTER})++", r"\w++"
_SPELLED, _ASCII_SPELLED = (
    f"{letters}(?:(?=[.,'&+#-])(?:(?:[.'&-]|(?<=[0-9]),(?=[0-9]{{3}}(?![0-9]))){letters})*+(?:\\+\\+|#)?)?"
    for letters in (_LETTERS, _ASCII_LETTERS)
)
_RUN = re.compile(f"[{_HAN}]+|[{_KANA}]+|[{_HANGUL}]+|[{_UNSPACED}]+|{_SPELLED}")
_ASCII_RUN = re.compile(_ASCII_SPELLED, re.ASCII)
_IS_HAN = re.compile(f"[{_HAN}]")
_IS_BIGRAMMED = re.compile(f"[{_KANA}{_HANGUL}{_UNSPACED}]")

_ALPHANUMERIC = re.compile(r"[^\W_]+")
_JOINT = re.compile(r"[.'&,_+#-]+")
_NUMBER = re.compile(r"[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?")
_VERSION = re.compile(r"v?[0-9]+(?:\.[0-9]+)+")
_HUMP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# getUserName and HttpServerError have parts, GitHub and iPhone have none.
_CAMEL = re.compile(r"[a-z]{2,}[A-Z]|[A-Z][a-z]+[A-Z]+[a-z]+[A-Z]")


class TextWords(NamedTuple):
    """What a text comes to: its words as the index holds them, its keywords, and the keywords' hashes."""

    terms: WordCounts
    keywords: list[str]
    keyword_hashes: Hashes


def words(text: str) -> list[str]:
    """Return the words of `text` as the index holds them, in order, with repeats; parts follow their compound."""
    return [word for run in _runs(text) for word in index_words(run)]


def query_words(text: str) -> list[str]:
    """Return the words that a query asks for, each once, in order.

    As `words`, but a Chinese word of the dictionary stands alone, without the words inside it: the index has
    those for queries that ask for them.
    """
    return list(dict.fromkeys(word for run in _runs(text) for word in _query_words(run)))


def hash_words(some: Iterable[str]) -> Hashes:
    """Return each word's 32-bit hash, in order: the CRC-32 of its UTF-8, so that it is the same everywhere."""
    return np.fromiter(map(_hash, some), dtype=np.uint32)


def read_words(text: str, keyword_count: int = 10) -> TextWords:
    """Return at once what `terms_of`, `extract_keywords` and, of these, `keyword_hashes` return."""
    return read_words_many([text], keyword_count)[0]


def read_words_many(texts: Sequence[str], keyword_count: int = 10) -> list[TextWords]:
    """Return what `read_words` does of each text, in order; a hundred at once cost half of what they do one by one."""
    unified = list(map(unify, texts))
    simplified = list(map(simplify, unified))
    read = _lexicon().read(list(map(cut_runs, simplified)), keyword_count)
    return [_as_text_words(*each) for each in zip(read, unified, simplified, strict=True)]


def terms_of(text: str) -> WordCounts:
    """Return the hashed words of `text` as the index holds them."""
    return read_words(text, 0).terms


def query_hashes(text: str) -> Hashes:
    """Return the hashes of the query's words, ascending, each once."""
    return np.unique(hash_words(query_words(text)))


def extract_keywords(text: str, count: int = 10) -> list[str]:
    """Return the `count` most telling words of `text` as they are written there, best first.

    Weight is frequency times rarity; ties go by position. Behind them come the letters-and-digits parts of
    the composite ones, so the list may be longer than `count`.
    """
    return read_words(text, count).keywords


def query_keywords(text: str) -> list[str]:
    """Return the keywords that a query asks for, each once, in order; all its words if none of them is telling."""
    found = [(run, _meaning(run)) for run in dict.fromkeys(_runs(text))]
    return [run for run, meaning in found if meaning.rarity] or [run for run, meaning in found if meaning.hashes]


def keyword_hashes(keywords: Iterable[str]) -> Hashes:
    """Return the hashes of all words of the keywords, ascending, each once."""
    hashes = sorted({each for keyword in keywords for each in _keyword_hashes(keyword)})
    return np.array(hashes, dtype=np.uint32)


def cut_runs(text: str) -> list[str]:
    """Return the runs of a text that is unified and simplified already, as they stand in it, in order.

    Runs are Chinese words, and letters of any other script, of which none is longer than 64; of longer ones where no
    spaces part words the last character is the first of the next run.
    """
    if text.isascii():
        found = _ASCII_RUN.findall(text)
        if max(map(len, found), default=0) <= _LONGEST_RUN:
            return found
    found: list[str] = []
    for run in _RUN.findall(text):
        if not run.isascii() and is_han(run):
            found.extend(_jieba().cut(run))
        elif len(run) <= _LONGEST_RUN:
            found.append(run)
        else:
            found.extend(_shorten(run))
    return found


def index_words(run: str) -> list[str]:
    """Return the index's words of one run: the whole first, then its parts; nothing for stop words."""
    if run.isascii():
        found = _spelled_words(run)
    elif is_han(run):
        found = [run, *_words_inside(run)]
    elif is_bigrammed(run):
        found = [run[start : start + 2] for start in range(len(run) - 1)] or [run]
    else:
        found = _spelled_words(run)
    stop_words = _stop_words()
    return [word for word in found if word not in stop_words]


def parts_of(run: str) -> list[str]:
    """Return the parts of a run of letters and digits as they stand in it: between joints, and the humps of a camel."""
    parts: list[str] = []
    for joined in _JOINT.split(run):
        is_camel = joined.isascii() and _CAMEL.match(joined)
        parts.extend(_HUMP.findall(joined) if is_camel else [joined])
    return [part for part in parts if part]


def is_han(run: str) -> bool:
    """Whether a run is a Chinese word."""
    return _IS_HAN.match(run) is not None


def is_bigrammed(run: str) -> bool:
    """Whether a run is of a script without a dictionary here, so that its words are its pairs of characters."""
    return _IS_BIGRAMMED.match(run) is not None


def is_stop_word(word: str) -> bool:
    """Whether a folded word says nothing about what a text is about."""
    return word in _stop_words()


def _as_text_words(read: ReadText, unified: str, simplified: str) -> TextWords:
    """Return a text's words with its keywords as the text has them, behind them the parts of the composite ones."""
    chosen = [keyword.removesuffix("'s") for keyword in read.telling]
    if simplified != unified:
        chosen = _as_written(chosen, unified, simplified)
    listed: dict[str, str] = {}
    for keyword in chain(chosen, chain.from_iterable(map(_written_parts, chosen))):
        listed.setdefault(keyword.casefold(), keyword)
    keywords = list(listed.values())
    return TextWords(read.words, keywords, keyword_hashes(keywords))


def _keyword_hashes(keyword: str) -> Iterable[int]:
    if keyword.isascii() and keyword.isalnum() and len(keyword) <= _LONGEST_RUN:
        return _lexicon().hashes_of(keyword)
    return _spelled_hashes(keyword)


@lru_cache(maxsize=1 << 14)
def _spelled_hashes(keyword: str) -> tuple[int, ...]:
    return tuple(chain.from_iterable(map(_lexicon().hashes_of, _runs(keyword))))


def _lexicon() -> Lexicon:
    """Return what is known of the runs seen before; a full one begins anew, so that a look-up costs no bookkeeping."""
    if len(_LEXICONS[-1]) >= _CACHED:
        _LEXICONS[-1] = Lexicon(_meaning)
    return _LEXICONS[-1]


def _runs(text: str) -> list[str]:
    """Return what words are made of, in order: Chinese words, and runs of any other script.

    They are unified and simplified but keep their case; none that is not Chinese is longer than 64 characters.
    """
    return cut_runs(simplify(unify(text)))


def _shorten(run: str) -> list[str]:
    parts = [part for part in _JOINT.split(run) if part]
    # One character of overlap, so that no bigram is lost.
    step = _LONGEST_RUN - 1 if is_bigrammed(run) else _LONGEST_RUN
    return [part[start : start + _LONGEST_RUN] for part in parts for start in range(0, len(part), step)]


def _meaning(run: str) -> Meaning:
    if _is_plain(run):
        return _plain_meaning(run)
    hashes = tuple(map(_hash, index_words(run)))
    # Neither a single character nor a short number tells what a text is about.
    is_telling = bool(hashes) and len(run) > (2 if run.isdecimal() else 1)
    return Meaning(hashes, _rarity(run) if is_telling else 0.0)


def _plain_meaning(run: str) -> Meaning:
    """Return what the general way would of a plain word, at three quarters of the cost."""
    folded, stop_words = run.lower(), _stop_words()
    word = "" if folded in stop_words else _stem(folded)
    if not word or word in stop_words:
        return _SILENT
    return Meaning((_hash(word),), _ranked_rarity(folded) if len(run) > 1 else 0.0)


_SILENT = Meaning((), 0.0)
_LEXICONS = [Lexicon(_meaning)]


def _is_plain(run: str) -> bool:
    """Whether a run is nearly any English word: it has no parts and no accents."""
    return run.isascii() and run.isalpha() and (run.islower() or run.istitle())


def _query_words(run: str) -> list[str]:
    if is_han(run) and len(run) < _LONG_HAN and _jieba().has_word(run):
        return [] if is_stop_word(run) else [run]
    return index_words(run)


def _words_inside(word: str) -> list[str]:
    """Return the dictionary's words within a Chinese word; the characters of a guessed word that has none."""
    inside = [
        word[start : start + size]
        for size in (2, 3)
        if size < len(word)
        for start in range(len(word) - size + 1)
        if _jieba().has_word(word[start : start + size])
    ]
    if inside or len(word) == 1 or _jieba().has_word(word):
        return inside
    return list(word)


def _spelled_words(run: str) -> list[str]:
    """Return the words of a run of letters and digits: the whole, then the parts it is composed of."""
    if _is_plain(run):
        folded = run.lower()
        return [] if is_stop_word(folded) else [_stem(folded)]
    if _NUMBER.fullmatch(run):
        return [run.replace(",", "")]
    folded = _without_accents(run.casefold())
    if is_stop_word(folded):
        return []
    if _VERSION.fullmatch(folded):
        return _version_words(folded)
    run, folded = (each[:-2] if folded.endswith("'s") else each for each in (run, folded))
    parts = _parts(run)
    if len(parts) < 2:
        return [_stem(part) for part in ([folded] if folded.endswith(("+", "#")) else parts)]
    # Written with a hyphen, an underscore or neither, it is the same word.
    whole = re.sub(r"['_-]", "", folded)
    return [_stem(whole), *(_stem(part) for part in parts if len(part) > 1 and not is_stop_word(part))]


def _parts(run: str) -> list[str]:
    return [_without_accents(part.casefold()) for part in parts_of(run)]


def _version_words(version: str) -> list[str]:
    """v2.3.1 is found by v2.3.1, 2.3.1 and 2.3; a decimal number only by itself."""
    number = version.removeprefix("v")
    numbers = number.split(".")
    shorter = [".".join(numbers[:size]) for size in range(len(numbers) - 1, 1, -1)]
    return list(dict.fromkeys([version, number, *shorter]))


def _rarity(run: str) -> float:
    """Return about what the logarithm of the inverse frequency would be in a large corpus of general texts.

    Chinese words by the dictionary's counts; all others by their place in the vocabulary of tokens, which is
    ordered by frequency, on Zipf's law. Words in neither are rarer than half of the dictionary, no more:
    many are guessed or misspelt.
    """
    if is_han(run):
        counted = _jieba().suggest_freq(run) if _jieba().has_word(run) else 0
        return min(_RAREST, math.log(_DICTIONARY_TOTAL / counted)) if counted else _UNKNOWN
    if run.isdecimal():
        return _UNKNOWN / 2
    return _ranked_rarity(run.lower())


def _ranked_rarity(folded: str) -> float:
    return min(_RAREST, math.log(token_rank(folded) * _RANK_SCALE))


def _as_written(keywords: list[str], unified: str, simplified: str) -> list[str]:
    """Turn keywords back to the characters of the text where simplifying changed them."""
    starts = ((simplified.find(keyword), keyword) for keyword in keywords)
    return [unified[start : start + len(keyword)] if start >= 0 else keyword for start, keyword in starts]


def _written_parts(keyword: str) -> list[str]:
    if keyword.isalnum():
        return []
    parts = _ALPHANUMERIC.findall(keyword)
    if len(parts) < 2:
        return []
    return [part for part in parts if len(part) > 1 and not is_stop_word(part.casefold())]


def _without_accents(word: str) -> str:
    # Only Latin letters: in other scripts a mark makes another letter.
    if word.isascii() or word[0] > "\u024f":
        return word
    plain = "".join(
        character for character in unicodedata.normalize("NFD", word) if not "\u0300" <= character <= "\u036f"
    )
    return unicodedata.normalize("NFC", plain)


def _stem(word: str) -> str:
    if len(word) > _LONGEST_STEMMED or not (word.isascii() and word.isalpha()):
        return word
    return _STEMMERS.english.stemWord(word)


class _Stemmers(threading.local):
    """A stemmer for each thread: it keeps the word it works on."""

    def __init__(self) -> None:
        self.english = Stemmer("english", 0)


_STEMMERS = _Stemmers()


def _hash(word: str) -> int:
    return zlib.crc32(word.encode("utf-8", "surrogatepass"))


@cache
def _stop_words() -> frozenset[str]:
    lines = files("zhiku.text").joinpath("data/stopwords.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


@lru_cache(maxsize=1)
def _jieba() -> ModuleType:
    import rjieba  # noqa: PLC0415  reads its dictionary for a quarter of a second, which a start need not wait for

    return rjieba
