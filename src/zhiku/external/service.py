"""Zhiku as a source of knowledge for other programs (contract 10.1)."""

from zhiku.access.actor import Actor
from zhiku.datasets.permission import find_seen_dataset, refuse_switched_off
from zhiku.datasets.retrieval_model import stored_retrieval_model
from zhiku.datasets.store import Dataset
from zhiku.errors import InvalidParam, NotFound
from zhiku.external import store
from zhiku.external.schemas import ExternalQuestion, LongQuestion
from zhiku.retrieval import service as retrieval
from zhiku.retrieval.schemas import Record
from zhiku.runtime import Runtime


def find_named_dataset(rt: Runtime, actor: Actor, knowledge_id: str) -> Dataset:
    """Return the dataset of this id or, where there is none, of exactly this name.

    Raises NotFound if there is none that the key sees, Forbidden if it is hidden from the member or switched off,
    InvalidParam if it is external itself.
    """
    with rt.db.read() as conn:
        found = find_seen_dataset(conn, actor, knowledge_id.lower())
        if found is None:
            named = store.find_dataset_id(conn, knowledge_id)
            found = find_seen_dataset(conn, actor, named) if named else None
    if found is None:
        raise NotFound("Dataset not found.")
    refuse_switched_off(found)
    if found.provider == "external":
        # Two servers that mount each other would ask for ever.
        raise InvalidParam("External datasets are not supported.", params="knowledge_id")
    return found


def answer_question(rt: Runtime, dataset: Dataset, question: ExternalQuestion) -> list[Record]:
    """Return the dataset's answers by its own search method, as many and as good as the caller wants.

    Raises InvalidParam, ProviderNotInitialize, CompletionRequestError, DatasetNotInitialized.
    """
    wanted = question.retrieval_setting
    own = stored_retrieval_model(dataset.retrieval_model_json, dataset.indexing_technique)
    model = own.model_copy(
        update={
            "top_k": wanted.top_k,
            "score_threshold": wanted.score_threshold,
            "score_threshold_enabled": wanted.score_threshold > 0,
            "metadata_filtering_conditions": question.metadata_condition,
        }
    )
    return retrieval.retrieve(rt, dataset, LongQuestion(query=question.query, retrieval_model=model))
