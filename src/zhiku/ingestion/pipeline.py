"""What a worker does to a document: extract → clean → split → write segments → embed → hand to the index.

Checkpoints: all segments written, and each batch of embeddings. A document resumes behind the last one it reached.
"""

from zhiku.blobs.base import BlobMissing
from zhiku.datasets import store as dataset_store
from zhiku.datasets.store import Dataset
from zhiku.db.engine import Connection
from zhiku.documents import store as document_store
from zhiku.documents import work_store
from zhiku.documents.rules import ProcessRule, rule_from_json
from zhiku.documents.store import Document, Upload
from zhiku.errors import DocumentUnreadable
from zhiku.indexes import outbox
from zhiku.ingestion.extract.parts import Part
from zhiku.ingestion.extract.sandbox import Sandbox
from zhiku.ingestion.pictures import store_pictures
from zhiku.ingestion.prepare import Content, CutContent, Staged, cut_parts, find_written_pairs
from zhiku.ingestion.questions import write_pairs
from zhiku.ingestion.restore import RestoredContent
from zhiku.jobs.kinds import IngestDocument
from zhiku.jobs.worker import JobContext
from zhiku.runtime import Runtime
from zhiku.segments import child_store, hook_store, indexing, summary_store
from zhiku.segments import store as segment_store
from zhiku.segments.make import Making, Piece, make_summaries
from zhiku.segments.store import KeptSegment

# Segments written in one transaction: enough to be cheap, few enough to let other writers in between.
WRITE_BATCH = 500
SEGMENTS_WRITTEN = {"are_segments_written": True}


class Ingestion:
    """The handler of IngestDocument jobs; parses files in the given sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def run(self, rt: Runtime, context: JobContext, job: IngestDocument) -> None:
        """Bring the document's newest content to the outbox. Ends quietly if newer content took over or it is gone.

        Raises ModelCallFailed, StorageFull, LeaseLost, JobHandedBack.
        """
        with rt.db.read() as conn:
            document = document_store.find_document_by_id(conn, job.document_id)
            if document is None or document.generation != job.generation:
                return
            dataset = dataset_store.find_dataset(conn, document.dataset_id)
        if dataset is None:
            return
        if context.checkpoint_data is None:
            try:
                content = self._make_content(rt, context, document)
            except DocumentUnreadable as error:
                self.give_up(rt, context, job, str(error))
                return
            _write_segments(rt, context, dataset, document, content)
        if not context.is_finished:
            _embed_and_hand_over(rt, context, dataset, document)
        rt.wakeups.outbox()

    def give_up(self, rt: Runtime, context: JobContext, job: IngestDocument, message: str) -> None:
        """End the document in `error` with a message for people; content that answered before goes on answering."""
        with rt.db.begin() as tx:
            document = document_store.find_document_by_id(tx, job.document_id)
            if document is not None:
                dataset_store.hold_dataset(tx, document.dataset_id)
                work_store.mark_error(tx, document.number, job.generation, message, rt.clock.now())
            context.finish(tx)

    def _make_content(self, rt: Runtime, context: JobContext, document: Document) -> Content:
        """Return the segments of the document's file, or of the version it restores. Raises DocumentUnreadable."""
        if document.restores_version is not None:
            return RestoredContent(rt, document)
        pieces, rule = self._cut(rt, context, document)
        return CutContent(pieces, rule, _list_kept(rt, document))

    def _cut(self, rt: Runtime, context: JobContext, document: Document) -> tuple[list[Piece], ProcessRule]:
        """Return the pieces of the document's file and the rule they were cut with. Raises DocumentUnreadable."""
        started_at = rt.clock.now()
        with rt.db.read() as conn:
            upload = document_store.find_upload(conn, document.upload_id)
            row = dataset_store.find_rule(conn, document.process_rule_id)
        if upload is None or row is None:
            raise DocumentUnreadable("The document's file is gone. Upload it again.")
        if not upload.is_text:
            _show(rt, context, document, {"indexing_status": "parsing", "processing_started_at": started_at})
        parts = self._read(rt, context, upload)
        context.check()
        rule = rule_from_json(row.mode, row.rules_json)
        if document.doc_form != "qa_model":
            return cut_parts(parts, rule, document.doc_form), rule
        pairs = find_written_pairs(parts, rule)
        return pairs or write_pairs(rt, context, document, cut_parts(parts, rule, "text_model")), rule

    def _read(self, rt: Runtime, context: JobContext, upload: Upload) -> list[Part]:
        """Return a file's parts; only text that the server wrote itself is read outside the sandbox."""
        try:
            content = rt.blobs.get(upload.blob_key)
        except BlobMissing as error:
            raise DocumentUnreadable("The document's file is gone. Upload it again.") from error
        if upload.is_text:
            return [Part(content.decode())]
        extraction = self._sandbox.extract(content, upload.extension)
        return extraction.link_pictures(store_pictures(rt, context, upload, extraction.pictures))


def _write_segments(rt: Runtime, context: JobContext, dataset: Dataset, document: Document, content: Content) -> None:
    """Write the segments, staged beside the content that answers now; the last batch carries the checkpoint.

    A document without vectors to make is handed over, and its job ended, in the same transaction.
    """
    is_economy = dataset.indexing_technique == "economy"
    offsets = range(0, max(content.count, 1), WRITE_BATCH)
    for offset in offsets:
        context.check()
        now = rt.clock.now()
        making = Making(document, document.generation, is_economy, document.created_by, now)
        staged = content.stage(making, offset, WRITE_BATCH)
        with rt.db.begin() as tx:
            indexing.check_unswitched(tx, dataset)
            if offset == 0:
                _discard_staged(rt, tx, document)
            _insert(tx, staged)
            if offset != offsets[-1]:
                context.checkpoint(tx, None)
                continue
            work_store.mark_working(tx, document.number, document.generation, _split_values(document, content, now))
            if is_economy or not content.count:
                indexing.hand_over(rt, tx, dataset, document)
                context.finish(tx)
            else:
                context.checkpoint(tx, SEGMENTS_WRITTEN)


def _list_kept(rt: Runtime, document: Document) -> list[KeptSegment]:
    # A document that never answered has nothing to keep.
    if document.live_generation == 0:
        return []
    with rt.db.read() as conn:
        return segment_store.list_kept(conn, document.number, document.live_generation)


def _insert(tx: Connection, staged: list[Staged]) -> None:
    numbers = segment_store.insert_staged(tx, [each.segment for each in staged])
    children = [(number, child) for number, each in zip(numbers, staged, strict=True) for child in each.children]
    child_store.insert_children(tx, children)
    summaries = {number: each.summary for number, each in zip(numbers, staged, strict=True) if each.summary}
    summary_store.insert_summaries(tx, make_summaries(summaries))


def _split_values(document: Document, content: Content, now: float) -> dict[str, object]:
    values: dict[str, object] = {
        "indexing_status": "indexing",
        "processing_started_at": document.processing_started_at or now,
        "parsing_completed_at": now,
        "cleaning_completed_at": now,
        "splitting_completed_at": now,
    }
    if document.live_generation == 0:
        values["word_count"] = content.word_count
    return values


def _discard_staged(rt: Runtime, tx: Connection, document: Document) -> None:
    """Remove what an interrupted run or an overtaken generation left, from the index too where it got that far."""
    gone = hook_store.list_staged_numbers(tx, document.number, document.live_generation)
    if gone:
        segment_store.delete_superseded(tx, document.number, document.live_generation)
        outbox.append(tx, rt.clock, document.dataset_id, outbox.DeletePostings(numbers=gone))


def _embed_and_hand_over(rt: Runtime, context: JobContext, dataset: Dataset, document: Document) -> None:
    if context.checkpoint_data is not None:
        _show(rt, context, document, {"indexing_status": "indexing"})

    def guard(tx: Connection) -> None:
        context.check()
        context.checkpoint(tx, SEGMENTS_WRITTEN)

    indexing.embed_document(rt, dataset, document, guard)
    with rt.db.begin() as tx:
        indexing.hand_over(rt, tx, dataset, document)
        context.finish(tx)


def _show(rt: Runtime, context: JobContext, document: Document, values: dict[str, object]) -> None:
    with rt.db.begin() as tx:
        # A document whose work was paused or cancelled meanwhile is not shown in work again.
        context.checkpoint(tx, context.checkpoint_data)
        work_store.mark_working(tx, document.number, document.generation, values)
