"""Texts → rows of segments and child chunks, ready for the catalog (pure)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

import msgspec

from zhiku.documents.picture_links import without_pictures
from zhiku.documents.rules import ProcessRule
from zhiku.documents.store import Document
from zhiku.segments.child_store import NewChild
from zhiku.segments.measure import Measured, measure, pack_keywords
from zhiku.segments.place import Place, encode_place
from zhiku.segments.split import split_children
from zhiku.segments.store import NewSegment
from zhiku.segments.summary_store import NewSummary
from zhiku.text.tokens import count_tokens


@dataclass(frozen=True, slots=True)
class Piece:
    """The text of a segment to be; `answer` is set for questions, `keywords` where a person gave them.

    `place` is where it stands in its file; a person's text stands nowhere.
    """

    content: str
    answer: str | None = None
    keywords: list[str] | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Making:
    """What all segments of one batch share: whose they are, and how they are found."""

    document: Document
    generation: int
    is_economy: bool
    created_by: str
    now: float

    @property
    def has_child_hooks(self) -> bool:
        """Whether segments are found by their child chunks; economy finds parents by their own keywords."""
        return self.document.doc_form == "hierarchical_model" and not self.is_economy


def make_segments(making: Making, pieces: Sequence[Piece], start: int) -> list[NewSegment]:
    """Return the segments of `pieces`, whose first gets position `start` + 1.

    Economy datasets show their keywords; high_quality ones show those that were given and only keep the extracted ones
    for the index (contract 3.4, 4.12).
    """
    measured = measure([piece.content for piece in pieces])
    return [
        _make_segment(making, piece, known, position)
        for position, (piece, known) in enumerate(zip(pieces, measured, strict=True), start + 1)
    ]


def make_children(making: Making, contents: Sequence[str], start: int, kind: str) -> list[NewChild]:
    """Return child chunks, whose first gets position `start` + 1; `kind` is automatic or customized."""
    return [
        NewChild(
            id=str(uuid4()),
            position=position,
            content=content,
            word_count=len(content),
            tokens=known.tokens,
            index_node_id=str(uuid4()),
            index_node_hash=known.node_hash,
            type=kind,
            created_by=making.created_by,
            created_at=making.now,
            terms=known.terms,
            term_count=known.term_count,
            keyword_hashes=known.keyword_hashes,
            content_hash=known.content_hash,
        )
        for position, (content, known) in enumerate(zip(contents, measure(contents), strict=True), start + 1)
    ]


def make_summaries(contents: Mapping[int, str], stand_ins: Collection[int] = ()) -> list[NewSummary]:
    """Return the summaries of segments, given by the segments' numbers; those in `stand_ins` are the text's own."""
    return [
        NewSummary(
            segment_number=number,
            content=content,
            is_stand_in=number in stand_ins,
            terms=known.terms,
            term_count=known.term_count,
            keyword_hashes=known.keyword_hashes,
            content_hash=known.content_hash,
        )
        for (number, content), known in zip(contents.items(), measure(list(contents.values())), strict=True)
    ]


def cut_children(making: Making, parent: str, rule: ProcessRule) -> list[NewChild]:
    """Return the automatic child chunks of a parent; none unless its document is hierarchical."""
    if making.document.doc_form != "hierarchical_model":
        return []
    return make_children(making, split_children(parent, rule), 0, "automatic")


def shown_keywords(piece: Piece, extracted: list[str], *, is_economy: bool) -> list[str]:
    """Return the keywords that readers see: given ones as given, extracted ones in economy only."""
    if piece.keywords is not None:
        return piece.keywords
    return extracted if is_economy else []


def _make_segment(making: Making, piece: Piece, known: Measured, position: int) -> NewSegment:
    keywords = shown_keywords(piece, known.keywords, is_economy=making.is_economy)
    return NewSegment(
        id=str(uuid4()),
        dataset_id=making.document.dataset_id,
        document_number=making.document.number,
        generation=making.generation,
        keeps_number=None,
        is_hook=not making.has_child_hooks,
        position=position,
        content=piece.content,
        answer=piece.answer,
        word_count=len(piece.content) + len(piece.answer or ""),
        tokens=known.tokens + count_tokens(without_pictures(piece.answer or "")),
        keywords_json=msgspec.json.encode(keywords).decode(),
        index_node_id=str(uuid4()),
        index_node_hash=known.node_hash,
        created_by=making.created_by,
        created_at=making.now,
        terms=known.terms,
        term_count=known.term_count,
        keyword_hashes=known.keyword_hashes if piece.keywords is None else pack_keywords(piece.keywords),
        content_hash=known.content_hash,
        place_json=encode_place(piece.place) if piece.place else None,
    )
