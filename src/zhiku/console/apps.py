"""Pages of retrieval apps: datasets that are asked together, with settings of their own."""

from typing import Any

from starlette.responses import Response

from zhiku.apps import service
from zhiku.apps.schemas import CreateApp, ListApps
from zhiku.console.lab import METHODS
from zhiku.console.pages import PAGE_SIZE, Pages, Visit
from zhiku.datasets.retrieval_model import stored_retrieval_model
from zhiku.datasets.schemas import ListDatasets
from zhiku.datasets.service import list_datasets
from zhiku.errors import ZhikuError
from zhiku.http.paging import MAX_LIMIT, Page
from zhiku.http.runtime import in_thread
from zhiku.http.schema import parse, refuse_nul

pages = Pages()

APPS = "/console/apps"
NO_VALUES: dict[str, Any] = {
    "name": "", "description": "", "dataset_ids": (), "search_method": "hybrid_search", "top_k": "5",
}  # fmt: skip


@pages.get("/apps")
async def show_apps(visit: Visit) -> Response:
    """Show the apps, and the form of a new one."""
    return await _render(visit, 200, NO_VALUES, None)


@pages.post("/apps")
async def create_app(visit: Visit) -> Response:
    """Create an app; its datasets cannot be deleted while it has them."""
    values: dict[str, Any] = {name: visit.form.get(name, "") for name in NO_VALUES}
    values["dataset_ids"] = visit.form.getlist("dataset_ids")
    model = {"search_method": values["search_method"], "top_k": values["top_k"]}
    try:
        request = parse(CreateApp, {**values, "retrieval_model": model})
        refuse_nul(request)
        row = await in_thread(service.create_app, visit.rt, visit.actor, request)
    except ZhikuError as error:
        return await _render(visit, error.status, values, visit.language.error(error.code, str(error)))
    return visit.go(APPS, "app.created", name=row.app.name)


@pages.post("/apps/{app_id:id}/delete")
async def delete_app(visit: Visit) -> Response:
    """Delete an app, which lets its datasets go."""
    await in_thread(service.delete_app, visit.rt, visit.actor, visit.path("app_id"))
    return visit.go(APPS, "app.deleted")


async def _render(visit: Visit, status: int, values: dict[str, Any], problem: str | None) -> Response:
    page = Page(visit.page_number, PAGE_SIZE)
    rows, total = await in_thread(service.list_apps, visit.rt, visit.actor, ListApps(), page)
    datasets, _ = await in_thread(list_datasets, visit.rt, visit.actor, ListDatasets(), Page(1, MAX_LIMIT))
    return visit.render(
        "apps.html",
        status,
        apps=[(row, stored_retrieval_model(row.app.retrieval_model_json, None)) for row in rows],
        total=total,
        page=page.page,
        limit=page.limit,
        datasets={row.dataset.id: row.dataset.name for row in datasets},
        methods=METHODS,
        values=values,
        problem=problem,
        address=f"{APPS}?",
    )
