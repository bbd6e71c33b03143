"""What is stored beside a text so that it can be found: counts, words, keywords and hashes (pure)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from zhiku.documents.picture_links import without_pictures
from zhiku.indexes.base import Terms
from zhiku.indexes.packing import pack_hashes, pack_terms
from zhiku.text.tokens import count_tokens_many
from zhiku.text.words import TextWords, keyword_hashes, read_words_many

_NODE_SUFFIX = b"None"
# Texts whose words are read at once: enough to be cheap, few enough that their words fit the memory at any length.
_TOGETHER = 100


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
    """Return what each text comes to, in order; of links to pictures only the descriptions count (contract 13)."""
    contents = list(map(without_pictures, contents))
    read = chain.from_iterable(
        read_words_many(contents[start : start + _TOGETHER]) for start in range(0, len(contents), _TOGETHER)
    )
    return [_measure(*each) for each in zip(contents, count_tokens_many(contents), read, strict=True)]


def pack_keywords(keywords: Sequence[str]) -> bytes:
    """Return keywords as the index wants them."""
    return pack_hashes(keyword_hashes(keywords))


def _measure(content: str, tokens: int, found: TextWords) -> Measured:
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
