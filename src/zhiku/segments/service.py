"""Rules of segments."""

from zhiku.documents.store import Document
from zhiku.http.paging import Page
from zhiku.runtime import Runtime
from zhiku.segments import store
from zhiku.segments.schemas import ListSegments
from zhiku.segments.store import Segment


def list_segments(rt: Runtime, document: Document, query: ListSegments, page: Page) -> tuple[list[Segment], int]:
    """Return a page of the document's segments by position, and how many match; in any state of the document.

    What answers now is listed; a document that never answered shows what its work has made so far.
    """
    rt.hits.flush()
    generation = document.live_generation or document.generation
    conditions = store.matching(document.number, generation, query.keyword, query.status)
    with rt.db.read() as conn:
        total = store.count_segments(conn, conditions)
        return store.list_segments(conn, conditions, page.offset, page.limit), total
