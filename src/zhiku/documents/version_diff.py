"""Two lists of segments → what was added, removed and left, in one order (pure)."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["added", "removed", "unchanged"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of a comparison: the places, from 0, of the segment in the older and in the newer list."""

    kind: Kind
    before: int | None
    after: int | None


def compare_lists(before: Sequence[Hashable], after: Sequence[Hashable]) -> list[Difference]:
    """Return how `before` becomes `after`, in the order of `after`, what was removed standing where it was.

    Equal items are paired first with first, second with second; as many pairs stay as can stand in order in both
    lists, and what has moved past them is removed at one place and added at another. Takes n log n whatever the lists
    hold, unlike a search for the longest match, which equal items make cubic.
    """
    pairs = _longest_rising(_pair_equals(before, after))
    found: list[Difference] = []
    at_before = at_after = 0
    for kept_before, kept_after in [*pairs, (len(before), len(after))]:
        found += [Difference("removed", place, None) for place in range(at_before, kept_before)]
        found += [Difference("added", None, place) for place in range(at_after, kept_after)]
        if kept_before < len(before):
            found.append(Difference("unchanged", kept_before, kept_after))
        at_before, at_after = kept_before + 1, kept_after + 1
    return found


def _pair_equals(before: Sequence[Hashable], after: Sequence[Hashable]) -> list[tuple[int, int]]:
    place_of = {key: place for place, key in enumerate(_counted(after))}
    return [(place, place_of[key]) for place, key in enumerate(_counted(before)) if key in place_of]


def _counted(items: Sequence[Hashable]) -> list[tuple[Hashable, int]]:
    """Return each item with how often it came before, so that all are different."""
    seen: Counter[Hashable] = Counter()
    counted: list[tuple[Hashable, int]] = []
    for item in items:
        counted.append((item, seen[item]))
        seen[item] += 1
    return counted


def _longest_rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the most of these pairs, which rise in their first number, that rise in their second one too."""
    # `ends[n]` is the least second number with which n + 1 pairs can end, `last[n]` the place of that pair.
    ends: list[int] = []
    last: list[int] = []
    previous: list[int] = []
    for place, (_, after) in enumerate(pairs):
        length = bisect_left(ends, after)
        previous.append(last[length - 1] if length else -1)
        ends[length : length + 1] = [after]
        last[length : length + 1] = [place]
    chain: list[tuple[int, int]] = []
    place = last[-1] if last else -1
    while place >= 0:
        chain.append(pairs[place])
        place = previous[place]
    return chain[::-1]
