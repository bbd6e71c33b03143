"""Cuts text into the model's tokens with tables that stay on disk and are shared between processes."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zhiku.providers.builtin.wheel_format import Normalization, Vocabulary

SPACE = 0x20
WORD_START = 0x2581
# Follows the last character of a text; no code point, so no piece can reach beyond the end.
BEYOND = 0x110000
# Starts are looked up in blocks, so that a long text needs a few MB and not 200 bytes a character.
BLOCK_CHARS = 4096
# An odd multiplier: a piece's fingerprint is the sum of code point * FACTOR ** position, modulo 2 ** 64.
FACTOR = 0x9E3779B97F4A7C15
FILTER_BITS = 21
UNKNOWN_PENALTY = 10.0
# Veltkamp's splitter: x * c - (x * c - x) keeps the 24 leading bits of a 53-bit x.
TO_SINGLE = float(2**29 + 1)


@dataclass(frozen=True, slots=True)
class TokenTables:
    """Everything the tokenizer reads: 6 MB of arrays, one .npy file each, memory-mapped.

    `fingerprints` is sorted, `ids` and `scores` stand in its order. `filter` has a 1 where some fingerprint
    has these leading bits: it spares most lookups. `special` is unknown, start, end, characters of the longest piece.
    """

    fingerprints: NDArray[np.uint64]
    ids: NDArray[np.int32]
    scores: NDArray[np.float32]
    filter: NDArray[np.bool_]
    special: NDArray[np.int32]
    sources: NDArray[np.uint32]
    offsets: NDArray[np.int64]
    targets: NDArray[np.uint32]

    def save(self, folder: Path) -> None:
        """Write one file per table into an existing folder."""
        for field in fields(self):
            np.save(folder / f"{field.name}.npy", getattr(self, field.name), allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> "TokenTables":
        """Return the tables of a folder, memory-mapped. Raises OSError if one is missing."""
        return cls(**{field.name: np.load(folder / f"{field.name}.npy", mmap_mode="r") for field in fields(cls)})


def build_tables(vocabulary: Vocabulary, normalization: Normalization) -> TokenTables:
    """Return the tables for a vocabulary. Raises ValueError if two pieces have the same fingerprint."""
    longest = max(map(len, vocabulary.pieces))
    codes = np.array(vocabulary.pieces, dtype=f"<U{longest}").view(np.uint32).reshape(len(vocabulary.pieces), longest)
    # Shorter pieces are padded with zeros, which add nothing to the sum.
    fingerprints = _fingerprints(codes, _powers(longest))[:, -1]
    order = np.argsort(fingerprints)
    order = order[order != vocabulary.unknown]
    fingerprints = fingerprints[order]
    if np.any(fingerprints[1:] == fingerprints[:-1]):
        raise ValueError("two pieces have the same fingerprint")
    present = np.zeros(1 << FILTER_BITS, np.bool_)
    present[_filter_slots(fingerprints)] = True
    return TokenTables(
        fingerprints=fingerprints,
        ids=order.astype(np.int32),
        scores=vocabulary.scores[order],
        filter=present,
        special=np.array([vocabulary.unknown, vocabulary.start, vocabulary.end, longest], np.int32),
        sources=normalization.sources,
        offsets=normalization.offsets,
        targets=normalization.targets,
    )


class Tokenizer:
    """The unigram tokenizer of XLM-RoBERTa. Safe to call from several threads."""

    def __init__(self, tables: TokenTables) -> None:
        self._tables = tables
        self.unknown, self.start, self.end, self._longest = (int(value) for value in tables.special)
        self._powers = _powers(self._longest)
        self._unknown_score = float(tables.scores.min()) - UNKNOWN_PENALTY
        # Read for every text: taken out of the maps once.
        self._sources = np.array(tables.sources)
        self._offsets = np.array(tables.offsets)
        self._targets = np.array(tables.targets)

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text, without start and end; NUL is dropped, no text is one space.

        The same path as the wheel's: per code point normalisation, one space for several, a word mark in front.
        """
        codes = self._prepare(text)
        count = len(codes)
        padded = np.concatenate([codes, np.full(self._longest - 1, BEYOND, np.uint32)])
        best = [0.0] + [-np.inf] * count
        origins = [0] * (count + 1)
        tokens = [0] * (count + 1)
        for first in range(0, count, BLOCK_CHARS):
            last = min(first + BLOCK_CHARS, count)
            for start, end, token, score in self._find_pieces(padded, first, last):
                # Rounded to 24 bits, as the wheel adds in 32-bit floats: ties must fall as they fall there.
                total = (best[start] + score) * TO_SINGLE
                total -= total - (best[start] + score)
                if total > best[end]:
                    best[end], origins[end], tokens[end] = total, start, token
        ids: list[int] = []
        at = count
        while at > 0:
            ids.append(tokens[at])
            at = origins[at]
        ids.reverse()
        return ids

    def _prepare(self, text: str) -> NDArray[np.uint32]:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        codes = self._normalize(codes[codes != 0])
        spaces = codes == SPACE
        if spaces.any():
            kept = ~spaces
            kept[:1] = True
            kept[1:] |= ~spaces[:-1]
            codes = np.where(spaces, np.uint32(WORD_START), codes)[kept]
        if not len(spaces) or not spaces[0]:
            codes = np.concatenate([np.array([WORD_START], np.uint32), codes])
        return codes

    def _normalize(self, codes: NDArray[np.uint32]) -> NDArray[np.uint32]:
        places = np.searchsorted(self._sources, codes)
        places[places == len(self._sources)] = 0
        changed = np.flatnonzero(self._sources[places] == codes)
        if not len(changed):
            return codes
        parts: list[NDArray[np.uint32]] = []
        done = 0
        for at, place in zip(changed.tolist(), places[changed].tolist(), strict=True):
            parts.append(codes[done:at])
            parts.append(self._targets[self._offsets[place] : self._offsets[place + 1]])
            done = at + 1
        parts.append(codes[done:])
        return np.concatenate(parts)

    def _find_pieces(self, padded: NDArray[np.uint32], first: int, last: int) -> "zip[tuple[int, int, int, float]]":
        """Return start, end, id and score of every piece that begins in [first, last), by start, then by end."""
        tables = self._tables
        step = padded.itemsize
        # Row i is a view of the characters from i on.
        windows: NDArray[np.uint32] = np.ndarray(
            (last - first, self._longest), np.uint32, buffer=padded, offset=first * step, strides=(step, step)
        )
        sums = _fingerprints(windows, self._powers)
        rows, columns = np.nonzero(tables.filter[_filter_slots(sums)])
        wanted = sums[rows, columns]
        places = np.searchsorted(tables.fingerprints, wanted)
        places[places == len(tables.fingerprints)] = 0
        found = tables.fingerprints[places] == wanted
        ids = np.zeros(sums.shape, np.int32)
        scores = np.zeros(sums.shape, np.float32)
        known = np.zeros(sums.shape, np.bool_)
        rows, columns, places = rows[found], columns[found], places[found]
        known[rows, columns] = True
        ids[rows, columns] = tables.ids[places]
        scores[rows, columns] = tables.scores[places]
        # A character that is no piece of its own can still be passed, at a price.
        alone = ~known[:, 0]
        known[alone, 0] = True
        ids[alone, 0] = self.unknown
        scores[alone, 0] = self._unknown_score
        rows, columns = np.nonzero(known)
        starts = rows + first
        ends = starts + columns + 1
        return zip(
            starts.tolist(), ends.tolist(), ids[rows, columns].tolist(), scores[rows, columns].tolist(), strict=True
        )


def _powers(count: int) -> NDArray[np.uint64]:
    return np.cumprod(np.array([1] + [FACTOR] * (count - 1), np.uint64))


def _fingerprints(codes: NDArray[np.uint32], powers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return for each row the fingerprints of its first, first two, first three… code points."""
    return np.cumsum(codes * powers, axis=1, dtype=np.uint64)


def _filter_slots(fingerprints: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return (fingerprints * np.uint64(FACTOR)) >> np.uint64(64 - FILTER_BITS)
