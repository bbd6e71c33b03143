"""What is known of the runs of letters seen so far, by column, and texts read by it: their words and best keywords."""

import threading
from collections.abc import Callable, Sequence
from itertools import chain, pairwise
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint32]
Numbers = NDArray[np.int64]
Value = TypeVar("Value", bound=np.generic)

_ROOM = 1024


class WordCounts(NamedTuple):
    """The words of a text by hash: `hashes` ascending, each once; `counts` says how often. Both uint32."""

    hashes: Hashes
    counts: Hashes


class Meaning(NamedTuple):
    """What a run comes to: its words' hashes, and its rarity if it may be a keyword, else 0."""

    hashes: tuple[int, ...]
    rarity: float


class ReadText(NamedTuple):
    """A text's words, and those of its runs that tell most about it, best first."""

    words: WordCounts
    telling: list[str]


class Lexicon(dict[str, int]):
    """Numbers runs as they are first seen and keeps what they mean, so that a few array operations read many texts.

    A look-up learns what it does not know. What is known never changes, and threads may read and learn at once.
    """

    def __init__(self, explain: Callable[[str], Meaning]) -> None:
        """Learn what runs mean by `explain`."""
        super().__init__()
        self._explain = explain
        self._learning = threading.Lock()
        # By number: where a run's hashes begin in `_hashes` and how many they are, the first of them, and its rarity.
        self._starts = np.zeros(_ROOM, np.int64)
        self._sizes = np.zeros(_ROOM, np.int64)
        self._firsts = np.zeros(_ROOM, np.uint32)
        self._rarities = np.zeros(_ROOM, np.float64)
        self._hashes = np.zeros(_ROOM, np.uint32)
        self._kept = self._used = 0
        # Learned and not yet in the columns: to write them there one by one costs as much as to explain them.
        self._new: list[Meaning] = []

    def __missing__(self, run: str) -> int:
        meaning = self._explain(run)
        with self._learning:
            if run in self:
                return self[run]
            number = self[run] = len(self)
            self._new.append(meaning)
        return number

    def hashes_of(self, run: str) -> list[int]:
        """Return the hashes of a run's words."""
        number = self[run]
        self._keep_new()
        start = self._starts[number]
        return self._hashes[start : start + self._sizes[number]].tolist()

    def read(self, texts: Sequence[Sequence[str]], telling: int) -> list[ReadText]:
        """Return what each text, given as its runs in order, comes to, with at most `telling` of them.

        A run's weight is its frequency times its rarity. Runs of the same first word count as one, written as the
        first of them; ties go by position.
        """
        sizes = np.fromiter(map(len, texts), np.int64, len(texts))
        runs = list(chain.from_iterable(texts))
        numbers = np.fromiter(map(self.__getitem__, runs), np.int64, len(runs))
        self._keep_new()
        owners = np.repeat(np.arange(len(texts)), sizes)
        found = self._count(numbers, owners, len(texts))
        chosen = self._choose(numbers, owners, len(texts), telling)
        return [ReadText(words, [runs[at] for at in places]) for words, places in zip(found, chosen, strict=True)]

    def _keep_new(self) -> None:
        """Bring what was learned into the columns."""
        with self._learning:
            new = self._new
            if not new:
                return
            self._new = []
            hashes = list(chain.from_iterable(meaning.hashes for meaning in new))
            sizes = [len(meaning.hashes) for meaning in new]
            kept, used = self._kept + len(new), self._used + len(hashes)
            self._make_room(kept, used)
            self._sizes[self._kept : kept] = sizes
            self._starts[self._kept : kept] = np.cumsum(sizes) - sizes + self._used
            self._firsts[self._kept : kept] = [meaning.hashes[0] if meaning.hashes else 0 for meaning in new]
            self._rarities[self._kept : kept] = [meaning.rarity for meaning in new]
            self._hashes[self._used : used] = hashes
            self._kept, self._used = kept, used

    def _make_room(self, runs: int, hashes: int) -> None:
        # Readers keep the arrays that they have: these are copied, never moved.
        while runs > len(self._starts):
            self._starts, self._sizes = _doubled(self._starts), _doubled(self._sizes)
            self._firsts, self._rarities = _doubled(self._firsts), _doubled(self._rarities)
        while hashes > len(self._hashes):
            self._hashes = _doubled(self._hashes)

    def _count(self, numbers: Numbers, owners: Numbers, texts: int) -> list[WordCounts]:
        """Return the words of each text."""
        sizes = self._sizes[numbers]
        ends = np.cumsum(sizes)
        places = np.repeat(self._starts[numbers] - ends + sizes, sizes) + np.arange(int(sizes.sum()))
        keys = np.sort((np.repeat(owners, sizes) << 32) | self._hashes[places])
        first = _changes(keys)
        counts = np.diff(first, append=len(keys)).astype(np.uint32)
        keys = keys[first]
        hashes = keys.astype(np.uint32)
        return [WordCounts(hashes[each], counts[each]) for each in _slices(keys >> 32, texts)]

    def _choose(self, numbers: Numbers, owners: Numbers, texts: int, telling: int) -> list[list[int]]:
        """Return where the keywords of each text first occur, the heaviest first."""
        # How often each telling run occurs in its text, and where first.
        places = np.flatnonzero(self._rarities[numbers])
        keys = np.sort((owners[places] * len(self) + numbers[places]) * len(numbers) + places)
        first = _changes(keys // max(len(numbers), 1))
        counts = np.diff(first, append=len(keys))
        places = keys[first] % max(len(numbers), 1)
        # In the order of the texts, so that equal sums come of equal additions.
        order = np.argsort(places)
        places, counts = places[order], counts[order]
        weights = self._rarities[numbers[places]] * counts
        keys = (owners[places] << 32) | self._firsts[numbers[places]]
        order = np.argsort(keys, kind="stable")
        first = _changes(keys[order])
        groups = np.repeat(np.arange(len(first)), np.diff(first, append=len(order)))
        weights = np.bincount(groups, weights[order])
        places = places[order[first]]
        best = places[np.lexsort((places, -weights, owners[places]))]
        return [best[each][:telling].tolist() for each in _slices(owners[best], texts)]


def _doubled(column: NDArray[Value]) -> NDArray[Value]:
    return np.concatenate([column, np.zeros_like(column)])


def _changes(ascending: Numbers) -> Numbers:
    """Return the places of the values that differ from the one before; the first does."""
    return np.flatnonzero(np.diff(ascending, prepend=-1))


def _slices(owners: Numbers, texts: int) -> list[slice]:
    """Return which part of the ascending `owners` is each text's."""
    ends = np.searchsorted(owners, np.arange(texts + 1)).tolist()
    return [slice(start, end) for start, end in pairwise(ends)]
