"""Rules of retrieval apps: what one may hold, and how it answers a question from several datasets."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from zhiku.access.actor import Actor
from zhiku.apps import store
from zhiku.apps.schemas import CreateApp, ListApps, UpdateApp
from zhiku.apps.store import App, AppRow
from zhiku.datasets.retrieval_model import stored_retrieval_model
from zhiku.datasets.service import check_rerank_model
from zhiku.datasets.store import Dataset
from zhiku.db.engine import Connection
from zhiku.errors import InvalidParam, NotFound
from zhiku.http.paging import Page
from zhiku.providers.base import Vectors
from zhiku.retrieval.plan import checked_query
from zhiku.retrieval.schemas import Record, RetrieveRequest
from zhiku.retrieval.service import Question, find_records, plan_question, tell_records
from zhiku.runtime import Runtime

NO_APP = "App not found."
NAME_TAKEN = "App name already exists"

# A record and the dataset that it is from.
Owned = tuple[Dataset, Record]


def create_app(rt: Runtime, actor: Actor, request: CreateApp) -> AppRow:
    """Create an app and return it; from then on its datasets cannot be deleted.

    Raises InvalidParam if the name is taken or the rerank model unknown, NotFound if a dataset does not exist.
    """
    check_rerank_model(rt, request.retrieval_model)
    now = rt.clock.now()
    app = App(
        id=str(uuid4()),
        name=request.name,
        description=request.description,
        retrieval_model_json=request.retrieval_model.model_dump_json(),
        created_by=actor.id,
        author_name=actor.name,
        created_at=now,
        updated_by=actor.id,
        updated_at=now,
    )
    with rt.db.begin() as tx:
        _hold_datasets(tx, actor, request.dataset_ids)
        if not store.insert_app(tx, app):
            raise InvalidParam(NAME_TAKEN, params="name")
        store.set_datasets(tx, app.id, request.dataset_ids)
    return AppRow(app, request.dataset_ids)


def get_app(rt: Runtime, actor: Actor, app_id: str) -> AppRow:
    """Return an app. Raises NotFound, also if the actor does not see all of its datasets."""
    with rt.db.read() as conn:
        return _found(store.find_app(conn, actor, app_id))


def list_apps(rt: Runtime, actor: Actor, query: ListApps, page: Page) -> tuple[list[AppRow], int]:
    """Return a page of the apps of which the actor sees every dataset, newest first, and how many there are."""
    with rt.db.read() as conn:
        total = store.count_apps(conn, actor, query.keyword)
        return store.list_apps(conn, actor, query.keyword, page.offset, page.limit), total


def update_app(rt: Runtime, actor: Actor, app_id: str, request: UpdateApp) -> AppRow:
    """Change what the request names and return the app.

    Raises NotFound, also for a dataset that does not exist or that the actor does not see, and InvalidParam as
    `create_app` does.
    """
    check_rerank_model(rt, request.retrieval_model)
    values = _changed(request)
    with rt.db.begin() as tx:
        if not store.hold_app(tx, app_id):
            raise NotFound(NO_APP)
        _found(store.find_app(tx, actor, app_id))
        if request.dataset_ids is not None:
            _hold_datasets(tx, actor, request.dataset_ids)
            store.set_datasets(tx, app_id, request.dataset_ids)
        if values or request.dataset_ids is not None:
            values |= {"updated_by": actor.id, "updated_at": rt.clock.now()}
            if not store.update_app(tx, app_id, values):
                raise InvalidParam(NAME_TAKEN, params="name")
        return _found(store.find_app(tx, actor, app_id))


def delete_app(rt: Runtime, actor: Actor, app_id: str) -> None:
    """Delete an app; its datasets stay, and may be deleted once no other app holds them. Raises NotFound."""
    with rt.db.begin() as tx:
        _found(store.find_app(tx, actor, app_id))
        if not store.delete_app(tx, app_id):
            raise NotFound(NO_APP)


def retrieve(rt: Runtime, row: AppRow, request: RetrieveRequest) -> list[Record]:
    """Return the answers of the app's datasets in one list, best first, at most `top_k` in all.

    Scores mean the same in every dataset (ADR-0008), so they are compared as they are. A dataset whose API is
    switched off is left out. Raises InvalidParam, ProviderNotInitialize, CompletionRequestError, DatasetNotInitialized.
    """
    checked_query(request)
    asked = _with_settings(row.app, request)
    with rt.db.read() as conn:
        open_datasets = store.list_open_datasets(conn, row.app.id)
    questions = [question for dataset in open_datasets if (question := plan_question(rt, dataset, asked)) is not None]
    found = [
        (question.dataset, record)
        for question, vector in _embedded(questions)
        for record in find_records(rt, question, vector)
    ]
    best = _best_first(found)[: max((question.plan.top_k for question in questions), default=0)]
    told = [
        (dataset, record)
        for dataset in open_datasets
        for record in tell_records(rt, dataset, [record for owner, record in best if owner.id == dataset.id])
    ]
    return [record for _, record in _best_first(told)]


def _hold_datasets(tx: Connection, actor: Actor, dataset_ids: list[str]) -> None:
    if store.hold_datasets(tx, actor, dataset_ids) < len(dataset_ids):
        raise NotFound("Dataset not found.")


def _found(row: AppRow | None) -> AppRow:
    if row is None:
        raise NotFound(NO_APP)
    return row


def _changed(request: UpdateApp) -> dict[str, Any]:
    """Return the columns to change."""
    values: dict[str, Any] = request.model_dump(include={"name", "description"}, exclude_none=True)
    if request.retrieval_model is not None:
        values["retrieval_model_json"] = request.retrieval_model.model_dump_json()
    return values


def _with_settings(app: App, request: RetrieveRequest) -> RetrieveRequest:
    """Return the question with the app's settings where it brings none of its own."""
    if request.retrieval_model is not None:
        return request
    stored = stored_retrieval_model(app.retrieval_model_json, None)
    conditions = request.metadata_filtering_conditions or stored.metadata_filtering_conditions
    model = stored.model_copy(update={"metadata_filtering_conditions": conditions})
    return request.model_copy(update={"retrieval_model": model})


def _embedded(questions: Iterable[Question]) -> list[tuple[Question, Vectors | None]]:
    """Return each question with its vector; every model embeds the query once."""
    vectors: dict[str, Vectors | None] = {}
    embedded: list[tuple[Question, Vectors | None]] = []
    for question in questions:
        key = question.embedder.key if question.embedder else ""
        if key not in vectors:
            vectors[key] = question.embed()
        embedded.append((question, vectors[key]))
    return embedded


def _best_first(owned: Iterable[Owned]) -> list[Owned]:
    """Return records by falling score; those of one score stay in the order of their datasets."""
    return sorted(owned, key=lambda each: -each[1].score)
