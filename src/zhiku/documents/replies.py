"""What document routes give back (contract 3.1, 3.3)."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict, cast, get_args

import msgspec

from zhiku.datasets.store import ProcessRuleRow
from zhiku.documents.schemas import DocumentForm, display_status
from zhiku.documents.store import Document, DocumentRow, Progress, Upload
from zhiku.http.reply import Count, Id, PageBody, Seconds, one_of

IndexingStatus = Annotated[
    str, one_of("waiting", "parsing", "cleaning", "splitting", "indexing", "paused", "error", "completed")
]
DisplayStatus = Annotated[str, one_of("queuing", "indexing", "paused", "error", "available", "disabled", "archived")]
FormName = Annotated[str, one_of(*get_args(DocumentForm))]
RuleMode = Annotated[str, one_of("automatic", "custom", "hierarchical")]
FieldType = Annotated[str, one_of("string", "number", "time")]


class UploadFileBody(TypedDict):
    """A stored file."""

    id: Annotated[Id, "Id of the file."]
    name: Annotated[str, "Its name, as it came."]
    size: Annotated[Count, "Bytes."]
    extension: Annotated[str, "What its name ends with, in lower case, without the dot."]
    mime_type: Annotated[str, "Its media type."]
    created_by: Annotated[Id, "Who uploaded it."]
    created_at: Annotated[Seconds, "When it was uploaded."]


class UploadLinkBody(UploadFileBody):
    """A stored file with signed links, which are valid for five minutes."""

    url: Annotated[str, "Shows the file.", ("format", "uri")]
    download_url: Annotated[str, "Saves the file.", ("format", "uri")]


class LinkBody(TypedDict):
    """A signed link, valid for five minutes."""

    url: Annotated[str, "Saves the file; needs no key.", ("format", "uri")]


class FileRefBody(TypedDict):
    """Which file a document was made from."""

    upload_file_id: Annotated[Id, "Id of the file."]


class FileDetailBody(TypedDict):
    """The file a document was made from."""

    upload_file: Annotated[UploadFileBody, "The file; a text is stored as one too."]


class MetadataValueBody(TypedDict):
    """A document's value in a metadata field."""

    id: Annotated[str, "Id of the field; `built-in` for the fields that every document has."]
    name: Annotated[str, "Name of the field."]
    type: Annotated[FieldType, "What the value is read as by filters."]
    value: Annotated[str | int | float | None, "The value, with the type it was written with."]


class _SharedBody(TypedDict):
    id: Annotated[Id, "Id of the document."]
    position: Annotated[int, "Its place among the dataset's documents, from 1.", ("minimum", 1)]
    data_source_type: Annotated[str, "Where the content came from; `upload_file` for files and texts."]
    dataset_process_rule_id: Annotated[Id, "Id of the rule it was cut with."]
    name: Annotated[str, "Shown name."]
    created_from: Annotated[str, "What made it.", one_of("api", "rag-pipeline")]
    created_by: Annotated[Id, "Who made it."]
    created_at: Annotated[Seconds, "When it was made."]
    tokens: Annotated[Count, "Tokens of its text; 0 until it is cut."]
    word_count: Annotated[Count, "Characters of its text; 0 until it is cut."]
    indexing_status: Annotated[IndexingStatus, "How far its indexing is."]
    error: Annotated[str | None, "Why its indexing failed, and what to do."]
    enabled: Annotated[bool, "Whether it may answer."]
    disabled_at: Annotated[Seconds | None, "When it was disabled."]
    disabled_by: Annotated[Id | None, "Who disabled it."]
    archived: Annotated[bool, "Whether it is archived: it does not answer and cannot be changed."]
    display_status: Annotated[DisplayStatus, "One word for all of its switches and its indexing."]
    hit_count: Annotated[Count, "How often its segments answered."]
    doc_form: Annotated[FormName, "How its text becomes segments."]
    warning: Annotated[str | None, "What went other than it was wanted though it answers, and what to do."]
    summary_index_status: Annotated[Literal["SUMMARIZING"] | None, "Whether its segments wait for their summaries."]
    need_summary: Annotated[bool, "Whether its segments get summaries."]


class DocumentBody(_SharedBody):
    """A document, as lists and changes show it."""

    data_source_info: Annotated[FileRefBody, "What it was made from."]
    data_source_detail_dict: Annotated[FileDetailBody, "What it was made from, in full."]
    doc_metadata: Annotated[list[MetadataValueBody], "Its metadata: own fields, then the built-in ones if enabled."]


class DocumentPageBody(PageBody):
    """A page of documents."""

    data: Annotated[list[DocumentBody], "The documents, newest first."]


class AcceptedDocumentBody(TypedDict):
    """A document whose content was taken; it is indexed in the background."""

    document: Annotated[DocumentBody, "The document."]
    batch: Annotated[str, "What to ask the indexing status by."]


class PreRuleBody(TypedDict):
    """A cleaning rule."""

    id: Annotated[str, "`remove_extra_spaces`, `remove_urls_emails` or what was sent, which does nothing."]
    enabled: Annotated[bool, "Whether it is applied."]


class SegmentationBody(TypedDict):
    """How a text is cut."""

    separator: Annotated[str, "Where to cut first."]
    delimiter: Annotated[str, "The same, as another name for it."]
    max_tokens: Annotated[int, "The most characters of a piece, and its most tokens.", ("minimum", 1)]
    chunk_overlap: Annotated[Count, "How many characters a piece repeats of the one before."]


class RulesBody(TypedDict):
    """How a text is cleaned and cut."""

    pre_processing_rules: Annotated[list[PreRuleBody], "The cleaning rules."]
    segmentation: Annotated[SegmentationBody, "How segments are cut."]
    parent_mode: NotRequired[Annotated[Literal["paragraph", "full-doc"], "What a parent is, in a hierarchical rule."]]
    subchunk_segmentation: NotRequired[Annotated[SegmentationBody, "How child chunks are cut."]]


class DatasetRuleBody(TypedDict):
    """The rule that the dataset's next document is cut with."""

    id: Annotated[Id | None, "Id of the rule; null for the default of a dataset without any."]
    mode: Annotated[RuleMode, "Who chose the rules."]
    rules: Annotated[RulesBody, "The rules."]


class DocumentRuleBody(TypedDict):
    """The rule that a document was cut with."""

    id: Annotated[Id, "Id of the rule."]
    dataset_id: Annotated[Id, "Id of the dataset."]
    mode: Annotated[RuleMode, "Who chose the rules."]
    rules: Annotated[RulesBody, "The rules."]


class _MetadataBody(TypedDict):
    doc_type: Annotated[str | None, "Always null."]
    doc_metadata: Annotated[list[MetadataValueBody], "Its metadata: own fields, then the built-in ones if enabled."]


class DocumentMetadataBody(_MetadataBody):
    """A document's metadata alone (`metadata=only`)."""

    id: Annotated[Id, "Id of the document."]


class DocumentDetailBody(_SharedBody):
    """A document in full."""

    data_source_info: Annotated[FileDetailBody, "What it was made from."]
    dataset_process_rule: Annotated[DatasetRuleBody, "The dataset's newest rule."]
    document_process_rule: Annotated[DocumentRuleBody, "The rule it was cut with."]
    completed_at: Annotated[Seconds | None, "When it was indexed."]
    updated_at: Annotated[Seconds, "When it was last changed."]
    indexing_latency: Annotated[float | None, "How many seconds its indexing took.", ("minimum", 0)]
    segment_count: Annotated[Count, "Its segments."]
    average_segment_length: Annotated[Count, "Characters of a segment in the mean, rounded down."]
    doc_language: Annotated[str, "Language of its text, as it was given."]
    doc_type: NotRequired[Annotated[str | None, "Always null; absent with `metadata=without`."]]
    doc_metadata: NotRequired[Annotated[list[MetadataValueBody], "Its metadata; absent with `metadata=without`."]]


class ProgressBody(TypedDict):
    """How far the indexing of a document is."""

    id: Annotated[Id, "Id of the document."]
    indexing_status: Annotated[IndexingStatus, "How far its indexing is."]
    processing_started_at: Annotated[Seconds | None, "When a worker took it."]
    parsing_completed_at: Annotated[Seconds | None, "When its text was known."]
    cleaning_completed_at: Annotated[Seconds | None, "When its text was cleaned."]
    splitting_completed_at: Annotated[Seconds | None, "When it was cut."]
    completed_at: Annotated[Seconds | None, "When it was indexed."]
    paused_at: Annotated[Seconds | None, "When it was paused."]
    error: Annotated[str | None, "Why its indexing failed, and what to do."]
    stopped_at: Annotated[Seconds | None, "When its indexing was given up."]
    completed_segments: Annotated[Count, "Segments that are indexed."]
    total_segments: Annotated[Count, "Segments in all; 0 until it is cut."]


class ProgressListBody(TypedDict):
    """How far the documents of a batch are."""

    data: Annotated[list[ProgressBody], "One entry per document that is still there."]


def document_body(row: DocumentRow) -> DocumentBody:
    """Return the Document object of lists and of create replies."""
    document = row.document
    return {
        **_shared(document),
        "data_source_info": {"upload_file_id": row.upload.id},
        "data_source_detail_dict": {"upload_file": upload_body(row.upload)},
        "doc_metadata": metadata_body(row),
    }


def document_detail_body(
    row: DocumentRow, dataset_rule: dict[str, Any], document_rule: ProcessRuleRow, segment_count: int, part: str
) -> DocumentDetailBody | DocumentMetadataBody:
    """Return the document's detail; `part` is all, only or without, as asked by the `metadata` parameter."""
    document = row.document
    metadata: _MetadataBody = {"doc_type": None, "doc_metadata": metadata_body(row)}
    if part == "only":
        return {"id": document.id, **metadata}
    latency = None
    if document.completed_at is not None and document.processing_started_at is not None:
        latency = round(document.completed_at - document.processing_started_at, 3)
    body: DocumentDetailBody = {
        **_shared(document),
        "data_source_info": {"upload_file": upload_body(row.upload)},
        "dataset_process_rule": cast(DatasetRuleBody, dataset_rule),
        "document_process_rule": rule_body(document_rule),
        "completed_at": _seconds(document.completed_at),
        "updated_at": int(document.updated_at),
        "indexing_latency": latency,
        "segment_count": segment_count,
        "average_segment_length": document.word_count // segment_count if segment_count else 0,
        "doc_language": document.doc_language,
    }
    return body if part == "without" else {**body, **metadata}


def metadata_body(row: DocumentRow) -> list[MetadataValueBody]:
    """Return a document's metadata as lists and details show it."""
    return [{"id": one.id, "name": one.name, "type": one.type, "value": one.value} for one in row.metadata]


def rule_body(rule: ProcessRuleRow) -> DocumentRuleBody:
    """Return the stored process rule that a document was cut with."""
    return {
        "id": rule.id,
        "dataset_id": rule.dataset_id,
        "mode": rule.mode,
        "rules": msgspec.json.decode(rule.rules_json),
    }


def upload_body(upload: Upload) -> UploadFileBody:
    """Return the UploadFile object."""
    return {
        "id": upload.id,
        "name": upload.name,
        "size": upload.size_bytes,
        "extension": upload.extension,
        "mime_type": upload.mime_type,
        "created_by": upload.created_by,
        "created_at": int(upload.created_at),
    }


def upload_link_body(upload: Upload, link: str, download_link: str) -> UploadLinkBody:
    """Return a document's file with signed links to it."""
    return {**upload_body(upload), "url": link, "download_url": download_link}


def progress_body(progress: Progress) -> ProgressBody:
    """Return one entry of a batch's indexing status."""
    document = progress.document
    is_paused = document.paused_at is not None and document.indexing_status not in ("completed", "error")
    return {
        "id": document.id,
        "indexing_status": "paused" if is_paused else document.indexing_status,
        "processing_started_at": _seconds(document.processing_started_at),
        "parsing_completed_at": _seconds(document.parsing_completed_at),
        "cleaning_completed_at": _seconds(document.cleaning_completed_at),
        "splitting_completed_at": _seconds(document.splitting_completed_at),
        "completed_at": _seconds(document.completed_at),
        "paused_at": _seconds(document.paused_at),
        "error": document.error,
        "stopped_at": _seconds(document.stopped_at),
        "completed_segments": progress.completed_segments,
        "total_segments": progress.total_segments,
    }


def _shared(document: Document) -> _SharedBody:
    """Return what a document shows in lists and in its detail alike."""
    return {
        "id": document.id,
        "position": document.position,
        "data_source_type": document.data_source_type,
        "dataset_process_rule_id": document.process_rule_id,
        "name": document.name,
        "created_from": document.created_from,
        "created_by": document.created_by,
        "created_at": int(document.created_at),
        "tokens": document.tokens,
        "word_count": document.word_count,
        "indexing_status": document.indexing_status,
        "error": document.error,
        "enabled": document.is_enabled,
        "disabled_at": _seconds(document.disabled_at),
        "disabled_by": document.disabled_by,
        "archived": document.is_archived,
        "display_status": display_status(document),
        "hit_count": document.hit_count,
        "doc_form": document.doc_form,
        "warning": document.warning,
        "summary_index_status": "SUMMARIZING" if document.is_summarizing else None,
        "need_summary": document.is_summary_needed,
    }


def _seconds(moment: float | None) -> int | None:
    return None if moment is None else int(moment)
