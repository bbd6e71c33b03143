"""The page of one document: its segments to read and edit, and what is known of it."""

from urllib.parse import urlencode

from starlette.responses import Response

from zhiku.console.documents import documents_path
from zhiku.console.pages import PAGE_SIZE, Pages, Visit
from zhiku.datasets.service import get_dataset
from zhiku.datasets.store import Dataset
from zhiku.documents.picture_links import without_pictures
from zhiku.documents.replies import display_status
from zhiku.documents.service import get_document
from zhiku.documents.store import Document
from zhiku.documents.work_actions import act_on_work
from zhiku.errors import InvalidAction
from zhiku.http.paging import Page
from zhiku.http.runtime import in_thread
from zhiku.http.schema import parse, refuse_nul
from zhiku.segments import change, service
from zhiku.segments.pictures import list_shown
from zhiku.segments.schemas import CreateSegments, ListSegments, SegmentChange

pages = Pages()

# What can be done to the work of a document that is shown so.
WORK_BUTTONS = {
    "queuing": ("pause", "cancel"),
    "indexing": ("pause", "cancel"),
    "paused": ("resume", "cancel"),
    "error": ("retry",),
}

DOCUMENT = "/datasets/{dataset_id:id}/documents/{document_id:id}"


@pages.get(DOCUMENT)
async def show_document(visit: Visit) -> Response:
    """Show a document's segments that match, a page of them."""
    dataset = (await in_thread(get_dataset, visit.rt, visit.path("dataset_id"))).dataset
    row = await in_thread(get_document, visit.rt, dataset.id, visit.path("document_id"))
    keyword, page = visit.query.get("keyword", "").strip(), Page(visit.page_number, PAGE_SIZE)
    query = ListSegments(keyword=keyword or None)
    segments, total = await in_thread(service.list_segments, visit.rt, row.document, query, page)
    pictures = await in_thread(list_shown, visit.rt, [segment for segment, *_ in segments])
    state = display_status(row.document)
    return visit.render(
        "document.html",
        dataset=dataset,
        document=row.document,
        upload=row.upload,
        state=state,
        work_buttons=() if row.document.is_archived else WORK_BUTTONS.get(state, ()),
        segments=segments,
        pictures=pictures,
        without_pictures=without_pictures,
        total=total,
        page=page.page,
        limit=page.limit,
        keyword=keyword,
        editing=visit.query.get("edit", ""),
        address=f"{_path(dataset, row.document)}?{urlencode({'keyword': keyword})}&",
    )


@pages.post(DOCUMENT + "/work")
async def change_work(visit: Visit) -> Response:
    """Do what the pressed button says to the document's work: pause, resume, retry or cancel."""
    dataset, document = await in_thread(_find, visit)
    action = visit.form.get("action", "")
    await in_thread(act_on_work, visit.rt, dataset.id, document.id, action)
    return visit.go(_path(dataset, document), f"document.done.{action}", count=1)


@pages.post(DOCUMENT + "/segments")
async def add_segment(visit: Visit) -> Response:
    """Append a segment written by hand; the next question finds it."""
    dataset, document = await in_thread(_find, visit)
    await in_thread(service.check_writable, visit.rt, dataset, document)
    request = parse(CreateSegments, {"segments": [_texts(visit, document)]})
    refuse_nul(request)
    await in_thread(service.create_segments, visit.rt, visit.actor, dataset, document, request)
    return visit.go(_path(dataset, document), "segment.added")


@pages.post(DOCUMENT + "/segments/{segment_id:id}")
async def change_segment(visit: Visit) -> Response:
    """Do what the pressed button says to a segment: save, enable, disable or delete."""
    dataset, document = await in_thread(_find, visit)
    segment_id, action = visit.path("segment_id"), visit.form.get("action", "")
    if action == "delete":
        await in_thread(service.delete_segment, visit.rt, dataset, document, segment_id)
    else:
        changed = parse(SegmentChange, _change(visit, document, action))
        refuse_nul(changed)
        await in_thread(change.update_segment, visit.rt, visit.actor, dataset, document, segment_id, changed)
    return visit.go(_path(dataset, document), f"segment.done.{action}")


def _find(visit: Visit) -> tuple[Dataset, Document]:
    dataset = get_dataset(visit.rt, visit.path("dataset_id")).dataset
    return dataset, get_document(visit.rt, dataset.id, visit.path("document_id")).document


def _change(visit: Visit, document: Document, action: str) -> dict[str, object]:
    if action in ("enable", "disable"):
        return {"enabled": action == "enable"}
    if action != "save":
        raise InvalidAction
    return {**_texts(visit, document)}


def _texts(visit: Visit, document: Document) -> dict[str, str]:
    names = ("content", "answer") if document.doc_form == "qa_model" else ("content",)
    # Browsers send line ends as CRLF, whatever the text had.
    return {name: visit.form.get(name, "").replace("\r\n", "\n") for name in names}


def _path(dataset: Dataset, document: Document) -> str:
    return f"{documents_path(dataset.id)}/{document.id}"
