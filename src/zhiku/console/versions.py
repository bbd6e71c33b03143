"""Pages of a document's versions: the list, and one beside what answers now, with the button that brings it back."""

from starlette.responses import Response

from zhiku.console.documents import documents_path
from zhiku.console.pages import PAGE_SIZE, Pages, Visit
from zhiku.datasets.service import get_dataset
from zhiku.datasets.store import Dataset
from zhiku.documents import versions
from zhiku.documents.service import get_document
from zhiku.documents.store import Document
from zhiku.http.paging import Page
from zhiku.http.runtime import in_thread

pages = Pages()

VERSIONS = "/datasets/{dataset_id:id}/documents/{document_id:id}/versions"


@pages.get(VERSIONS)
async def show_versions(visit: Visit) -> Response:
    """Show a document's versions, a page of them."""
    dataset, document = await in_thread(_find, visit)
    page = Page(visit.page_number, PAGE_SIZE)
    rows, total = await in_thread(versions.list_versions, visit.rt, document, page)
    return visit.render(
        "versions.html",
        dataset=dataset,
        document=document,
        rows=rows,
        total=total,
        page=page.page,
        limit=page.limit,
        address=f"{_path(dataset, document)}/versions?",
    )


@pages.get(VERSIONS + "/{version}")
async def show_version(visit: Visit) -> Response:
    """Show what has become of a version's segments since, side by side, a page of them."""
    dataset, document = await in_thread(_find, visit)
    number, page = versions.read_number(visit.path("version")), Page(visit.page_number, PAGE_SIZE)
    row, _ = await in_thread(versions.get_version, visit.rt, document, number, Page(1, 1))
    found = await in_thread(versions.compare_versions, visit.rt, document, number, None, page)
    return visit.render(
        "version.html",
        dataset=dataset,
        document=document,
        version=row.version,
        upload=row.upload,
        found=found,
        total=found.added + found.removed + found.unchanged,
        page=page.page,
        limit=page.limit,
        address=f"{_path(dataset, document)}/versions/{number}?",
    )


@pages.post(VERSIONS + "/{version}/restore")
async def restore_version(visit: Visit) -> Response:
    """Queue the work that makes the version the current content, and go to the document."""
    dataset, document = await in_thread(_find, visit)
    number = versions.read_number(visit.path("version"))
    await in_thread(versions.restore_version, visit.rt, dataset, document.id, number)
    return visit.go(_path(dataset, document), "version.restoring", number=number)


def _find(visit: Visit) -> tuple[Dataset, Document]:
    dataset = get_dataset(visit.rt, visit.path("dataset_id")).dataset
    return dataset, get_document(visit.rt, dataset.id, visit.path("document_id")).document


def _path(dataset: Dataset, document: Document) -> str:
    return f"{documents_path(dataset.id)}/{document.id}"
