"""A process rule as a form shows it and sends it."""

from collections.abc import Mapping
from typing import Any

from zhiku.datasets.store import Dataset
from zhiku.documents.rules import MODES, ProcessRule, automatic_rule, hierarchical_default_rule, rule_from_json
from zhiku.documents.service import find_dataset_rule
from zhiku.runtime import Runtime

CLEANING = ("remove_extra_spaces", "remove_urls_emails")
# The other way round of what the rule's parser does with separators.
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f", "\v": "\\v"})


def list_modes(dataset: Dataset) -> tuple[str, ...]:
    """Return the modes that make sense for the form that the dataset's documents have."""
    if dataset.doc_form in ("text_model", "qa_model"):
        return tuple(mode for mode in MODES if mode != "hierarchical")
    return MODES if dataset.doc_form is None else ("automatic", "hierarchical")


def read_rule(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rule that a form says, to be checked as any that comes in; automatic for a form without one."""
    mode = fields.get("mode") or "automatic"
    rules: dict[str, Any] = {
        "pre_processing_rules": [{"id": name, "enabled": fields.get(name) == "on"} for name in CLEANING],
        "segmentation": _read_segmentation(fields, ""),
    }
    if mode == "hierarchical":
        rules["parent_mode"] = fields.get("parent_mode") or "paragraph"
        rules["subchunk_segmentation"] = _read_segmentation(fields, "child_")
    return {"mode": mode, "rules": rules}


def shown_rule(rt: Runtime, dataset: Dataset) -> dict[str, Any]:
    """Return the values of the form's fields for the dataset's newest rule, or the automatic one."""
    newest = find_dataset_rule(rt, dataset.id)
    rule = automatic_rule() if newest is None else rule_from_json(newest.mode, newest.rules_json)
    return _shown(rule)


def _shown(rule: ProcessRule) -> dict[str, Any]:
    child = rule.subchunk or hierarchical_default_rule().subchunk
    values: dict[str, Any] = {
        "mode": rule.mode,
        "separator": rule.segmentation.separator.translate(_ESCAPES),
        "max_tokens": rule.segmentation.max_tokens,
        "chunk_overlap": rule.segmentation.chunk_overlap,
        "parent_mode": rule.parent_mode or "paragraph",
        **{name: rule.has(name) for name in CLEANING},
    }
    if child is not None:
        values |= {"child_separator": child.separator.translate(_ESCAPES), "child_max_tokens": child.max_tokens}
    return values


def _read_segmentation(fields: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    names = ("separator", "max_tokens", "chunk_overlap")
    return {name: value for name in names if (value := fields.get(prefix + name)) not in (None, "")}
