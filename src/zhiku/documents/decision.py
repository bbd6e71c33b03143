"""What a create request comes to: the form and the rule of its document, and what its dataset takes from it."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec

from zhiku.datasets import store as dataset_store
from zhiku.datasets.service import check_rerank_model, dataset_model, remembered_model, retrieval_model_json
from zhiku.datasets.store import Dataset, ProcessRuleRow
from zhiku.db.engine import Connection
from zhiku.documents.rules import (
    ProcessRule,
    automatic_rule,
    parse_process_rule,
    rule_for_form,
    rule_from_json,
    rule_to_wire,
)
from zhiku.documents.schemas import ContentSettings, DocumentSettings
from zhiku.documents.source import Source
from zhiku.documents.store import Document
from zhiku.errors import InvalidParam, ProviderNotInitialize
from zhiku.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Decision:
    """What a create request comes to for its dataset as it stands."""

    doc_form: str
    rule: ProcessRuleRow
    is_new_rule: bool
    dataset_values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CutDecision:
    """How a text becomes segments: its form, and the rule, which is new unless the dataset has it stored."""

    doc_form: str
    rule: ProcessRuleRow
    is_new_rule: bool


@dataclass(frozen=True, slots=True)
class UpdateDecision:
    """What an update comes to; `new_rule` is None if the document keeps its own."""

    new_rule: ProcessRuleRow | None
    dataset_values: dict[str, Any]


def check_settings(rt: Runtime, dataset: Dataset, settings: DocumentSettings) -> None:
    """Raise what a create is refused for before its file is looked at: technique and models (contract 3.3-7)."""
    if dataset.provider == "external":
        raise InvalidParam("External datasets are not supported.")
    _decide_values(rt, dataset, settings)


def decide(rt: Runtime, conn: Connection, dataset: Dataset, settings: DocumentSettings, source: Source) -> Decision:
    """Return what the request comes to. Raises InvalidParam, ProviderNotInitialize."""
    values = _decide_values(rt, dataset, settings)
    cut = decide_cut(rt, conn, dataset, settings, is_rule_required=source.is_rule_required)
    if dataset.doc_form is None:
        values.update(doc_form=cut.doc_form, data_source_type="upload_file")
    return Decision(cut.doc_form, cut.rule, cut.is_new_rule, values)


def decide_cut(
    rt: Runtime, conn: Connection, dataset: Dataset, settings: ContentSettings, *, is_rule_required: bool = False
) -> CutDecision:
    """Return how a document of this dataset is cut. Raises InvalidParam."""
    rule, is_new_rule = _choose_rule(rt, conn, dataset, settings, is_rule_required=is_rule_required)
    implied = "hierarchical_model" if rule.mode == "hierarchical" else "text_model"
    doc_form = settings.doc_form or dataset.doc_form or implied
    _check_form(doc_form, dataset.doc_form)
    fitted = _fitted(rule, doc_form)
    return CutDecision(doc_form, fitted, is_new_rule or fitted is not rule)


def decide_update(
    rt: Runtime, conn: Connection, dataset: Dataset, document: Document, settings: ContentSettings
) -> UpdateDecision:
    """Return what an update comes to; without a rule the document keeps its own. Raises InvalidParam."""
    new_rule = None
    if settings.process_rule is not None:
        new_rule = _fitted(_sent_rule(rt, conn, dataset.id, settings.process_rule), document.doc_form)
    _check_form(settings.doc_form or document.doc_form, document.doc_form)
    return UpdateDecision(new_rule, _retrieval_values(rt, dataset, settings))


def check_model(rt: Runtime, dataset: Dataset) -> None:
    """Raise ProviderNotInitialize if the dataset needs an embedding model that is not served."""
    if dataset.indexing_technique == "high_quality" and not rt.models.is_served(dataset_model(dataset)):
        raise ProviderNotInitialize


def _check_form(doc_form: str, fixed: str | None) -> None:
    if fixed is not None and doc_form != fixed:
        raise InvalidParam("doc_form is different from the dataset doc_form.", params="doc_form")


def _fitted(row: ProcessRuleRow, doc_form: str) -> ProcessRuleRow:
    """Return the rule a document of this form is cut with: the row itself, or a new one with what it lacks (D62)."""
    rule = rule_from_json(row.mode, row.rules_json)
    fitted = rule_for_form(rule, doc_form)
    return row if fitted == rule else _rule_row(row.dataset_id, fitted)


def _decide_values(rt: Runtime, dataset: Dataset, settings: DocumentSettings) -> dict[str, Any]:
    """Return what the dataset takes from this document because it lacks it: technique, model, retrieval model."""
    technique = dataset.indexing_technique or settings.indexing_technique
    if technique is None:
        raise InvalidParam("indexing_technique is required.", params="indexing_technique")
    values: dict[str, Any] = {}
    if dataset.indexing_technique is None:
        values.update(indexing_technique=technique, **_first_model(rt, dataset, settings, technique))
    else:
        check_model(rt, dataset)
    return values | _retrieval_values(rt, dataset, settings)


def _retrieval_values(rt: Runtime, dataset: Dataset, settings: ContentSettings) -> dict[str, Any]:
    if dataset.retrieval_model_json is not None or settings.retrieval_model is None:
        return {}
    check_rerank_model(rt, settings.retrieval_model)
    return {"retrieval_model_json": retrieval_model_json(settings.retrieval_model)}


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
    rt: Runtime, conn: Connection, dataset: Dataset, settings: ContentSettings, *, is_rule_required: bool
) -> tuple[ProcessRuleRow, bool]:
    """Return the rule to cut with and whether it is new: the one sent, else the dataset's newest, else automatic."""
    if settings.process_rule is not None:
        return _sent_rule(rt, conn, dataset.id, settings.process_rule), True
    newest = dataset_store.find_newest_rule(conn, dataset.id)
    if newest is not None:
        return newest, False
    if is_rule_required:
        raise InvalidParam("process_rule is required.", params="process_rule")
    return _rule_row(dataset.id, automatic_rule()), True


def _sent_rule(rt: Runtime, conn: Connection, dataset_id: str, sent: dict[str, Any]) -> ProcessRuleRow:
    newest = dataset_store.find_newest_rule(conn, dataset_id)
    current = rule_from_json(newest.mode, newest.rules_json) if newest else None
    limit = rt.settings.segment_max_tokens
    return _rule_row(dataset_id, parse_process_rule(sent, max_tokens_limit=limit, current=current))


def _rule_row(dataset_id: str, rule: ProcessRule) -> ProcessRuleRow:
    rules_json = msgspec.json.encode(rule_to_wire(rule)).decode()
    return ProcessRuleRow(id=str(uuid4()), dataset_id=dataset_id, mode=rule.mode, rules_json=rules_json)
