"""What is stored beside a text so that it can be found: counts, words, keywords and hashes (pure)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from zhiku.indexes.base import Terms
from zhiku.indexes.packing import pack_hashes, pack_terms
from zhiku.text.tokens import count_tokens_many
from zhiku.text.words import keyword_hashes, read_words

_NODE_SUFFIX = b"None"


@dataclass(frozen=True, slots=True)
class Measured:
    """What one text comes to; words and keyword hashes are packed for the index.

    `content_hash`, the SHA-256, is the key of the text's embeddings; `node_hash` is `index_node_hash`, the SHA-256 of
    the text and the four letters None (contract 4.5).
    """

    tokens: int
    keywords: list[str]
    terms: bytes
    term_count: int
    keyword_hashes: bytes
    content_hash: str
    node_hash: str


def measure(contents: Sequence[str]) -> list[Measured]:
    """Return what each text comes to, in order."""
    return [_measure(content, tokens) for content, tokens in zip(contents, count_tokens_many(contents), strict=True)]


def pack_keywords(keywords: Sequence[str]) -> bytes:
    """Return keywords as the index wants them."""
    return pack_hashes(keyword_hashes(keywords))


def _measure(content: str, tokens: int) -> Measured:
    found = read_words(content)
    hashed = hashlib.sha256(content.encode())
    content_hash = hashed.hexdigest()
    hashed.update(_NODE_SUFFIX)
    return Measured(
        tokens=tokens,
        keywords=found.keywords,
        terms=pack_terms(Terms(found.terms.hashes, found.terms.counts)),
        term_count=int(found.terms.counts.sum()),
        keyword_hashes=pack_hashes(found.keyword_hashes),
        content_hash=content_hash,
        node_hash=hashed.hexdigest(),
    )
