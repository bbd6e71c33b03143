"""Changing a dataset: what is written at once, and what begins a switch of its index (contract 3.2-4)."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from zhiku.access.actor import Actor
from zhiku.datasets import store, switch_store
from zhiku.datasets.bindings import change_binding
from zhiku.datasets.schemas import UpdateDataset, encode_members
from zhiku.datasets.service import (
    check_rerank_model,
    dataset_model,
    get_dataset,
    remembered_model,
    retrieval_model_json,
)
from zhiku.datasets.store import Dataset
from zhiku.datasets.switch_store import IndexSwitch
from zhiku.db.engine import Connection
from zhiku.errors import DatasetNameDuplicate, InvalidParam, ModelCallFailed, NotFound, ProviderNotInitialize
from zhiku.indexes import outbox
from zhiku.jobs import queue
from zhiku.jobs.kinds import PurgeEmbeddings, ReindexDataset
from zhiku.providers.catalog import ModelName
from zhiku.runtime import Runtime

INDEX_FIELDS = {"indexing_technique", "embedding_model", "embedding_model_provider"}
EXTERNAL_FIELDS = {"external_retrieval_model", "external_knowledge_id", "external_knowledge_api_id"}


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """What a dataset's index is made for; the names of the model are as a client spelled them."""

    technique: str | None
    provider: str | None
    model: str | None


def update_dataset(rt: Runtime, actor: Actor, dataset_id: str, request: UpdateDataset) -> store.DatasetRow:
    """Change what the request has of a dataset and return it; without anything of it nothing is written.

    Another technique or model begins a switch: the index that answers goes on answering, with the technique and model
    it was made for, until a new one has been made and takes its place in one step. The reply shows what is wanted. A
    dataset without documents is switched at once. Raises NotFound, InvalidParam.
    """
    check_rerank_model(rt, request.retrieval_model)
    given = request.model_fields_set
    before = get_dataset(rt, dataset_id).dataset
    # Each kind of dataset ignores what only the other one has.
    given = given - (INDEX_FIELDS if before.provider == "external" else EXTERNAL_FIELDS)
    if not given:
        return get_dataset(rt, dataset_id)
    # Asked here, because a model may have to be prepared first and no transaction should wait for that.
    is_outdated = "embedding_model" in given and _is_outdated(rt, before)
    try:
        with rt.db.begin() as tx:
            _write(rt, tx, actor, dataset_id, request)
            if given & EXTERNAL_FIELDS:
                change_binding(tx, dataset_id, request)
            if given & INDEX_FIELDS:
                _set_index(rt, tx, dataset_id, request, is_outdated=is_outdated)
    except DatasetNameDuplicate as error:
        raise InvalidParam("Dataset name already exists", params="name") from error
    rt.wakeups.jobs()
    rt.wakeups.outbox()
    return get_dataset(rt, dataset_id)


def wanted_settings(rt: Runtime, request: UpdateDataset, shown: Dataset) -> IndexSettings:
    """Return what the request wants the index to be made for. Raises InvalidParam for a model that is not served."""
    technique = request.indexing_technique or shown.indexing_technique
    sent = (request.embedding_model_provider, request.embedding_model)
    stored = (shown.embedding_model_provider, shown.embedding_model)
    if technique == "high_quality":
        if not any(sent) and shown.indexing_technique == "high_quality":
            return IndexSettings(technique, *stored)
        found = remembered_model(rt, technique, *(sent if any(sent) else stored))
        return IndexSettings(technique, *((found.provider, found.model) if found else stored))
    if technique == "economy" and shown.indexing_technique == "high_quality":
        return IndexSettings(technique, None, None)
    return IndexSettings(technique, sent[0] or stored[0], sent[1] or stored[1])


def switch_model(switch: IndexSwitch) -> ModelName:
    """Return the model a dataset is being switched to, as it was named by a client."""
    return ModelName(switch.embedding_model_provider or "", switch.embedding_model or "")


def queue_reindexing(rt: Runtime, tx: Connection, switch: IndexSwitch, after: int = 0) -> None:
    """Queue the embedding of all that the switch's index will hold, behind posting number `after`."""
    job = ReindexDataset(dataset_id=switch.dataset_id, switch_id=switch.id, after=after)
    queue.enqueue(tx, rt.clock, job, subject=_subject(switch.dataset_id), dataset_id=switch.dataset_id)


def _subject(dataset_id: str) -> str:
    return f"reindex:{dataset_id}"


def _write(rt: Runtime, tx: Connection, actor: Actor, dataset_id: str, request: UpdateDataset) -> None:
    store.hold_dataset(tx, dataset_id)
    dataset = _get(tx, dataset_id)
    if request.name is not None and request.name != dataset.name and store.is_name_taken(tx, request.name):
        raise DatasetNameDuplicate
    values = {"updated_by": actor.id, "updated_at": max(rt.clock.now(), dataset.created_at)}
    store.update_dataset(tx, dataset_id, values | _plain_values(request, dataset))


def _get(conn: Connection, dataset_id: str) -> Dataset:
    dataset = store.find_dataset(conn, dataset_id)
    if dataset is None:
        raise NotFound("Dataset not found.")
    return dataset


def _plain_values(request: UpdateDataset, dataset: Dataset) -> dict[str, Any]:
    """Return the columns that change with nothing behind them."""
    values: dict[str, Any] = {}
    if request.name is not None:
        values["name"] = request.name
    if "description" in request.model_fields_set:
        values["description"] = request.description or ""
    if request.enable_api is not None:
        values["is_api_enabled"] = request.enable_api
    if request.retrieval_model is not None:
        values["retrieval_model_json"] = retrieval_model_json(request.retrieval_model)
    if request.summary_index_setting is not None:
        values["summary_index_setting_json"] = request.summary_index_setting.model_dump_json()
    if request.icon_info is not None:
        values["icon_info_json"] = request.icon_info.model_dump_json()
    permission = request.permission or dataset.permission
    if permission != "partial_members":
        values |= {"permission": permission, "partial_members_json": "[]"}
    elif request.partial_member_list is not None:
        values |= {"permission": permission, "partial_members_json": encode_members(request.partial_member_list)}
    else:
        values["permission"] = permission
    return values


def _set_index(rt: Runtime, tx: Connection, dataset_id: str, request: UpdateDataset, *, is_outdated: bool) -> None:
    """Bring the dataset's index to what is wanted: by nothing but a name, the end of a switch, or a new one."""
    row = store.find_dataset_row(tx, dataset_id)
    if row is None:
        raise NotFound("Dataset not found.")
    dataset, switch = row.dataset, row.switch
    wanted = wanted_settings(rt, request, row.shown)
    if switch is not None and switch.is_under_way and _is_alike(rt, wanted, _settings_of(row.shown)):
        switch_store.set_switch_names(tx, switch, wanted.provider, wanted.model)
        return
    queue.cancel_subject(tx, _subject(dataset_id))
    if switch_store.delete_switch(tx, dataset_id):
        queue.enqueue(tx, rt.clock, PurgeEmbeddings(), subject="purge:embeddings")
    if _is_alike(rt, wanted, _settings_of(dataset)) and not is_outdated:
        names = {"embedding_model": wanted.model, "embedding_model_provider": wanted.provider}
        store.update_dataset(tx, dataset_id, names)
    elif row.document_count > 0:
        _begin_switch(rt, tx, dataset_id, wanted)
    else:
        _start_anew(rt, tx, dataset, wanted)


def _begin_switch(rt: Runtime, tx: Connection, dataset_id: str, wanted: IndexSettings) -> None:
    is_economy = wanted.technique == "economy"
    switch = IndexSwitch(
        dataset_id=dataset_id,
        id=str(uuid4()),
        technique=wanted.technique or "",
        embedding_model=wanted.model,
        embedding_model_provider=wanted.provider,
        # Without vectors there is nothing to wait for.
        index_dimension=0 if is_economy else None,
        embedding_key=None,
        error=None,
        created_at=rt.clock.now(),
    )
    switch_store.replace_switch(tx, switch)
    if is_economy:
        outbox.append(tx, rt.clock, dataset_id, outbox.RebuildShard())
    else:
        queue_reindexing(rt, tx, switch)


def _start_anew(rt: Runtime, tx: Connection, dataset: Dataset, wanted: IndexSettings) -> None:
    """Give a dataset without documents other settings; what is left of its index goes."""
    values: dict[str, Any] = {
        "indexing_technique": wanted.technique,
        "embedding_model": wanted.model,
        "embedding_model_provider": wanted.provider,
        "index_dimension": 0,
        "embedding_key": None,
        "posting_count": 0,
        "term_count": 0,
        # Two further, because the next one may be under way as a rebuild of the old index.
        "index_generation": dataset.index_generation + 2,
    }
    store.update_dataset(tx, dataset.id, values)
    if dataset.indexing_technique is not None:
        outbox.append(tx, rt.clock, dataset.id, outbox.DropIndex())


def _settings_of(dataset: Dataset) -> IndexSettings:
    return IndexSettings(dataset.indexing_technique, dataset.embedding_model_provider, dataset.embedding_model)


def _is_alike(rt: Runtime, one: IndexSettings, other: IndexSettings) -> bool:
    """Tell whether both come to the same index; a model may be spelled in several ways."""
    if one.technique != other.technique:
        return False
    if one.technique != "high_quality" or one == other:
        return True
    served = rt.models.find_embedding(one.provider, one.model)
    return served is not None and served == rt.models.find_embedding(other.provider, other.model)


def _is_outdated(rt: Runtime, dataset: Dataset) -> bool:
    """Tell whether the dataset's provider serves another model by the same name than its index was made with."""
    if dataset.embedding_key is None:
        return False
    try:
        return rt.models.embedder(dataset_model(dataset)).key != dataset.embedding_key
    except (ProviderNotInitialize, ModelCallFailed):
        return False
