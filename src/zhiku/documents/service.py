"""Rules of documents: what a new one decides for its dataset, what it replaces, what deleting one takes with it."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import msgspec

from zhiku.access.service import Actor
from zhiku.datasets import store as dataset_store
from zhiku.datasets.service import summary_setting
from zhiku.datasets.store import Dataset, ProcessRuleRow
from zhiku.db.engine import Connection
from zhiku.documents import store, work_store
from zhiku.documents.decision import Decision, check_settings, decide
from zhiku.documents.rules import dataset_default_rule, rule_to_wire
from zhiku.documents.schemas import DocumentSettings, ListDocuments
from zhiku.documents.source import Source, new_upload, stored
from zhiku.documents.store import Document, DocumentRow, NewDocument, Progress, Upload
from zhiku.documents.updates import Change, update_document
from zhiku.documents.work import IN_WORK, job_subject, queue_work, restart_work
from zhiku.errors import ArchivedDocumentImmutable, DocumentIndexing, NotFound
from zhiku.http.paging import Page
from zhiku.indexes import outbox
from zhiku.jobs import queue
from zhiku.jobs.kinds import PurgeBlobs, PurgeEmbeddings
from zhiku.runtime import Runtime


@dataclass(frozen=True, slots=True)
class _Order:
    """What one create brings to the transaction; the upload is stored already."""

    actor: Actor
    upload: Upload
    settings: DocumentSettings
    source: Source
    batch: str


def create_document(
    rt: Runtime, actor: Actor, dataset: Dataset, source: Source, settings: DocumentSettings
) -> tuple[DocumentRow, str]:
    """Store the source, queue its indexing, and return the waiting document and its batch.

    An enabled document of the same name is replaced in place (contract D46, 4.8), unless `duplicate` is false.
    Raises InvalidParam, NotFound, DocumentIndexing, ArchivedDocumentImmutable, StorageFull.
    """
    check_settings(rt, dataset, settings)
    if settings.original_document_id is not None:
        with rt.db.read() as conn:
            if store.find_document(conn, dataset.id, settings.original_document_id) is None:
                raise NotFound("Document not found")
        language = settings.doc_language if "doc_language" in settings.model_fields_set else None
        change = Change(source=source, name=source.name, doc_language=language, settings=settings)
        return update_document(rt, actor, dataset, settings.original_document_id, change)
    rows, batch = create_documents(rt, actor, dataset, [source], settings)
    return rows[0], batch


def create_documents(
    rt: Runtime, actor: Actor, dataset: Dataset, sources: Sequence[Source], settings: DocumentSettings
) -> tuple[list[DocumentRow], str]:
    """Store the sources and queue their indexing, all or none; return the waiting documents and their one batch.

    There is at least one source. Replaces and raises as `create_document`.
    """
    check_settings(rt, dataset, settings)
    with rt.db.read() as conn:
        decide(rt, conn, dataset, settings, sources[0])
    now = rt.clock.now()
    batch = new_batch(now)
    uploads = [new_upload(source, dataset.id, actor.id, now) for source in sources]
    files = [(source, upload.blob_key) for source, upload in zip(sources, uploads, strict=True)]
    with stored(rt.blobs, files), rt.db.begin() as tx:
        rows = [
            _write(rt, tx, dataset.id, _Order(actor, upload, settings, source, batch))
            for source, upload in zip(sources, uploads, strict=True)
        ]
    rt.wakeups.jobs()
    with rt.db.read() as conn:
        return store.with_metadata(conn, rows), batch


def get_document(rt: Runtime, dataset_id: str, document_id: str) -> DocumentRow:
    """Return a document with its file. Raises NotFound."""
    rt.hits.flush()
    with rt.db.read() as conn:
        found = store.find_document_row(conn, dataset_id, document_id)
    if found is None:
        raise NotFound("Document not found.")
    return found


def get_rules(rt: Runtime, document: Document) -> tuple[dict[str, Any], ProcessRuleRow, int]:
    """Return the dataset's current rule as shown, the rule the document was cut with, and its segment count."""
    with rt.db.read() as conn:
        newest = dataset_store.find_newest_rule(conn, document.dataset_id)
        own = dataset_store.find_rule(conn, document.process_rule_id)
        segment_count = store.count_segments(conn, document)
    if own is None:
        raise NotFound("Document not found.")
    if newest is None:
        default = dataset_default_rule()
        shown = {"id": None, "mode": default.mode, "rules": rule_to_wire(default)}
    else:
        shown = {"id": newest.id, "mode": newest.mode, "rules": msgspec.json.decode(newest.rules_json)}
    return shown, own, segment_count


def find_dataset_rule(rt: Runtime, dataset_id: str) -> ProcessRuleRow | None:
    """Return the rule that the dataset's next document is cut with, or None if it never had one."""
    with rt.db.read() as conn:
        return dataset_store.find_newest_rule(conn, dataset_id)


def list_documents(rt: Runtime, dataset_id: str, query: ListDocuments, page: Page) -> tuple[list[DocumentRow], int]:
    """Return a page of documents, newest first, and how many match."""
    rt.hits.flush()
    conditions = store.matching(dataset_id, query.keyword, query.status)
    with rt.db.read() as conn:
        total = store.count_documents(conn, conditions)
        return store.list_documents(conn, conditions, page.offset, page.limit), total


def get_progress(rt: Runtime, dataset_id: str, batch: str) -> list[Progress]:
    """Return how far each document of a batch is. Raises NotFound if the batch has none."""
    with rt.db.read() as conn:
        found = store.list_progress(conn, dataset_id, batch)
    if not found:
        raise NotFound("Documents not found.")
    return found


def delete_document(rt: Runtime, dataset_id: str, document_id: str) -> None:
    """Delete a document with its segments, file and postings.

    Raises NotFound, ArchivedDocumentImmutable, or DocumentIndexing while its work is running.
    """
    with rt.db.begin() as tx:
        dataset_store.hold_dataset(tx, dataset_id)
        document = store.find_document(tx, dataset_id, document_id)
        if document is None:
            raise NotFound("Document Not Exists.")
        if document.is_archived:
            raise ArchivedDocumentImmutable
        if document.indexing_status in IN_WORK and document.paused_at is None:
            raise DocumentIndexing("Cannot delete document during indexing.")
        queue.cancel_subject(tx, job_subject(document_id))
        postings, terms = work_store.sum_live_terms(tx, document.number, document.live_generation)
        store.delete_document(tx, document.number)
        blob_keys = store.delete_uploads_of_document(tx, document)
        dataset_store.add_posting_counts(tx, dataset_id, -postings, -terms)
        dataset_store.clear_form_if_empty(tx, dataset_id)
        queue.enqueue(tx, rt.clock, PurgeBlobs(keys=blob_keys), subject=f"purge:{document_id}")
        queue.enqueue(tx, rt.clock, PurgeEmbeddings(), subject="purge:embeddings")
        outbox.append(tx, rt.clock, dataset_id, outbox.DeleteDocument(document_number=document.number))
    rt.wakeups.outbox()
    rt.wakeups.jobs()


def _find_target(
    rt: Runtime, conn: Connection, dataset_id: str, name: str, settings: DocumentSettings
) -> Document | None:
    """Return the document that this create replaces in place, or None for a new one (contract D46)."""
    if not settings.duplicate or not rt.settings.replace_same_name:
        return None
    return store.find_replaceable(conn, dataset_id, name)


def _write(rt: Runtime, tx: Connection, dataset_id: str, order: _Order) -> DocumentRow:
    """Write document, rule, file and job; what was decided before is decided again under the dataset's lock."""
    position = dataset_store.next_position(tx, dataset_id)
    dataset = dataset_store.find_dataset(tx, dataset_id)
    if position is None or dataset is None:
        raise NotFound("Dataset not found.")
    decision = decide(rt, tx, dataset, order.settings, order.source)
    target = _find_target(rt, tx, dataset_id, order.source.name, order.settings)
    now = rt.clock.now()
    if decision.dataset_values:
        dataset_store.set_first_document_values(tx, dataset_id, decision.dataset_values)
    if decision.is_new_rule:
        dataset_store.insert_rule(tx, decision.rule, now)
    content: dict[str, Any] = {
        "name": order.source.name,
        "batch": order.batch,
        "upload_id": order.upload.id,
        "process_rule_id": decision.rule.id,
        "doc_form": decision.doc_form,
        "doc_language": order.settings.doc_language,
    }
    document_id = target.id if target else str(uuid4())
    upload = replace(order.upload, document_id=document_id)
    store.insert_upload(tx, upload)
    if target is None:
        new = NewDocument(
            id=document_id,
            dataset_id=dataset_id,
            position=position,
            is_summary_needed=_needs_summaries(dataset, order.settings, decision),
            created_by=order.actor.id,
            created_at=now,
            **content,
        )
        document = store.insert_document(tx, new)
        queue_work(rt, tx, document)
    else:
        document = restart_work(rt, tx, target, content | {"updated_at": now})
    return DocumentRow(document, upload)


def _needs_summaries(dataset: Dataset, settings: DocumentSettings, decision: Decision) -> bool:
    """Tell whether a new document's segments get summaries (contract 4.10)."""
    technique = dataset.indexing_technique or settings.indexing_technique
    is_summed_up = technique == "high_quality" and decision.doc_form != "qa_model"
    return is_summed_up and summary_setting(dataset) is not None


def new_batch(now: float) -> str:
    """Return a batch id: 14 digits of local time and 6 random ones (contract 4.7)."""
    return f"{time.strftime('%Y%m%d%H%M%S', time.localtime(now))}{random.randint(100_000, 999_999)}"
