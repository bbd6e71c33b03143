"""Rules of documents: what a new one decides for its dataset, what it replaces, what deleting one takes with it."""

import random
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec

from zhiku.access.service import Actor
from zhiku.datasets import store as dataset_store
from zhiku.datasets.service import check_rerank_model, dataset_model, remembered_model, retrieval_model_json
from zhiku.datasets.store import Dataset, ProcessRuleRow
from zhiku.db.engine import Connection
from zhiku.documents import store
from zhiku.documents.rules import automatic_rule, dataset_default_rule, parse_process_rule, rule_to_wire
from zhiku.documents.schemas import DocumentSettings, ListDocuments
from zhiku.documents.source import Source, new_upload
from zhiku.documents.store import Document, DocumentRow, NewDocument, Progress, Upload
from zhiku.errors import ArchivedDocumentImmutable, DocumentIndexing, InvalidParam, NotFound, ProviderNotInitialize
from zhiku.http.paging import Page
from zhiku.indexes import outbox
from zhiku.jobs import queue
from zhiku.jobs.kinds import IngestDocument, PurgeBlobs, PurgeEmbeddings
from zhiku.runtime import Runtime

_IN_WORK = ("parsing", "cleaning", "splitting", "indexing")


@dataclass(frozen=True, slots=True)
class _Decision:
    """What a create request comes to for its dataset as it stands."""

    doc_form: str
    rule: ProcessRuleRow
    is_new_rule: bool
    dataset_values: dict[str, Any]


def create_document(
    rt: Runtime, actor: Actor, dataset: Dataset, source: Source, settings: DocumentSettings
) -> tuple[DocumentRow, str]:
    """Store the source, queue its indexing, and return the waiting document and its batch.

    An enabled document of the same name is replaced in place (contract D46, 4.8), unless `duplicate` is false.
    Raises InvalidParam, ProviderNotInitialize, NotFound, DocumentIndexing, ArchivedDocumentImmutable, StorageFull.
    """
    check_settings(rt, dataset, settings)
    with rt.db.read() as conn:
        _decide(rt, conn, dataset, settings, source)
        target = _find_target(rt, conn, dataset.id, source.name, settings)
    document_id = target.id if target else str(uuid4())
    upload = new_upload(source, dataset.id, document_id, actor.id, rt.clock.now())
    source.store(rt.blobs, upload.blob_key)
    with rt.db.begin() as tx:
        document = _write(rt, tx, actor, dataset.id, upload, settings, source)
        outcome = DocumentRow(document, upload), document.batch
    rt.wakeups.jobs()
    return outcome


def check_settings(rt: Runtime, dataset: Dataset, settings: DocumentSettings) -> None:
    """Raise what a create is refused for before its file is looked at: technique and models (contract 3.3-7)."""
    if dataset.provider == "external":
        raise InvalidParam("External datasets are not supported.")
    _decide_values(rt, dataset, settings)


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
        if document.indexing_status in _IN_WORK:
            raise DocumentIndexing("Cannot delete document during indexing.")
        queue.cancel_subject(tx, job_subject(document_id))
        postings, terms = store.sum_live_terms(tx, document)
        store.delete_document(tx, document.number)
        store.delete_uploads_of_document(tx, dataset_id, document_id)
        dataset_store.add_posting_counts(tx, dataset_id, -postings, -terms)
        dataset_store.clear_form_if_empty(tx, dataset_id)
        purge = PurgeBlobs(keys=[f"{dataset_id}/{document_id}/"])
        queue.enqueue(tx, rt.clock, purge, subject=f"purge:{document_id}")
        queue.enqueue(tx, rt.clock, PurgeEmbeddings(), subject="purge:embeddings")
        outbox.append(tx, rt.clock, dataset_id, outbox.DeleteDocument(document_number=document.number))
    rt.wakeups.outbox()
    rt.wakeups.jobs()


def job_subject(document_id: str) -> str:
    """Return the subject under which a document's work is queued, so that it never runs twice at once."""
    return f"document:{document_id}"


def _decide(rt: Runtime, conn: Connection, dataset: Dataset, settings: DocumentSettings, source: Source) -> _Decision:
    values = _decide_values(rt, dataset, settings)
    rule, is_new_rule = _choose_rule(rt, conn, dataset, settings, source)
    doc_form = settings.doc_form or dataset.doc_form or "text_model"
    if dataset.doc_form is not None and doc_form != dataset.doc_form:
        raise InvalidParam("doc_form is different from the dataset doc_form.", params="doc_form")
    if doc_form != "text_model" or rule.mode == "hierarchical":
        raise InvalidParam("Invalid doc_form.", params="doc_form")
    if dataset.doc_form is None:
        values.update(doc_form=doc_form, data_source_type="upload_file")
    return _Decision(doc_form, rule, is_new_rule, values)


def _decide_values(rt: Runtime, dataset: Dataset, settings: DocumentSettings) -> dict[str, Any]:
    """Return what the dataset takes from this document because it lacks it: technique, model, retrieval model."""
    technique = dataset.indexing_technique or settings.indexing_technique
    if technique is None:
        raise InvalidParam("indexing_technique is required.", params="indexing_technique")
    values: dict[str, Any] = {}
    if dataset.indexing_technique is None:
        values.update(indexing_technique=technique, **_first_model(rt, dataset, settings, technique))
    elif technique == "high_quality" and not rt.models.is_served(dataset_model(dataset)):
        raise ProviderNotInitialize
    if dataset.retrieval_model_json is None and settings.retrieval_model is not None:
        check_rerank_model(rt, settings.retrieval_model)
        values["retrieval_model_json"] = retrieval_model_json(settings.retrieval_model)
    return values


def _first_model(rt: Runtime, dataset: Dataset, settings: DocumentSettings, technique: str) -> dict[str, str | None]:
    """Return the embedding model that a first document fixes: the request's, else the remembered, else the default."""
    provider, model = settings.embedding_model_provider, settings.embedding_model
    if not provider and not model:
        provider, model = dataset.embedding_model_provider, dataset.embedding_model
    chosen = remembered_model(rt, technique, provider, model)
    if chosen is None:
        return {}
    return {"embedding_model": chosen.model, "embedding_model_provider": chosen.provider}


def _choose_rule(
    rt: Runtime, conn: Connection, dataset: Dataset, settings: DocumentSettings, source: Source
) -> tuple[ProcessRuleRow, bool]:
    """Return the rule to cut with and whether it is new: the one sent, else the dataset's newest, else automatic."""
    if settings.process_rule is not None:
        rule = parse_process_rule(settings.process_rule, max_tokens_limit=rt.settings.segment_max_tokens)
        return _rule_row(dataset.id, rule), True
    inherited = dataset_store.find_newest_rule(conn, dataset.id)
    if inherited is not None:
        return inherited, False
    if source.is_rule_required:
        raise InvalidParam("process_rule is required.", params="process_rule")
    return _rule_row(dataset.id, automatic_rule()), True


def _rule_row(dataset_id: str, rule: Any) -> ProcessRuleRow:
    rules_json = msgspec.json.encode(rule_to_wire(rule)).decode()
    return ProcessRuleRow(id=str(uuid4()), dataset_id=dataset_id, mode=rule.mode, rules_json=rules_json)


def _find_target(
    rt: Runtime, conn: Connection, dataset_id: str, name: str, settings: DocumentSettings
) -> Document | None:
    """Return the document that this create updates in place, or None for a new one."""
    if settings.original_document_id is not None:
        target = store.find_document(conn, dataset_id, settings.original_document_id)
        if target is None:
            raise NotFound("Document not found")
        _check_editable(target)
        return target
    if not settings.duplicate or not rt.settings.replace_same_name:
        return None
    return store.find_replaceable(conn, dataset_id, name)


def _check_editable(document: Document) -> None:
    if document.is_archived:
        raise ArchivedDocumentImmutable
    if document.paused_at is not None or not document.is_enabled:
        raise InvalidParam("Document is not available")
    if document.indexing_status not in ("completed", "error"):
        raise DocumentIndexing


def _write(
    rt: Runtime,
    tx: Connection,
    actor: Actor,
    dataset_id: str,
    upload: Upload,
    settings: DocumentSettings,
    source: Source,
) -> Document:
    """Write the document, its rule and its job; everything that was decided before is decided again under the lock."""
    position = dataset_store.next_position(tx, dataset_id)
    dataset = dataset_store.find_dataset(tx, dataset_id)
    if position is None or dataset is None:
        raise NotFound("Dataset not found.")
    decision = _decide(rt, tx, dataset, settings, source)
    target = _find_target(rt, tx, dataset_id, source.name, settings)
    now = rt.clock.now()
    if decision.dataset_values:
        dataset_store.set_first_document_values(tx, dataset_id, decision.dataset_values)
    if decision.is_new_rule:
        dataset_store.insert_rule(tx, decision.rule, now)
    store.insert_upload(tx, upload)
    batch = new_batch(now) if settings.original_document_id is None or target is None else target.batch
    if target is not None:
        queue.cancel_subject(tx, job_subject(target.id))
        document = store.restart_document(
            tx,
            target.number,
            {
                "name": source.name,
                "batch": batch,
                "upload_id": upload.id,
                "process_rule_id": decision.rule.id,
                "doc_form": decision.doc_form,
                "doc_language": settings.doc_language,
                "updated_at": now,
            },
        )
    else:
        new = NewDocument(
            id=upload.document_id,
            dataset_id=dataset_id,
            position=position,
            name=source.name,
            batch=batch,
            upload_id=upload.id,
            process_rule_id=decision.rule.id,
            doc_form=decision.doc_form,
            doc_language=settings.doc_language,
            created_by=actor.id,
            created_at=now,
        )
        document = store.insert_document(tx, new)
    job = IngestDocument(document_id=document.id, generation=document.generation)
    queue.enqueue(tx, rt.clock, job, subject=job_subject(document.id), dataset_id=dataset_id)
    return document


def new_batch(now: float) -> str:
    """Return a batch id: 14 digits of local time and 6 random ones (contract 4.7)."""
    return f"{time.strftime('%Y%m%d%H%M%S', time.localtime(now))}{random.randint(100_000, 999_999)}"
