"""Cuts a text or a file as a rule says; runs only in a limited child process, in the place of the plain parser."""

from uuid import UUID

import msgspec

from zhiku.documents.picture_links import picture_address, without_pictures
from zhiku.errors import DocumentUnreadable
from zhiku.ingestion.estimate import Estimate, EstimatedChild, EstimatedSegment, Wish
from zhiku.ingestion.extract import engine
from zhiku.ingestion.extract.parts import EMPTY, Extraction, Part
from zhiku.ingestion.prepare import cut_parts
from zhiku.segments.make import Piece
from zhiku.segments.split import split_children
from zhiku.text.tokens import count_tokens

# The children can open no file: the vocabulary must be there before.
count_tokens("ready")


def read_file(content: bytes, _extension: str) -> Extraction:
    """Return the estimate of an encoded wish as JSON in the place of a file's text. Raises DocumentUnreadable."""
    wish = msgspec.msgpack.decode(content, type=Wish)
    estimate = cut(wish, _read_parts(wish))
    return Extraction([Part(msgspec.json.encode(estimate).decode())], [])


def cut(wish: Wish, parts: list[Part]) -> Estimate:
    """Return what the rule makes of the parts (pure)."""
    pieces = cut_parts(parts, wish.rule, wish.doc_form)
    children = [_children(wish, piece) for piece in pieces]
    first, last = wish.offset, wish.offset + wish.limit
    shown = zip(pieces[first:last], children[first:last], strict=True)
    return Estimate(
        total=len(pieces),
        children=sum(len(each) for each in children),
        word_count=sum(_count_words(piece) for piece in pieces),
        tokens=sum(_count_tokens(piece) for piece in pieces),
        segments=[_segment(piece, cut, position) for position, (piece, cut) in enumerate(shown, first + 1)],
    )


def _read_parts(wish: Wish) -> list[Part]:
    if wish.extension is None:
        return [Part(wish.content.decode())]
    if not wish.content:
        raise DocumentUnreadable(EMPTY)
    extraction = engine.read_file(wish.content, wish.extension)
    # Addresses as long as those that the pictures will have, so that the segments are the same.
    return extraction.link_pictures(dict.fromkeys(range(len(extraction.pictures)), picture_address(str(UUID(int=0)))))


def _children(wish: Wish, piece: Piece) -> list[str]:
    return split_children(piece.content, wish.rule) if wish.doc_form == "hierarchical_model" else []


def _segment(piece: Piece, children: list[str], position: int) -> EstimatedSegment:
    return EstimatedSegment(
        position=position,
        content=piece.content,
        answer=piece.answer,
        word_count=_count_words(piece),
        tokens=_count_tokens(piece),
        children=[
            EstimatedChild(number, content, len(content), count_tokens(without_pictures(content)))
            for number, content in enumerate(children, 1)
        ],
    )


def _count_words(piece: Piece) -> int:
    return len(piece.content) + len(piece.answer or "")


def _count_tokens(piece: Piece) -> int:
    return count_tokens(without_pictures(piece.content)) + count_tokens(without_pictures(piece.answer or ""))
