"""Pages of a dataset's evaluation: its question sets, the runs over them, and a run's figures side by side."""

from collections.abc import Sequence
from typing import Literal

from starlette.responses import Response

from zhiku.console.pages import HOME, PAGE_SIZE, Pages, Visit
from zhiku.datasets.service import get_dataset
from zhiku.datasets.store import Dataset
from zhiku.evaluation import questions, service
from zhiku.evaluation.replies import EvaluationBody, asked_body, evaluation_body
from zhiku.evaluation.schemas import NAME_CHARS, CreateEvaluation
from zhiku.evaluation.store import UNFINISHED
from zhiku.http.paging import Page
from zhiku.http.runtime import in_thread
from zhiku.http.schema import parse

pages = Pages()

METHODS = ("hybrid_search", "semantic_search", "full_text_search")
ECONOMY_METHODS = ("keyword_search",)
MEASURES: Sequence[Literal["ndcg_at_10", "recall", "mrr"]] = ("ndcg_at_10", "recall", "mrr")
PAGE = "/datasets/{dataset_id:id}/evaluation"
ONE_RUN = PAGE + "/runs/{evaluation_id:id}"


def evaluation_path(dataset_id: str) -> str:
    """Return the address of a dataset's evaluation."""
    return f"{HOME}/{dataset_id}/evaluation"


@pages.get(PAGE)
async def show_evaluation(visit: Visit) -> Response:
    """Show the newest question sets and a page of the runs."""
    dataset = await _dataset(visit)
    sets, _ = await in_thread(questions.list_sets, visit.rt, dataset.id, Page(1, PAGE_SIZE))
    page = Page(visit.page_number, PAGE_SIZE)
    runs, total = await in_thread(service.list_evaluations, visit.rt, dataset.id, page)
    return visit.render(
        "evaluation.html",
        dataset=dataset,
        sets=sets,
        runs=[evaluation_body(run) for run in runs],
        total=total,
        page=page.page,
        limit=page.limit,
        methods=METHODS if dataset.indexing_technique != "economy" else ECONOMY_METHODS,
        unfinished=UNFINISHED,
        address=f"{evaluation_path(dataset.id)}?",
    )


@pages.post(PAGE + "/sets", is_upload=True)
async def import_set(visit: Visit) -> Response:
    """Make a question set of a CSV file."""
    dataset = await _dataset(visit)
    async with visit.upload() as upload:
        file = upload.one_file()
        file.check_size()
        name = file.name.replace("\\", "/").rpartition("/")[2][:NAME_CHARS]
        content = await in_thread(file.path.read_bytes)
    made = await in_thread(questions.import_set, visit.rt, visit.actor, dataset, name, content)
    return visit.go(evaluation_path(dataset.id), "evaluation.imported", name=made.name, count=made.question_count)


@pages.post(PAGE + "/sets/{set_id:id}/delete")
async def delete_set(visit: Visit) -> Response:
    """Delete a question set with its runs."""
    dataset = await _dataset(visit)
    await in_thread(questions.delete_set, visit.rt, dataset.id, visit.path("set_id"))
    return visit.go(evaluation_path(dataset.id), "evaluation.set_deleted")


@pages.post(PAGE + "/runs")
async def start_run(visit: Visit) -> Response:
    """Ask a set's questions with the picked methods, and go on to the run."""
    dataset = await _dataset(visit)
    settings = [{"search_method": method} for method in visit.form.getlist("method")]
    request = parse(CreateEvaluation, {"question_set_id": visit.form.get("question_set_id", ""), "settings": settings})
    made = await in_thread(service.start_evaluation, visit.rt, visit.actor, dataset, request)
    return visit.go(f"{evaluation_path(dataset.id)}/runs/{made.id}", "evaluation.started", count=made.total)


@pages.get(ONE_RUN)
async def show_run(visit: Visit) -> Response:
    """Show a run's figures side by side, what they suggest, and a page of its questions."""
    dataset = await _dataset(visit)
    evaluation_id = visit.path("evaluation_id")
    run = await in_thread(service.get_evaluation, visit.rt, dataset.id, evaluation_id)
    page = Page(visit.page_number, PAGE_SIZE)
    asked, total = await in_thread(service.list_asked, visit.rt, dataset.id, evaluation_id, page)
    body = evaluation_body(run)
    return visit.render(
        "evaluation_run.html",
        dataset=dataset,
        run=body,
        best=_best(body),
        measures=MEASURES,
        asked=[asked_body(each) for each in asked],
        total=total,
        page=page.page,
        limit=page.limit,
        unfinished=UNFINISHED,
        address=f"{evaluation_path(dataset.id)}/runs/{evaluation_id}?",
    )


@pages.post(ONE_RUN + "/cancel")
async def cancel_run(visit: Visit) -> Response:
    """End a run where it is."""
    dataset_id, evaluation_id = visit.path("dataset_id"), visit.path("evaluation_id")
    await in_thread(service.cancel_evaluation, visit.rt, dataset_id, evaluation_id)
    return visit.go(f"{evaluation_path(dataset_id)}/runs/{evaluation_id}", "evaluation.cancelled")


@pages.post(ONE_RUN + "/delete")
async def delete_run(visit: Visit) -> Response:
    """Delete a run with its results."""
    dataset_id = visit.path("dataset_id")
    await in_thread(service.delete_evaluation, visit.rt, dataset_id, visit.path("evaluation_id"))
    return visit.go(evaluation_path(dataset_id), "evaluation.deleted")


async def _dataset(visit: Visit) -> Dataset:
    return (await in_thread(get_dataset, visit.rt, visit.path("dataset_id"))).dataset


def _best(run: EvaluationBody) -> dict[str, float]:
    """Return the best figure of each measure, to be marked; nothing where there is nothing to compare."""
    figures = [each["figures"] for each in run["settings"] if each["figures"] is not None]
    return {measure: max(each[measure] for each in figures) for measure in MEASURES} if len(figures) > 1 else {}
