"""Text → segments ready for the catalog: cleaned, cut, counted and turned into words (pure)."""

import hashlib
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from uuid import uuid4

import msgspec

from zhiku.documents.rules import ProcessRule
from zhiku.documents.store import Document
from zhiku.indexes.base import Terms
from zhiku.indexes.packing import pack_hashes, pack_terms
from zhiku.ingestion.clean import clean_text
from zhiku.ingestion.split import split_text
from zhiku.segments.store import NewSegment
from zhiku.text.tokens import count_tokens_many
from zhiku.text.words import extract_keywords, keyword_hashes, terms_of


class KeptSegments:
    """Matches new texts with an older generation's segments, each of which can be kept once, in order."""

    def __init__(self, live: Iterable[tuple[str, int]]) -> None:
        self._numbers: defaultdict[str, deque[int]] = defaultdict(deque)
        for key, number in live:
            self._numbers[key].append(number)

    def take(self, key: str) -> int | None:
        """Return the number of the next unused segment with this content hash, or None."""
        numbers = self._numbers.get(key)
        return numbers.popleft() if numbers else None


def cut_parts(parts: Iterable[str], rule: ProcessRule) -> list[str]:
    """Return the pieces of all parts in document order, cleaned and cut; no piece spans parts (contract 4.4)."""
    return [piece for part in parts for piece in split_text(clean_text(part, rule), rule)]


def make_segments(
    document: Document, contents: Sequence[str], *, start: int, is_economy: bool, now: float, kept: KeptSegments
) -> list[NewSegment]:
    """Return the segments of `contents`, whose first gets position `start` + 1; texts in `kept` keep their segment.

    Economy datasets show their keywords; high_quality ones only keep them for the index (contract 3.4, 4.12).
    """
    made: list[NewSegment] = []
    for position, (content, tokens) in enumerate(zip(contents, count_tokens_many(contents), strict=True), start + 1):
        key = content_hash(content)
        counted = terms_of(content)
        keywords = extract_keywords(content)
        made.append(
            NewSegment(
                id=str(uuid4()),
                dataset_id=document.dataset_id,
                document_number=document.number,
                generation=document.generation,
                keeps_number=kept.take(key),
                position=position,
                content=content,
                word_count=len(content),
                tokens=tokens,
                keywords_json=msgspec.json.encode(keywords if is_economy else []).decode(),
                index_node_id=str(uuid4()),
                index_node_hash=node_hash(content),
                created_by=document.created_by,
                created_at=now,
                terms=pack_terms(Terms(counted.hashes, counted.counts)),
                term_count=int(counted.counts.sum()),
                keyword_hashes=pack_hashes(keyword_hashes(keywords)),
                content_hash=key,
            )
        )
    return made


def content_hash(content: str) -> str:
    """Return the key under which a text's embeddings are kept."""
    return hashlib.sha256(content.encode()).hexdigest()


def node_hash(content: str) -> str:
    """Return `index_node_hash`: the SHA-256 of the content and the four letters None (contract 4.5)."""
    return hashlib.sha256(f"{content}None".encode()).hexdigest()
