"""Pages of a dataset's settings: what it is called, how it is indexed and asked; deleting it; and its API."""

from typing import Any

from starlette.responses import Response

from zhiku.console.lab import METHODS
from zhiku.console.pages import HOME, Pages, Visit
from zhiku.console.rule_form import list_modes, shown_rule
from zhiku.datasets import service
from zhiku.datasets.bindings import asked_how
from zhiku.datasets.retrieval_model import stored_retrieval_model
from zhiku.datasets.schemas import UpdateDataset
from zhiku.datasets.updates import update_dataset
from zhiku.documents.recuts import find_recut
from zhiku.errors import ZhikuError
from zhiku.http.public_url import read_public_url
from zhiku.http.runtime import in_thread
from zhiku.http.schema import parse, refuse_nul

pages = Pages()

PERMISSIONS = ("only_me", "all_team_members", "partial_members")
TECHNIQUES = ("high_quality", "economy")
_EXTERNAL = ("top_k", "score_threshold", "score_threshold_enabled")


@pages.get("/datasets/{dataset_id:id}/settings")
async def show_settings(visit: Visit) -> Response:
    """Show what can be set of a dataset; a script asks again while its documents are cut anew."""
    return await _render(visit, 200, None)


@pages.post("/datasets/{dataset_id:id}/settings")
async def change_settings(visit: Visit) -> Response:
    """Change a dataset; another technique is made ready in the background, while the present one goes on answering."""
    dataset_id = visit.path("dataset_id")
    try:
        request = parse(UpdateDataset, await in_thread(_changes, visit))
        refuse_nul(request)
        await in_thread(update_dataset, visit.rt, visit.actor, dataset_id, request)
    except ZhikuError as error:
        return await _render(visit, error.status, visit.language.error(error.code, str(error)))
    return visit.go(f"{HOME}/{dataset_id}/settings", "settings.saved")


@pages.post("/datasets/{dataset_id:id}/delete")
async def delete_dataset(visit: Visit) -> Response:
    """Delete a dataset with everything in it, if its name was typed to confirm."""
    dataset = (await in_thread(service.get_dataset, visit.rt, visit.path("dataset_id"))).dataset
    if visit.form.get("name", "") != dataset.name:
        return await _render(visit, 400, visit.language.text("settings.name_differs"))
    try:
        await in_thread(service.delete_dataset, visit.rt, dataset.id)
    except ZhikuError as error:
        return await _render(visit, error.status, visit.language.error(error.code, str(error)))
    return visit.go(HOME, "settings.deleted", name=dataset.name)


@pages.get("/datasets/{dataset_id:id}/api")
async def show_api(visit: Visit) -> Response:
    """Show calls to paste, with the dataset's real id."""
    dataset = (await in_thread(service.get_dataset, visit.rt, visit.path("dataset_id"))).dataset
    return visit.render("dataset_api.html", dataset=dataset, base=f"{read_public_url(visit.request)}/v1")


async def _render(visit: Visit, status: int, problem: str | None) -> Response:
    row = await in_thread(service.get_dataset, visit.rt, visit.path("dataset_id"))
    model = stored_retrieval_model(row.dataset.retrieval_model_json, row.dataset.indexing_technique)
    return visit.render(
        "recut.html" if visit.is_fragment else "dataset_settings.html",
        status,
        dataset=row.dataset,
        row=row,
        model=model,
        asked=asked_how(row.source) if row.source else model,
        methods=METHODS,
        permissions=PERMISSIONS,
        techniques=TECHNIQUES,
        problem=problem,
        recut=await in_thread(find_recut, visit.rt, row.dataset.id),
        rule=await in_thread(shown_rule, visit.rt, row.dataset),
        modes=list_modes(row.dataset),
    )


def _changes(visit: Visit) -> dict[str, Any]:
    """Return what the form changes; of the retrieval model only what it shows, the rest stays."""
    dataset = service.get_dataset(visit.rt, visit.path("dataset_id")).dataset
    form = visit.form
    model = stored_retrieval_model(dataset.retrieval_model_json, dataset.indexing_technique).model_dump()
    threshold = form.get("threshold", "").strip()
    model |= {"search_method": form.get("search_method") or model["search_method"], "top_k": form.get("top_k") or 3}
    model |= {"score_threshold_enabled": bool(threshold), "score_threshold": threshold or None}
    changes = {
        "name": form.get("name", ""),
        "description": form.get("description", ""),
        "permission": form.get("permission"),
        "enable_api": form.get("enable_api") == "on",
    }
    if dataset.provider == "external":
        return changes | {"external_retrieval_model": {name: model[name] for name in _EXTERNAL}}
    return changes | {"indexing_technique": form.get("indexing_technique") or None, "retrieval_model": model}
