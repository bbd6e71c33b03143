"""Pages of a dataset's documents: the list with its uploads and actions, and a new text."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from zhiku.console.pages import HOME, PAGE_SIZE, Pages, Visit
from zhiku.console.rule_form import read_rule
from zhiku.datasets.service import get_dataset
from zhiku.datasets.store import Dataset, DatasetRow
from zhiku.documents import service
from zhiku.documents.decision import check_settings
from zhiku.documents.file_types import check_filename, shorten_name
from zhiku.documents.replies import display_status
from zhiku.documents.schemas import CreateByFile, CreateByText, ListDocuments
from zhiku.documents.source import FileSource, TextSource
from zhiku.documents.status import ACTIONS, change_status
from zhiku.documents.work_actions import WORK_ACTIONS, act_on_work
from zhiku.errors import InvalidAction, ZhikuError
from zhiku.http.paging import Page
from zhiku.http.runtime import in_thread
from zhiku.http.schema import parse, refuse_nul
from zhiku.http.upload import UploadedFile

pages = Pages()

UNFINISHED = {"queuing", "indexing"}
STATUSES = ("queuing", "indexing", "paused", "available", "disabled", "archived", "error")


def documents_path(dataset_id: str) -> str:
    """Return the address of a dataset's documents."""
    return f"{HOME}/{dataset_id}/documents"


@pages.get("/datasets/{dataset_id:id}")
async def go_to_documents(visit: Visit) -> Response:
    """Send to the dataset's first page."""
    return RedirectResponse(documents_path(visit.path("dataset_id")), status_code=302)


@pages.get("/datasets/{dataset_id:id}/documents")
async def show_documents(visit: Visit) -> Response:
    """Show the documents that match, a page of them; a script asks again while some are in work."""
    row = await in_thread(get_dataset, visit.rt, visit.path("dataset_id"))
    keyword = visit.query.get("keyword", "").strip()
    status = visit.query.get("status", "") if visit.query.get("status") in STATUSES else ""
    page = Page(visit.page_number, PAGE_SIZE)
    query = ListDocuments(keyword=keyword or None, status=status or None)
    rows, total = await in_thread(service.list_documents, visit.rt, row.dataset.id, query, page)
    shown = [(each, display_status(each.document)) for each in rows]
    address = f"{documents_path(row.dataset.id)}?{urlencode({'keyword': keyword, 'status': status})}&"
    return visit.render(
        "documents_list.html" if visit.is_fragment else "documents.html",
        dataset=row.dataset,
        rows=shown,
        total=total,
        page=page.page,
        limit=page.limit,
        keyword=keyword,
        status=status,
        statuses=STATUSES,
        has_unfinished=any(state in UNFINISHED for _, state in shown),
        address=address,
    )


@pages.post("/datasets/{dataset_id:id}/documents/upload", is_upload=True)
async def upload_document(visit: Visit) -> Response:
    """Make a document of an uploaded file."""
    row = await in_thread(get_dataset, visit.rt, visit.path("dataset_id"))
    async with visit.upload() as upload:
        rule = read_rule(upload.fields)
        document = await in_thread(_create_from_file, visit, row, upload.one_file(), rule)
    return visit.go(documents_path(row.dataset.id), "document.uploaded", name=document)


@pages.get("/datasets/{dataset_id:id}/documents/new")
async def show_new_text(visit: Visit) -> Response:
    """Show the form of a document written here."""
    row = await in_thread(get_dataset, visit.rt, visit.path("dataset_id"))
    return visit.render("document_new.html", dataset=row.dataset, values={"name": "", "text": ""}, problem=None)


@pages.post("/datasets/{dataset_id:id}/documents/new")
async def create_text(visit: Visit) -> Response:
    """Make a document of a text, and go back to the list."""
    row = await in_thread(get_dataset, visit.rt, visit.path("dataset_id"))
    values = {"name": visit.form.get("name", ""), "text": visit.form.get("text", "")}
    try:
        request = parse(CreateByText, values | _first_technique(row.dataset))
        refuse_nul(request)
        source = TextSource(name=shorten_name(request.name), content=request.text.encode())
        await in_thread(service.create_document, visit.rt, visit.actor, row.dataset, source, request)
    except ZhikuError as error:
        problem = visit.language.error(error.code, str(error))
        return visit.render("document_new.html", error.status, dataset=row.dataset, values=values, problem=problem)
    return visit.go(documents_path(row.dataset.id), "document.uploaded", name=request.name)


@pages.post("/datasets/{dataset_id:id}/documents/actions")
async def act_on_documents(visit: Visit) -> Response:
    """Do what the pressed button says to the picked documents.

    Switches are for all of them or none; the work of those that can be acted on is, if there is one at all.
    """
    row = await in_thread(get_dataset, visit.rt, visit.path("dataset_id"))
    action, picked = visit.form.get("action", ""), visit.form.getlist("document")
    done = len(picked)
    if action == "delete":
        for document_id in picked:
            await in_thread(service.delete_document, visit.rt, row.dataset.id, document_id)
    elif action in ACTIONS:
        await in_thread(change_status, visit.rt, visit.actor, row.dataset.id, action, picked)
    elif action in WORK_ACTIONS:
        done = await in_thread(_act_on_each, visit, row.dataset, picked, action)
    else:
        raise InvalidAction
    return visit.go(documents_path(row.dataset.id), f"document.done.{action}", count=done)


def _act_on_each(visit: Visit, dataset: Dataset, picked: Sequence[str], action: str) -> int:
    """Return on how many documents' work this was done. Raises the last refusal if all of them refuse."""
    done, refusal = 0, None
    for document_id in picked:
        try:
            act_on_work(visit.rt, dataset.id, document_id, action)
            done += 1
        except ZhikuError as error:
            refusal = error
    if done == 0 and refusal is not None:
        raise refusal
    return done


def _create_from_file(visit: Visit, row: DatasetRow, file: UploadedFile, rule: dict[str, Any]) -> str:
    """Return the name of the document made of a file; a folder's files keep their paths as names."""
    settings = parse(CreateByFile, {"process_rule": rule} | _first_technique(row.dataset))
    check_settings(visit.rt, row.dataset, settings)
    filename = file.name.replace("\\", "/").rpartition("/")[2]
    check_filename(filename)
    file.check_size()
    name = shorten_name(file.name)
    source = FileSource(name=name, filename=shorten_name(filename), path=file.path, size_bytes=file.size_bytes)
    service.create_document(visit.rt, visit.actor, row.dataset, source, settings)
    return name


def _first_technique(dataset: Dataset) -> dict[str, str]:
    """Return what a first document has to say where the dataset has no technique yet."""
    return {} if dataset.indexing_technique else {"indexing_technique": "high_quality"}
