"""Rules of evaluations: what may be compared, how one begins and how it ends."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import msgspec

from zhiku.access.actor import Actor
from zhiku.datasets.retrieval_model import RetrievalModel, stored_retrieval_model
from zhiku.datasets.store import Dataset
from zhiku.errors import InvalidAction, InvalidParam, NotFound, ZhikuError
from zhiku.evaluation import store
from zhiku.evaluation.questions import get_set, job_subject
from zhiku.evaluation.schemas import CreateEvaluation
from zhiku.evaluation.store import Asked, Evaluation
from zhiku.http.paging import Page
from zhiku.jobs import queue
from zhiku.jobs.kinds import EvaluateDataset
from zhiku.retrieval.schemas import RetrieveRequest
from zhiku.retrieval.service import plan_question
from zhiku.runtime import Runtime

NO_EVALUATION = "Evaluation not found."


def start_evaluation(rt: Runtime, actor: Actor, dataset: Dataset, request: CreateEvaluation) -> Evaluation:
    """Queue an evaluation and return it. Raises NotFound, InvalidParam, and what a question with the settings would."""
    if dataset.provider == "external":
        raise InvalidParam("An external dataset is asked at its source and cannot be evaluated.")
    questions = get_set(rt, dataset.id, request.question_set_id.lower())
    settings = request.settings or [stored_retrieval_model(dataset.retrieval_model_json, dataset.indexing_technique)]
    _check_settings(rt, dataset, settings)
    made = Evaluation(
        id=str(uuid4()),
        dataset_id=dataset.id,
        question_set_id=questions.id,
        settings_json=msgspec.json.encode([model.model_dump(mode="json") for model in settings]).decode(),
        state=store.WAITING,
        done=0,
        total=questions.question_count,
        error=None,
        figures_json=None,
        suggestion_json=None,
        created_by=actor.id,
        created_at=rt.clock.now(),
        ended_at=None,
        question_set_name=questions.name,
    )
    job = EvaluateDataset(dataset_id=dataset.id, evaluation_id=made.id)
    with rt.db.begin() as tx:
        store.insert_evaluation(tx, made)
        queue.enqueue(tx, rt.clock, job, subject=job_subject(made.id), dataset_id=dataset.id)
    rt.wakeups.jobs()
    return made


def get_evaluation(rt: Runtime, dataset_id: str, evaluation_id: str) -> Evaluation:
    """Return an evaluation. Raises NotFound."""
    with rt.db.read() as conn:
        found = store.find_evaluation(conn, dataset_id, evaluation_id)
    if found is None:
        raise NotFound(NO_EVALUATION)
    return found


def list_evaluations(rt: Runtime, dataset_id: str, page: Page) -> tuple[list[Evaluation], int]:
    """Return a page of a dataset's evaluations, newest first, and how many there are."""
    with rt.db.read() as conn:
        found = store.list_evaluations(conn, dataset_id, page.offset, page.limit)
        return found, store.count_evaluations(conn, dataset_id)


def list_asked(rt: Runtime, dataset_id: str, evaluation_id: str, page: Page) -> tuple[list[Asked], int]:
    """Return a page of the questions that were asked with what they were answered, and how many. Raises NotFound."""
    found = get_evaluation(rt, dataset_id, evaluation_id)
    if page.offset >= found.done:
        return [], found.done
    with rt.db.read() as conn:
        return store.list_asked(conn, found, page.offset, page.limit), found.done


def cancel_evaluation(rt: Runtime, dataset_id: str, evaluation_id: str) -> Evaluation:
    """End an evaluation where it is; its results stay. Raises NotFound, InvalidAction if it has ended already."""
    get_evaluation(rt, dataset_id, evaluation_id)
    values = {"state": store.CANCELLED, "ended_at": rt.clock.now()}
    with rt.db.begin() as tx:
        queue.cancel_subject(tx, job_subject(evaluation_id))
        if not store.change_evaluation(tx, evaluation_id, values):
            raise InvalidAction("The evaluation has ended, so there is nothing to cancel.")
        store.drop_pools(tx, evaluation_id)
    return get_evaluation(rt, dataset_id, evaluation_id)


def delete_evaluation(rt: Runtime, dataset_id: str, evaluation_id: str) -> None:
    """Delete an evaluation with its results, also one that runs. Raises NotFound."""
    get_evaluation(rt, dataset_id, evaluation_id)
    with rt.db.begin() as tx:
        queue.cancel_subject(tx, job_subject(evaluation_id))
        store.delete_evaluation(tx, dataset_id, evaluation_id)


def read_settings(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return the retrieval models that an evaluation compares, as they are stored."""
    return msgspec.json.decode(evaluation.settings_json, type=list[dict[str, Any]])


def _check_settings(rt: Runtime, dataset: Dataset, settings: Sequence[RetrievalModel]) -> None:
    """Raise what a question with these settings would be refused for, naming which of them it is."""
    for number, model in enumerate(settings):
        try:
            planned = plan_question(rt, dataset, RetrieveRequest(query="?", retrieval_model=model))
        except InvalidParam as error:
            field = (error.params or "").replace("retrieval_model", f"settings.{number}")
            raise InvalidParam(str(error).replace("retrieval_model", f"settings.{number}"), params=field) from error
        except ZhikuError as error:
            raise type(error)(f"settings.{number}: {error}", params=f"settings.{number}") from error
        if planned is None:
            raise InvalidParam("The dataset has nothing that can be found yet; add documents first.")
