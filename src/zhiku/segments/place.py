"""Where a segment stands in its file: its page, sheet or slide, and the headings above it (pure)."""

from bisect import bisect_right

import msgspec

from zhiku.segments.markdown import find_headings

HEADING_CHARS = 200
"""At most how much is kept of a heading, and of a sheet's or a slide's title."""


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """A segment's place: `kind` is document, page, sheet or slide; `number` counts from 1 as the file does.

    `headings` are those that the segment stands under or begins with, the outermost first.
    """

    kind: str = "document"
    number: int | None = None
    title: str = ""
    headings: tuple[str, ...] = ()


class Outline:
    """The headings of a text, to be asked which of them stand above a place in it."""

    def __init__(self, text: str) -> None:
        """Read the headings; a text without any costs a search for `#`."""
        self._text = text
        self._headings = find_headings(text)
        self._starts = [heading.start for heading in self._headings]
        self._paths: list[tuple[str, ...]] = []
        above: list[tuple[int, str]] = []
        for heading in self._headings:
            while above and above[-1][0] >= heading.level:
                above.pop()
            above.append((heading.level, heading.title[:HEADING_CHARS]))
            self._paths.append(tuple(title for _, title in above))

    def path_at(self, start: int, end: int) -> tuple[str, ...]:
        """Return the headings above the text from `start` to `end`, with those that it begins with."""
        if not self._headings:
            return ()
        index = bisect_right(self._starts, start) - 1
        while self._is_followed(index, start, end):
            index += 1
        return self._paths[index] if index >= 0 else ()

    def _is_followed(self, index: int, start: int, end: int) -> bool:
        """Whether the next heading comes at once behind this one, which begins the text."""
        if index < 0 or index + 1 == len(self._starts) or self._starts[index] < start or self._starts[index + 1] >= end:
            return False
        return self._text[self._headings[index].end : self._starts[index + 1]].isspace()


def encode_place(place: Place) -> str:
    """Return a place as the catalog keeps it."""
    return msgspec.json.encode(place).decode()


def decode_place(place_json: str) -> Place:
    """Return what `encode_place` was given."""
    return _decoder.decode(place_json)


_decoder = msgspec.json.Decoder(Place)
