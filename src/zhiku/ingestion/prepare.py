"""Text → the pieces that become segments, and which of them an older generation already has (pure)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from zhiku.documents.rules import ProcessRule
from zhiku.ingestion.clean import clean_text
from zhiku.ingestion.pairs import find_pairs, pair_of
from zhiku.segments.child_store import NewChild
from zhiku.segments.make import Making, Piece, cut_children, make_segments
from zhiku.segments.split import split_text
from zhiku.segments.store import KeptSegment, NewSegment


@dataclass(frozen=True, slots=True)
class Staged:
    """A segment to be written with its child chunks; one that keeps an older segment brings none."""

    segment: NewSegment
    children: list[NewChild]


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


def cut_parts(parts: Sequence[str], rule: ProcessRule, doc_form: str) -> list[Piece]:
    """Return the pieces of all parts in document order, cleaned and cut (contract 4.2 to 4.4, 4.6).

    No piece spans parts, but a rule for full documents makes all of them one.
    """
    texts = ["\n".join(parts)] if rule.is_full_doc else list(parts)
    cleaned = [clean_text(text, rule) for text in texts]
    if doc_form == "qa_model":
        pairs = find_pairs(cleaned)
        if pairs:
            return pairs
    contents = [content for text in cleaned for content in split_text(text, rule)]
    return [pair_of(content) if doc_form == "qa_model" else Piece(content) for content in contents]
