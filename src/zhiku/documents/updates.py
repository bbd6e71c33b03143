"""Updates of documents: new content, another rule, or only another name (contract 4.8)."""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

from zhiku.access.service import Actor
from zhiku.datasets import store as dataset_store
from zhiku.datasets.store import Dataset
from zhiku.db.engine import Connection
from zhiku.documents import store
from zhiku.documents.decision import check_model, decide_update
from zhiku.documents.schemas import ContentSettings
from zhiku.documents.source import Source, new_upload, stored
from zhiku.documents.store import Document, DocumentRow, Upload
from zhiku.documents.work import check_editable, restart_work, with_metadata
from zhiku.errors import InvalidParam, NotFound
from zhiku.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Change:
    """What an update brings; None keeps what the document has."""

    source: Source | None
    name: str | None
    doc_language: str | None
    settings: ContentSettings

    @property
    def is_rename(self) -> bool:
        """Whether the content stays as it is cut (contract D48)."""
        return self.source is None and self.settings.process_rule is None


def check_update(rt: Runtime, dataset: Dataset, settings: ContentSettings, name: str | None, has_source: bool) -> None:
    """Raise what an update is refused for before its file is looked at: nothing to do, or no model to do it with."""
    if has_source or settings.process_rule is not None:
        check_model(rt, dataset)
    elif name is None:
        raise InvalidParam("Data source or Process rule is required")


def update_document(
    rt: Runtime, actor: Actor, dataset: Dataset, document_id: str, change: Change
) -> tuple[DocumentRow, str]:
    """Store what the change brings and queue the work on it; return the document and its batch, which stays.

    A rename is done at once and queues nothing. The old content goes on answering until the new one is indexed.
    Raises NotFound, InvalidParam, ProviderNotInitialize, DocumentIndexing, ArchivedDocumentImmutable, StorageFull.
    """
    check_update(rt, dataset, change.settings, change.name, change.source is not None)
    with rt.db.read() as conn:
        document = _find(conn, dataset.id, document_id)
        decide_update(rt, conn, dataset, document, change.settings)
        check_editable(document)
    upload = None
    if change.source is not None:
        made = new_upload(change.source, dataset.id, actor.id, rt.clock.now())
        upload = replace(made, document_id=document.id)
    storing = stored(rt.blobs, [(change.source, upload.blob_key)]) if change.source and upload else nullcontext()
    with storing, rt.db.begin() as tx:
        row = _write(rt, tx, dataset.id, document_id, change, upload)
    if not change.is_rename:
        rt.wakeups.jobs()
    return with_metadata(rt, row), row.document.batch


def _find(conn: Connection, dataset_id: str, document_id: str) -> Document:
    document = store.find_document(conn, dataset_id, document_id)
    if document is None:
        raise NotFound("Document not found.")
    return document


def _write(
    rt: Runtime, tx: Connection, dataset_id: str, document_id: str, change: Change, upload: Upload | None
) -> DocumentRow:
    """Write the change; what was decided before is decided again under the dataset's lock."""
    dataset = dataset_store.find_dataset(tx, dataset_id) if dataset_store.hold_dataset(tx, dataset_id) else None
    if dataset is None:
        raise NotFound("Dataset not found.")
    document = _find(tx, dataset_id, document_id)
    decision = decide_update(rt, tx, dataset, document, change.settings)
    check_editable(document)
    now = rt.clock.now()
    values: dict[str, Any] = {"updated_at": now}
    if change.name is not None:
        values["name"] = change.name
    if change.doc_language is not None:
        values["doc_language"] = change.doc_language
    if decision.dataset_values:
        dataset_store.set_first_document_values(tx, dataset_id, decision.dataset_values)
    if decision.new_rule is not None:
        dataset_store.insert_rule(tx, decision.new_rule, now)
        values["process_rule_id"] = decision.new_rule.id
    if upload is not None:
        store.insert_upload(tx, upload)
        values["upload_id"] = upload.id
    else:
        upload = store.find_upload(tx, document.upload_id)
    if upload is None:
        raise NotFound("Document not found.")
    if change.is_rename:
        return DocumentRow(store.change_document(tx, document.number, values), upload)
    return DocumentRow(restart_work(rt, tx, document, values), upload)
