"""What records show when it is asked for: where the question's words stand in them, and what stands around them."""

from collections.abc import Sequence

from zhiku.datasets.store import Dataset
from zhiku.retrieval.explain_store import Neighbour, list_neighbours
from zhiku.retrieval.replies import DetailedRecordBody, NeighbourBody, NeighboursBody
from zhiku.retrieval.schemas import Record
from zhiku.runtime import Runtime
from zhiku.text.places import find_words
from zhiku.text.words import query_keywords, query_words, words


def asked_words(query: str, *, is_keywords: bool) -> list[str]:
    """Return the words that a question looks up, each once, in order: of its keywords, or of its text."""
    if is_keywords:
        return list(dict.fromkeys(word for keyword in query_keywords(query) for word in words(keyword)))
    return query_words(query)


def asks_by_keywords(dataset: Dataset, search_method: str) -> bool:
    """Tell whether a dataset answers this method by keywords."""
    return dataset.indexing_technique == "economy" or search_method == "keyword_search"


def add_highlights(bodies: Sequence[DetailedRecordBody], wanted: Sequence[str]) -> list[DetailedRecordBody]:
    """Return the records with where the wanted words stand in their segments' texts, in code points."""
    asked = frozenset(wanted)
    return [
        {**body, "highlights": [list(span) for span in find_words(body["segment"]["content"], asked)]}
        for body in bodies
    ]


def add_neighbours(
    rt: Runtime, bodies: Sequence[DetailedRecordBody], records: Sequence[Record], most: int
) -> list[DetailedRecordBody]:
    """Return the records with at most so many segments before and behind each."""
    detailed: list[DetailedRecordBody] = []
    with rt.db.read() as conn:
        for body, record in zip(bodies, records, strict=True):
            before, after = list_neighbours(conn, record.segment.number, most)
            around: NeighboursBody = {"before": [*map(_neighbour, before)], "after": [*map(_neighbour, after)]}
            detailed.append({**body, "neighbours": around})
    return detailed


def _neighbour(neighbour: Neighbour) -> NeighbourBody:
    return {"id": neighbour.id, "position": neighbour.position, "content": neighbour.content}
