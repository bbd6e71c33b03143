"""Which of the fused hits are good enough, and in what order a rerank model wants them."""

from zhiku.datasets.retrieval_model import RetrievalModel
from zhiku.errors import ProviderNotInitialize
from zhiku.indexes.base import Hit
from zhiku.retrieval.plan import Plan
from zhiku.runtime import Runtime

NO_MODEL = (
    "No Embedding Model or Reranking Model available. "
    "Please configure a valid provider in the Settings -> Model Provider."
)


def check_reranking(rt: Runtime, model: RetrievalModel) -> None:
    """Raise ProviderNotInitialize if the query wants a rerank model that is not served (contract 5.1).

    Reranking that is on without both names means no rerank.
    """
    names = model.reranking_model
    if not model.reranking_enable or not names.reranking_provider_name or not names.reranking_model_name:
        return
    if rt.models.find_rerank(names.reranking_provider_name, names.reranking_model_name) is None:
        raise ProviderNotInitialize(NO_MODEL)


def cut_hits(plan: Plan, hits: list[Hit]) -> list[Hit]:
    """Return the hits at or above the plan's threshold, in their order."""
    if plan.threshold <= 0:
        return hits
    return [hit for hit in hits if hit.score >= plan.threshold]
