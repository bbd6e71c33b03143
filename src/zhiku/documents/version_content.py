"""The segments of a former content, packed for keeping (pure).

Both structs are written as arrays: a field is only ever added at the end, with a default, so that what earlier programs
have kept can be read.
"""

import zlib
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import msgspec

PART_SEGMENTS = 500
"""Segments packed together: many enough to compress well, few enough that a page of them is read quickly."""

DIGEST_BYTES = 16

# 1,000 segments of 800 characters: level 1 takes 19 ms of CPU and leaves 45 %, level 6 46 ms and 40 %.
_LEVEL = 1


class VersionChild(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A child chunk as it was."""

    id: str
    position: int
    content: str
    word_count: int
    tokens: int
    index_node_id: str
    type: str
    created_by: str
    created_at: float
    updated_at: float


class VersionSegment(msgspec.Struct, frozen=True, array_like=True):
    """A segment as it was: its texts, what a person gave it, and its switch."""

    id: str
    position: int
    content: str
    answer: str | None
    word_count: int
    tokens: int
    keywords_json: str
    keyword_hashes: bytes
    index_node_id: str
    hit_count: int
    is_manual: bool
    is_enabled: bool
    disabled_at: float | None
    disabled_by: str | None
    created_by: str
    created_at: float
    updated_by: str
    updated_at: float
    place_json: str | None
    children: list[VersionChild]
    # None for one that was only taken from the text.
    summary: str | None = None


_decoder = msgspec.msgpack.Decoder(list[VersionSegment])


def pack_segments(segments: Sequence[VersionSegment]) -> bytes:
    """Return segments as they are kept."""
    return zlib.compress(msgspec.msgpack.encode(segments), _LEVEL)


def unpack_segments(content: bytes) -> list[VersionSegment]:
    """Return what `pack_segments` was given."""
    return _decoder.decode(zlib.decompress(content))


def pack_digests(segments: Iterable[VersionSegment]) -> bytes:
    """Return one digest for each segment, DIGEST_BYTES each, in order."""
    return b"".join(digest_text(segment.content, segment.answer) for segment in segments)


def unpack_digests(packed: bytes) -> list[bytes]:
    """Return the digests of a part's segments, in order."""
    return [packed[start : start + DIGEST_BYTES] for start in range(0, len(packed), DIGEST_BYTES)]


def digest_text(content: str, answer: str | None) -> bytes:
    """Return what is equal for segments of equal content and answer; no answer is not an empty one."""
    hashed = blake2b(content.encode(), digest_size=DIGEST_BYTES)
    if answer is not None:
        # UTF-8 has no byte of this value, so no content can end like the beginning of an answer.
        hashed.update(b"\xff" + answer.encode())
    return hashed.digest()
