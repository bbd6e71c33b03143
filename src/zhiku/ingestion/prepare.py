"""Text → the pieces that become segments, and which of them an older generation already has (pure)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from zhiku.documents.rules import ProcessRule
from zhiku.ingestion.clean import clean_text
from zhiku.ingestion.extract.parts import Part
from zhiku.ingestion.pairs import find_pairs, find_row_pairs, pair_of
from zhiku.segments.child_store import NewChild
from zhiku.segments.make import Making, Piece, cut_children, make_segments
from zhiku.segments.place import HEADING_CHARS, Outline, Place
from zhiku.segments.split import cut_text
from zhiku.segments.store import KeptSegment, NewSegment


@dataclass(frozen=True, slots=True)
class Staged:
    """A segment to be written with its child chunks and summary; one that keeps an older segment brings none."""

    segment: NewSegment
    children: list[NewChild]
    summary: str | None = None


class Content(Protocol):
    """The segments that a document is to have."""

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    @property
    def word_count(self) -> int:
        """The characters of all of them."""
        ...

    def stage(self, making: Making, start: int, limit: int) -> list[Staged]:
        """Return up to `limit` of them behind the first `start`; to be asked for in order."""
        ...


class KeptSegments:
    """Matches new segments with those of an older generation, each of which can be kept once, in order."""

    def __init__(self, live: Iterable[KeptSegment]) -> None:
        self._live: defaultdict[tuple[str, str | None], list[KeptSegment]] = defaultdict(list)
        for segment in live:
            self._live[segment.content_hash, segment.answer].append(segment)

    def take(self, staged: Staged) -> Staged:
        """Return what to write: `staged` itself, or its twin that names the older segment it keeps.

        A parent is kept if it would get the child chunks it has, or has some that a person wrote (contract 4.8).
        """
        candidates = self._live.get((staged.segment.content_hash, staged.segment.answer), [])
        wanted = [child.content_hash for child in staged.children]
        for index, live in enumerate(candidates):
            if live.has_customized or live.child_hashes == wanted:
                del candidates[index]
                return Staged(replace(staged.segment, keeps_number=live.number), [])
        return staged


def stage(making: Making, pieces: Sequence[Piece], start: int, rule: ProcessRule, kept: KeptSegments) -> list[Staged]:
    """Return the segments of `pieces` with their child chunks, the first at position `start` + 1."""
    made = make_segments(making, pieces, start)
    return [kept.take(Staged(segment, cut_children(making, segment.content, rule))) for segment in made]


class CutContent:
    """The segments of a text that has just been cut; those of an older generation with the same text stay."""

    def __init__(self, pieces: Sequence[Piece], rule: ProcessRule, live: Iterable[KeptSegment]) -> None:
        self._pieces = pieces
        self._rule = rule
        self._kept = KeptSegments(live)

    @property
    def count(self) -> int:
        """Return how many segments there are."""
        return len(self._pieces)

    @property
    def word_count(self) -> int:
        """Return the characters of all segments."""
        return sum(len(piece.content) + len(piece.answer or "") for piece in self._pieces)

    def stage(self, making: Making, start: int, limit: int) -> list[Staged]:
        """Return up to `limit` segments behind the first `start`; to be asked for in order."""
        return stage(making, self._pieces[start : start + limit], start, self._rule, self._kept)


def cut_parts(parts: Sequence[Part], rule: ProcessRule, doc_form: str) -> list[Piece]:
    """Return the pieces of all parts in document order, cleaned and cut, with their places (contract 4.2 to 4.4, 4.6).

    No piece spans parts, but a rule for full documents makes all of them one, which has no place.
    """
    wholes = [Part("\n".join(part.text for part in parts))] if rule.is_full_doc else parts
    cleaned = [replace(part, text=clean_text(part.text, rule)) for part in wholes]
    if doc_form == "qa_model" and (pairs := _written_pairs(cleaned)):
        return pairs
    pieces = [piece for part in cleaned for piece in _cut(part, rule)]
    if doc_form == "qa_model":
        return [replace(pair_of(piece.content), place=piece.place) for piece in pieces]
    return pieces


def find_written_pairs(parts: Sequence[Part], rule: ProcessRule) -> list[Piece]:
    """Return the pairs that a Q&A document's parts consist of themselves, with their places; none where there are none.

    They are marked as questions and answers, or the first two columns of sheets.
    """
    return _written_pairs([replace(part, text=clean_text(part.text, rule)) for part in parts])


def _written_pairs(cleaned: Sequence[Part]) -> list[Piece]:
    return [
        replace(pair, place=_place(part))
        for part in cleaned
        for pair in find_pairs([part.text]) or find_row_pairs(part.text)
    ]


def _cut(part: Part, rule: ProcessRule) -> list[Piece]:
    cuts = cut_text(part.text, rule)
    if rule.is_full_doc:
        return [Piece(cut.content) for cut in cuts]
    outline = Outline(part.text)
    return [
        Piece(cut.content, place=_place(part, outline.path_at(cut.start, cut.start + len(cut.content)))) for cut in cuts
    ]


def _place(part: Part, headings: tuple[str, ...] = ()) -> Place | None:
    """Return where a piece of a part stands; None if there is nothing to say of it."""
    if not headings and part.number is None and not part.title:
        return None
    return Place(part.kind.value, part.number, part.title[:HEADING_CHARS], headings)
