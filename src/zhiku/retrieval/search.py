"""Runs the plan's branches: embed the query, ask the index."""

from zhiku.errors import CompletionRequestError, ModelCallFailed
from zhiku.indexes.base import Hit, Searches
from zhiku.providers.base import Embedder, Vectors
from zhiku.retrieval.plan import Branch, Plan, PlannedBranch
from zhiku.text.words import keyword_hashes, query_hashes, query_keywords

UNRELATED = 0.01


def embed_query(embedder: Embedder, plan: Plan) -> Vectors:
    """Return the query's unit vector. Raises CompletionRequestError naming the provider."""
    try:
        return embedder.embed_query(plan.query)
    except ModelCallFailed as error:
        raise CompletionRequestError(str(error)) from error


def search_branches(index: Searches, plan: Plan, vector: Vectors | None, floor: float, recall: int) -> list[Branch]:
    """Return at most `recall` hits of each branch; `floor` is the cosine that means "unrelated"."""
    return [Branch(planned, _search(index, plan, planned, vector, floor, recall)) for planned in plan.branches]


def calibrated(hits: list[Hit], floor: float) -> list[Hit]:
    """Rescale cosines so that "the same" is 1 and "unrelated" next to 0; the order stays (ADR-0008).

    What lies below the floor shares the last hundredth, so that it is still told apart; opposites are 0.
    """
    span = (1.0 - UNRELATED) / (1.0 - floor)
    below = UNRELATED / floor if floor > 0 else 0.0
    # Nearly all lie between; a single precision cosine may come out a little above 1.
    return [
        Hit(hit.number, UNRELATED + (hit.score - floor) * span)
        if floor <= hit.score < 1.0
        else Hit(hit.number, 1.0 if hit.score >= 1.0 else max(0.0, hit.score * below))
        for hit in hits
    ]


def _search(
    index: Searches, plan: Plan, planned: PlannedBranch, vector: Vectors | None, floor: float, recall: int
) -> list[Hit]:
    if planned.kind == "terms":
        return index.search_terms(plan.shard, query_hashes(plan.query), recall, plan.scope)
    if planned.kind == "keywords":
        return index.search_keywords(plan.shard, keyword_hashes(query_keywords(plan.query)), recall, plan.scope)
    if vector is None or plan.shard.dimension == 0:
        return []
    return calibrated(index.search_vector(plan.shard, vector, recall, plan.scope), floor)
