"""Where the words of a text stand that somebody asked for, as lexical search reads it (pure)."""

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise

from zhiku.text.normalize import simplify, unify
from zhiku.text.words import cut_runs, index_words, is_bigrammed, is_han, parts_of

Span = tuple[int, int]
"""Where something begins in a text and where it ends, in characters."""

# Nobody writes more marks on one letter; each costs as much as all before it.
_LONGEST_CLUSTER = 32


def find_words(text: str, wanted: frozenset[str]) -> list[Span]:
    """Return where the words of `wanted`, as the index holds them, stand in `text`.

    In order, none empty, none overlapping another, none next to another in the same run. The whole of what is written
    together where the query has the whole (`C++`, `v2.3.1`), else its parts: `user` in `getUserName`.
    """
    if not wanted:
        return []
    unified, starts, ends = _unify_with_places(text)
    simplified = simplify(unified)
    found: list[Span] = []
    for start, run in _place_runs(simplified):
        for begin, end in _spans_in(run, wanted):
            span = starts[start + begin], ends[start + end - 1]
            if found and span[0] < found[-1][1]:
                found[-1] = found[-1][0], max(span[1], found[-1][1])
            else:
                found.append(span)
    return found


def _place_runs(simplified: str) -> Iterator[tuple[int, str]]:
    """Yield each run with the place where it stands; they come in order, so each is looked for behind the last one."""
    behind = 0
    for run in cut_runs(simplified):
        start = simplified.find(run, behind)
        if start < 0:
            continue
        yield start, run
        behind = start + len(run)
        # The last character of a long run that was cut begins the next.
        if is_bigrammed(run) and is_bigrammed(simplified[behind : behind + 1]):
            behind -= 1


def _spans_in(run: str, wanted: frozenset[str]) -> list[Span]:
    """Return where a run's wanted words stand in it, in order, merged where they touch."""
    having = wanted.intersection(index_words(run))
    if not having:
        return []
    if is_han(run):
        return _merged(sorted(span for word in having for span in _occurrences(run, word)))
    if is_bigrammed(run):
        pairs = [(start, start + 2) for start in range(len(run) - 1)] or [(0, 1)]
        return _merged([(start, end) for start, end in pairs if run[start:end] in having])
    return _part_spans(run, having)


def _part_spans(run: str, wanted: frozenset[str]) -> list[Span]:
    """Return the run as one where its first word is wanted, or nothing smaller is it that is."""
    whole = [(0, len(run))]
    parts = parts_of(run)
    if index_words(run)[0] in wanted or len(parts) < 2:
        return whole
    spans: list[Span] = []
    behind = 0
    for part in parts:
        start = run.index(part, behind)
        behind = start + len(part)
        if wanted.intersection(index_words(part)):
            spans.append((start, behind))
    return spans or whole


def _occurrences(run: str, word: str) -> Iterator[Span]:
    start = run.find(word)
    while start >= 0:
        yield start, start + len(word)
        start = run.find(word, start + 1)


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _unify_with_places(text: str) -> tuple[str, Sequence[int], Sequence[int]]:
    """Return the text as `unify` has it, and where what each of its characters comes of begins and ends in `text`.

    Characters that become one are unified together; several that come of one stand all at its place.
    """
    unified = unify(text)
    if unified == text:
        return text, range(len(text)), range(1, len(text) + 1)
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end in pairwise(_cluster_bounds(text)):
        piece = unify(text[start:end])
        pieces.append(piece)
        starts += [start] * len(piece)
        ends += [end] * len(piece)
    return "".join(pieces), starts, ends


def _cluster_bounds(text: str) -> list[int]:
    """Return where what is unified together begins, and the text's end."""
    bounds = [0]
    for place in range(1, len(text)):
        before, after = text[bounds[-1] : place], text[place]
        if (before + after).isascii() or len(before) == _LONGEST_CLUSTER:
            bounds.append(place)
            continue
        apart = unicodedata.normalize("NFKC", before) + unicodedata.normalize("NFKC", after)
        if unicodedata.normalize("NFKC", before + after) == apart and not unicodedata.combining(after):
            bounds.append(place)
    bounds.append(len(text))
    return bounds
