"""Rules of datasets: names, models, what deleting one takes with it."""

from dataclasses import replace
from uuid import uuid4

from zhiku.access.actor import Actor
from zhiku.access.service import widen_scope
from zhiku.datasets import store
from zhiku.datasets.bindings import bind, check_source_named
from zhiku.datasets.retrieval_model import RetrievalModel
from zhiku.datasets.schemas import CreateDataset, ListDatasets, SummaryIndexSetting, encode_members
from zhiku.datasets.store import Dataset, DatasetRow
from zhiku.errors import DatasetInUse, DatasetNameDuplicate, InvalidParam, NotFound
from zhiku.http.paging import Page
from zhiku.indexes import outbox
from zhiku.jobs import queue
from zhiku.jobs.kinds import PurgeBlobs, PurgeEmbeddings
from zhiku.providers.catalog import ModelName
from zhiku.runtime import Runtime

NO_EMBEDDING_MODEL = (
    "No Embedding Model available. Please configure a valid provider in the Settings -> Model Provider."
)
NO_RERANK_MODEL = "No Rerank Model available. Please configure a valid provider in the Settings -> Model Provider."


def create_dataset(rt: Runtime, actor: Actor, request: CreateDataset) -> DatasetRow:
    """Create an empty dataset and return it.

    Raises DatasetNameDuplicate if the name is taken, InvalidParam if a model or an external connection is unknown.
    """
    is_external = request.provider == "external"
    if is_external:
        check_source_named(request)
    check_rerank_model(rt, request.retrieval_model)
    dataset = _new_dataset(rt, actor, _without_index(request) if is_external else request)
    with rt.db.begin() as tx:
        if store.is_name_taken(tx, dataset.name):
            raise DatasetNameDuplicate
        store.insert_dataset(tx, dataset)
        if is_external:
            bind(tx, dataset.id, request)
        widen_scope(tx, actor, dataset.id)
    return get_dataset(rt, dataset.id)


def get_dataset(rt: Runtime, dataset_id: str) -> DatasetRow:
    """Return a dataset with its counts. Raises NotFound."""
    with rt.db.read() as conn:
        found = store.find_dataset_row(conn, dataset_id)
    if found is None:
        raise NotFound("Dataset not found.")
    return found


def list_datasets(rt: Runtime, actor: Actor, query: ListDatasets, page: Page) -> tuple[list[DatasetRow], int]:
    """Return a page of the datasets that the actor sees, newest first, and how many there are.

    The owner sees all of them, so that `include_all` changes nothing: from a member it lifts nothing (contract 2.1).
    """
    with rt.db.read() as conn:
        total = store.count_datasets(conn, actor, query.keyword, query.tag_ids)
        return store.list_datasets(conn, actor, query.keyword, query.tag_ids, page.offset, page.limit), total


def delete_dataset(rt: Runtime, dataset_id: str) -> None:
    """Delete a dataset with its documents, segments, files and index; running work on it ends by itself.

    Raises NotFound if it is gone already, DatasetInUse while an app holds it.
    """
    with rt.db.begin() as tx:
        if not store.hold_dataset(tx, dataset_id):
            raise NotFound("Dataset not found.")
        if store.count_apps(tx, [dataset_id]):
            raise DatasetInUse
        outbox.append(tx, rt.clock, dataset_id, outbox.DropIndex())
        queue.cancel_dataset(tx, dataset_id)
        store.delete_dataset(tx, dataset_id)
        queue.enqueue(tx, rt.clock, PurgeBlobs(keys=[f"{dataset_id}/"]), subject=f"purge:{dataset_id}")
        queue.enqueue(tx, rt.clock, PurgeEmbeddings(), subject="purge:embeddings")
    rt.wakeups.outbox()
    rt.wakeups.jobs()


def is_embedding_available(rt: Runtime, dataset: Dataset) -> bool:
    """Tell whether the dataset's embedding model is served now; economy and undecided datasets need none."""
    if dataset.indexing_technique != "high_quality":
        return True
    return rt.models.is_served(dataset_model(dataset))


def dataset_model(dataset: Dataset) -> ModelName:
    """Return the embedding model of a dataset as it was named by its creator."""
    return ModelName(dataset.embedding_model_provider or "", dataset.embedding_model or "")


def remembered_model(rt: Runtime, technique: str | None, provider: str | None, model: str | None) -> ModelName | None:
    """Return the embedding model to write into a dataset: names as sent, gaps filled; None if nothing is decided.

    Raises InvalidParam if a high_quality dataset asks for a model that is not served.
    """
    if technique != "high_quality":
        return None
    found = rt.models.find_embedding(provider, model)
    if found is None:
        raise InvalidParam(NO_EMBEDDING_MODEL, params="embedding_model")
    return replace(found, provider=provider or found.provider, model=model or found.model)


def check_rerank_model(rt: Runtime, retrieval_model: RetrievalModel | None) -> None:
    """Raise InvalidParam if reranking is on with a model that is not served; empty names mean no rerank."""
    if retrieval_model is None or not retrieval_model.reranking_enable:
        return
    named = retrieval_model.reranking_model
    if not named.reranking_provider_name or not named.reranking_model_name:
        return
    if rt.models.find_rerank(named.reranking_provider_name, named.reranking_model_name) is None:
        raise InvalidParam(NO_RERANK_MODEL, params="retrieval_model")


def retrieval_model_json(retrieval_model: RetrievalModel | None) -> str | None:
    """Return the text in which a dataset keeps its retrieval model."""
    return retrieval_model.model_dump_json() if retrieval_model else None


def summary_setting(dataset: Dataset) -> SummaryIndexSetting | None:
    """Return how the segments of new documents are summarised, None where they are not."""
    if dataset.summary_index_setting_json is None:
        return None
    setting = SummaryIndexSetting.model_validate_json(dataset.summary_index_setting_json)
    return setting if setting.enable else None


def _without_index(request: CreateDataset) -> CreateDataset:
    """Return the request for a dataset that has no index of its own."""
    return request.model_copy(
        update={"indexing_technique": None, "embedding_model": None, "embedding_model_provider": None}
    )


def _new_dataset(rt: Runtime, actor: Actor, request: CreateDataset) -> Dataset:
    model = remembered_model(rt, request.indexing_technique, request.embedding_model_provider, request.embedding_model)
    now = rt.clock.now()
    return Dataset(
        id=str(uuid4()),
        name=request.name,
        description=request.description,
        provider=request.provider,
        permission=request.permission,
        partial_members_json=encode_members(
            request.partial_member_list if request.permission == "partial_members" else None
        ),
        data_source_type=None,
        indexing_technique=request.indexing_technique,
        doc_form=None,
        embedding_model=model.model if model else request.embedding_model,
        embedding_model_provider=model.provider if model else request.embedding_model_provider,
        retrieval_model_json=retrieval_model_json(request.retrieval_model),
        summary_index_setting_json=(
            request.summary_index_setting.model_dump_json() if request.summary_index_setting else None
        ),
        icon_info_json=None,
        is_built_in_field_enabled=False,
        is_api_enabled=True,
        created_by=actor.id,
        author_name=actor.name,
        created_at=now,
        updated_by=actor.id,
        updated_at=now,
        index_generation=1,
        index_dimension=0,
        embedding_key=None,
        term_count=0,
        posting_count=0,
        outbox_sequence=0,
        last_position=0,
    )
