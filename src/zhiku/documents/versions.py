"""Rules of versions: which contents are kept, how they compare, how one is brought back (contract 4.8, 13)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zhiku.datasets import store as dataset_store
from zhiku.datasets.store import Dataset
from zhiku.db.engine import Connection
from zhiku.documents import store, version_store
from zhiku.documents.decision import check_model
from zhiku.documents.store import Document, DocumentRow
from zhiku.documents.version_content import VersionSegment
from zhiku.documents.version_diff import Difference, Kind, compare_lists
from zhiku.documents.version_store import Version, VersionRow
from zhiku.documents.work import check_editable, restart_work, with_metadata
from zhiku.errors import NotFound
from zhiku.http.paging import Page
from zhiku.jobs import queue
from zhiku.jobs.kinds import PurgeVersions
from zhiku.runtime import Runtime

# Numbers beyond this no document reaches, and no database need be asked for.
_MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class ComparedSegment:
    """One line of a comparison; `before` and `after` are positions, None where the segment is not."""

    kind: Kind
    before: int | None
    after: int | None
    segment: VersionSegment


@dataclass(frozen=True, slots=True)
class Comparison:
    """A page of the differences of two contents, and how many of each kind there are on all pages."""

    rows: Sequence[ComparedSegment]
    added: int
    removed: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two contents that are compared; no version is the content that answers now."""

    version: Version | None
    positions: Sequence[int]
    digests: Sequence[bytes]


def keep_version(rt: Runtime, tx: Connection, document: Document) -> None:
    """Keep what answers now as a version in the caller's transaction, which lets other content take its place.

    Does nothing more than forget what was noted of it where no versions are kept.
    """
    kept = rt.settings.versions_kept
    if not kept:
        version_store.delete_version(tx, document.number, document.version)
    else:
        version_store.keep_content(tx, document, rt.clock.now())
    if version_store.count_versions(tx, document.number) > kept:
        queue.enqueue(tx, rt.clock, PurgeVersions(document_id=document.id), subject=f"purge:versions:{document.id}")


def purge_surplus(rt: Runtime) -> None:
    """Queue the removal of versions that are kept no longer because the setting has changed."""
    with rt.db.read() as conn:
        over = version_store.list_versions_over(conn, None, rt.settings.versions_kept, 1)
    if over:
        with rt.db.begin() as tx:
            queue.enqueue(tx, rt.clock, PurgeVersions(document_id=None), subject="purge:versions")


def read_number(text: str) -> int:
    """Return the number of a version as it stands in a path or query. Raises NotFound for what can be none."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise NotFound("Version not found.")
    return int(text)


def list_versions(rt: Runtime, document: Document, page: Page) -> tuple[list[VersionRow], int]:
    """Return a page of a document's versions, newest first, and how many there are."""
    with rt.db.read() as conn:
        total = version_store.count_versions(conn, document.number)
        return version_store.list_versions(conn, document.number, page.offset, page.limit), total


def get_version(rt: Runtime, document: Document, number: int, page: Page) -> tuple[VersionRow, list[VersionSegment]]:
    """Return a version and a page of its segments by position. Raises NotFound."""
    with rt.db.read() as conn:
        found = _find(conn, document, number)
        return found, version_store.list_segments(conn, found.version, page.offset, page.limit)


def compare_versions(rt: Runtime, document: Document, number: int, other: int | None, page: Page) -> Comparison:
    """Return how the content of a version becomes that of another one, or without one what answers now.

    Segments are compared by content and answer. Raises NotFound.
    """
    with rt.db.read() as conn:
        before = _read_side(conn, document, number)
        after = _read_side(conn, document, other)
        differences = compare_lists(before.digests, after.digests)
        shown = differences[page.offset : page.offset + page.limit]
        rows = _read_rows(conn, document, before, after, shown)
    counts = {kind: sum(each.kind == kind for each in differences) for kind in ("added", "removed", "unchanged")}
    return Comparison(rows, **counts)


def restore_version(rt: Runtime, dataset: Dataset, document_id: str, number: int) -> tuple[DocumentRow, str]:
    """Queue the work that makes a version's content the current one; return the waiting document and its batch.

    What answers now does so until then, and becomes a version itself. Name, file, rule and language are those of the
    version at once, as with an update. Raises NotFound, ProviderNotInitialize, ArchivedDocumentImmutable, InvalidParam,
    DocumentIndexing.
    """
    with rt.db.begin() as tx:
        if not dataset_store.hold_dataset(tx, dataset.id):
            raise NotFound("Dataset not found.")
        document = store.find_document(tx, dataset.id, document_id)
        if document is None:
            raise NotFound("Document not found.")
        found = _find(tx, document, number)
        check_model(rt, dataset)
        check_editable(document)
        version = found.version
        values: dict[str, object] = {
            "name": version.name,
            "upload_id": version.upload_id,
            "process_rule_id": version.process_rule_id,
            "doc_language": version.doc_language,
            "restores_version": number,
            "updated_at": rt.clock.now(),
        }
        row = DocumentRow(restart_work(rt, tx, document, values), found.upload)
    rt.wakeups.jobs()
    return with_metadata(rt, row), row.document.batch


def _find(conn: Connection, document: Document, number: int) -> VersionRow:
    found = version_store.find_version(conn, document.number, number)
    if found is None:
        raise NotFound("Version not found.")
    return found


def _read_side(conn: Connection, document: Document, number: int | None) -> _Side:
    if number is None:
        return _Side(None, *version_store.list_live_digests(conn, document))
    version = _find(conn, document, number).version
    return _Side(version, (), version_store.list_digests(conn, version))


def _read_rows(
    conn: Connection, document: Document, before: _Side, after: _Side, shown: Sequence[Difference]
) -> list[ComparedSegment]:
    old = _read_segments(conn, document, before, [each.before for each in shown])
    new = _read_segments(conn, document, after, [each.after for each in shown])
    rows: list[ComparedSegment] = []
    for each in shown:
        was = None if each.before is None else old[each.before]
        became = None if each.after is None else new[each.after]
        segment = became or was
        if segment is not None:
            positions = (was.position if was else None, became.position if became else None)
            rows.append(ComparedSegment(each.kind, *positions, segment))
    return rows


def _read_segments(
    conn: Connection, document: Document, side: _Side, places: Iterable[int | None]
) -> dict[int, VersionSegment]:
    """Return the segments at places, counted from 0, of one side of a comparison."""
    wanted = [place for place in places if place is not None]
    if not wanted:
        return {}
    if side.version is not None:
        found = version_store.list_segments(conn, side.version, wanted[0], wanted[-1] - wanted[0] + 1)
        return dict(enumerate(found, wanted[0]))
    place_of = {side.positions[place]: place for place in wanted}
    found = version_store.list_live_segments(conn, document, list(place_of))
    return {place_of[segment.position]: segment for segment in found}
