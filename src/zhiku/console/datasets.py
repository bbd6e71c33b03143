"""Pages of datasets: the list, and a new one."""

from urllib.parse import urlencode

from starlette.responses import Response

from zhiku.console.pages import HOME, PAGE_SIZE, Pages, Visit
from zhiku.datasets import service
from zhiku.datasets.schemas import CreateDataset, ListDatasets
from zhiku.errors import ZhikuError
from zhiku.http.paging import Page
from zhiku.http.runtime import in_thread
from zhiku.http.schema import parse, refuse_nul
from zhiku.tags.service import list_tags

pages = Pages()


@pages.get("/datasets")
async def show_datasets(visit: Visit) -> Response:
    """Show the datasets that match, a page of them."""
    keyword, tag = visit.query.get("keyword", "").strip(), visit.query.get("tag", "")
    query = ListDatasets(keyword=keyword or None, tag_ids=[tag] if tag else [])
    page = Page(visit.page_number, PAGE_SIZE)
    rows, total = await in_thread(service.list_datasets, visit.rt, visit.actor, query, page)
    return visit.render(
        "datasets.html",
        rows=rows,
        total=total,
        page=page.page,
        limit=page.limit,
        keyword=keyword,
        tag=tag,
        tags=await in_thread(list_tags, visit.rt, visit.actor, None),
        address=f"{HOME}?{urlencode({'keyword': keyword, 'tag': tag})}&",
    )


@pages.get("/datasets/new")
async def show_new_dataset(visit: Visit) -> Response:
    """Show the form of a new dataset."""
    values = {"name": "", "description": "", "indexing_technique": "high_quality"}
    return visit.render("dataset_new.html", values=values, problem=None)


@pages.post("/datasets/new")
async def create_dataset(visit: Visit) -> Response:
    """Create a dataset, and go on to its documents."""
    values = {name: visit.form.get(name, "") for name in ("name", "description", "indexing_technique")}
    try:
        request = parse(CreateDataset, values)
        refuse_nul(request)
        row = await in_thread(service.create_dataset, visit.rt, visit.actor, request)
    except ZhikuError as error:
        problem = visit.language.error(error.code, str(error))
        return visit.render("dataset_new.html", error.status, values=values, problem=problem)
    return visit.go(f"{HOME}/{row.dataset.id}/documents", "dataset.created", name=row.dataset.name)
