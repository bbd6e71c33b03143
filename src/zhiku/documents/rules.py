"""Process rules: how a document is cleaned and cut, checked when they are sent."""

import json
import re
from dataclasses import dataclass
from typing import Any, cast

from zhiku.errors import InvalidParam

MODES = ("automatic", "custom", "hierarchical")
PARENT_MODES = ("paragraph", "full-doc")

_SEPARATOR = "\n"
_MAX_TOKENS = 1000
_CHILD_SEPARATOR = "***"
_CHILD_MAX_TOKENS = 500

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "\\": "\\"}
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|([nrtfv\\]))")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class PreRule:
    """One cleaning rule and whether it is on; ids nobody knows are kept and do nothing."""

    id: str
    is_enabled: bool


@dataclass(frozen=True, slots=True)
class Segmentation:
    """How a text is cut. `separator` is literal text; `max_tokens` bounds code points and tokens alike;
    `chunk_overlap` counts code points and is at most `max_tokens`.
    """

    separator: str
    max_tokens: int
    chunk_overlap: int


@dataclass(frozen=True, slots=True)
class ProcessRule:
    """A whole rule. `parent_mode` and `subchunk` are None where the rule says nothing of children."""

    mode: str
    pre_processing: tuple[PreRule, ...]
    segmentation: Segmentation
    parent_mode: str | None = None
    subchunk: Segmentation | None = None

    def has(self, pre_rule_id: str) -> bool:
        """Whether a cleaning rule is on."""
        return any(rule.id == pre_rule_id and rule.is_enabled for rule in self.pre_processing)

    @property
    def is_full_doc(self) -> bool:
        """Whether the whole document is one parent."""
        return self.mode == "hierarchical" and self.parent_mode == "full-doc"


_DEFAULT_PRE_RULES = (PreRule("remove_extra_spaces", True), PreRule("remove_urls_emails", False))


def automatic_rule() -> ProcessRule:
    """Return the rule of mode `automatic`, whatever `rules` came with it."""
    return ProcessRule("automatic", _DEFAULT_PRE_RULES, Segmentation(_SEPARATOR, 500, 50))


def dataset_default_rule() -> ProcessRule:
    """Return the rule that a dataset without any shows."""
    return ProcessRule("custom", _DEFAULT_PRE_RULES, Segmentation(_SEPARATOR, 1024, 50))


def hierarchical_default_rule() -> ProcessRule:
    """Return the rule of a hierarchical document that came with `automatic` or with no rule."""
    return ProcessRule(
        "hierarchical",
        _DEFAULT_PRE_RULES,
        Segmentation("\n\n", 1024, 0),
        "paragraph",
        Segmentation("\n", 512, 0),
    )


def parse_process_rule(raw: object, *, max_tokens_limit: int, current: ProcessRule | None = None) -> ProcessRule:
    """Return the rule a client sent, separators unescaped and missing parts filled in.

    `current` is the dataset's newest rule, whose parts stand in when `rules` are not sent at all.
    Raises InvalidParam with the contract's message.
    """
    if not isinstance(raw, dict):
        raise _invalid("process_rule: must be an object")
    sent = cast("dict[str, Any]", raw)
    mode = sent.get("mode")
    if mode is None or mode == "":
        raise _invalid("Process rule mode is required")
    if mode not in MODES:
        raise _invalid("Process rule mode is invalid")
    if mode == "automatic":
        return automatic_rule()
    rules = sent.get("rules")
    if rules is None and current is None:
        raise _invalid("Process rule rules is required")
    if rules is None:
        rules = rule_to_wire(cast("ProcessRule", current))
    if not isinstance(rules, dict):
        raise _invalid("Process rule rules is invalid")
    return _parse_rules(mode, cast("dict[str, Any]", rules), max_tokens_limit)


def rule_for_form(rule: ProcessRule, doc_form: str) -> ProcessRule:
    """Return the rule that a document of this form is cut with.

    A hierarchical document always has children: `automatic` becomes the default hierarchical rule, and a
    missing child rule gets its defaults. Raises InvalidParam if the parents leave no room for children.
    """
    if doc_form != "hierarchical_model":
        return rule
    if rule.mode == "automatic":
        return hierarchical_default_rule()
    if rule.subchunk is not None:
        return rule
    subchunk = Segmentation(_CHILD_SEPARATOR, _child_max_tokens(rule.segmentation, rule.is_full_doc), 0)
    _check_child(subchunk, rule.segmentation, rule.is_full_doc)
    return ProcessRule(rule.mode, rule.pre_processing, rule.segmentation, rule.parent_mode or "paragraph", subchunk)


def rule_to_wire(rule: ProcessRule) -> dict[str, Any]:
    """Return the `rules` object as stored and shown: every separator under both of its names."""
    wire: dict[str, Any] = {
        "pre_processing_rules": [{"id": each.id, "enabled": each.is_enabled} for each in rule.pre_processing],
        "segmentation": _segmentation_to_wire(rule.segmentation),
    }
    if rule.parent_mode is not None:
        wire["parent_mode"] = rule.parent_mode
    if rule.subchunk is not None:
        wire["subchunk_segmentation"] = _segmentation_to_wire(rule.subchunk)
    return wire


def rule_from_json(mode: str, rules_json: str) -> ProcessRule:
    """Return a stored rule: its mode and the JSON text of what `rule_to_wire` gave."""
    rules = json.loads(rules_json)
    child = rules.get("subchunk_segmentation")
    return ProcessRule(
        mode,
        tuple(PreRule(each["id"], each["enabled"]) for each in rules["pre_processing_rules"]),
        _segmentation_from_wire(rules["segmentation"]),
        rules.get("parent_mode"),
        None if child is None else _segmentation_from_wire(child),
    )


def unescape_separator(text: str) -> str:
    r"""Return `text` with `\n \r \t \f \v \\` and `\uXXXX` turned into their characters, all else left alone."""
    plain = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _ESCAPES[found[2]], text)
    # Two escapes may have been the halves of one character.
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _parse_rules(mode: str, rules: dict[str, Any], limit: int) -> ProcessRule:
    pre_processing = _parse_pre_rules(rules.get("pre_processing_rules"))
    parent_mode = rules.get("parent_mode")
    if parent_mode is not None and parent_mode not in PARENT_MODES:
        raise _invalid("Process rule parent_mode is invalid")
    if parent_mode is None and mode == "hierarchical":
        parent_mode = "paragraph"
    is_full_doc = mode == "hierarchical" and parent_mode == "full-doc"
    default = Segmentation(_SEPARATOR, min(_MAX_TOKENS, limit), 0)
    segmentation = _parse_segmentation(rules.get("segmentation"), "segmentation", default, limit)
    subchunk = None
    if mode == "hierarchical" or rules.get("subchunk_segmentation") is not None:
        default = Segmentation(_CHILD_SEPARATOR, min(_child_max_tokens(segmentation, is_full_doc), limit), 0)
        if default.max_tokens > 0:
            subchunk = _parse_segmentation(rules.get("subchunk_segmentation"), "subchunk_segmentation", default, limit)
        _check_child(subchunk or default, segmentation, is_full_doc)
    return ProcessRule(mode, pre_processing, segmentation, parent_mode, subchunk)


def _child_max_tokens(parent: Segmentation, is_full_doc: bool) -> int:
    return _CHILD_MAX_TOKENS if is_full_doc else min(_CHILD_MAX_TOKENS, parent.max_tokens - 1)


def _check_child(child: Segmentation, parent: Segmentation, is_full_doc: bool) -> None:
    # A parent of one character leaves no child size at all, which is what a size of 0 stands for.
    if child.max_tokens < 1 or (not is_full_doc and child.max_tokens >= parent.max_tokens):
        raise _invalid("subchunk_segmentation.max_tokens should be smaller than segmentation.max_tokens.")


def _parse_pre_rules(raw: object) -> tuple[PreRule, ...]:
    if raw is None:
        return ()
    if not isinstance(raw, list):
        raise _invalid("Process rule pre_processing_rules is invalid")
    rules: dict[str, PreRule] = {}
    for each in cast("list[object]", raw):
        sent = cast("dict[str, Any]", each) if isinstance(each, dict) else {}
        rule_id, is_enabled = sent.get("id"), sent.get("enabled")
        if not isinstance(rule_id, str) or not rule_id:
            raise _invalid("Process rule pre_processing_rules id is required")
        if not isinstance(is_enabled, bool):
            raise _invalid("Process rule pre_processing_rules enabled is invalid")
        rules[rule_id] = PreRule(rule_id, is_enabled)
    return tuple(rules.values())


def _parse_segmentation(raw: object, name: str, default: Segmentation, limit: int) -> Segmentation:
    if raw is None:
        return default
    if not isinstance(raw, dict):
        raise _invalid(f"Process rule {name} is invalid")
    sent = cast("dict[str, Any]", raw)
    separator = _parse_separator(sent, name, default.separator)
    max_tokens = _parse_integer(sent.get("max_tokens"), f"{name} max_tokens", default.max_tokens)
    if not 1 <= max_tokens <= limit:
        raise _invalid(f"Custom segment length should be between 1 and {limit}.")
    overlap = _parse_integer(sent.get("chunk_overlap"), f"{name} chunk_overlap", default.chunk_overlap)
    # The contract has one message for an overlap out of range, negative ones included.
    if not 0 <= overlap <= max_tokens:
        raise _invalid(f"Got a larger chunk overlap ({overlap}) than chunk size ({max_tokens}), should be smaller.")
    return Segmentation(separator, max_tokens, overlap)


def _parse_separator(sent: dict[str, Any], name: str, default: str) -> str:
    separator = sent.get("separator")
    if separator is None:
        separator = sent.get("delimiter")
    if separator is None:
        return default
    if separator == "":
        raise _invalid(f"Process rule {name} separator is required")
    if not isinstance(separator, str):
        raise _invalid(f"Process rule {name} separator is invalid")
    separator = unescape_separator(separator)
    if _SURROGATE.search(separator):
        raise _invalid(f"Process rule {name} separator is invalid")
    return separator


def _parse_integer(raw: object, name: str, default: int) -> int:
    """Integers, integers as text and floats with a zero fraction are numbers; everything else is refused."""
    if raw is None:
        return default
    if isinstance(raw, float) and raw.is_integer():
        return int(raw)
    if isinstance(raw, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", raw, re.ASCII):
        return int(raw)
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    raise _invalid(f"Process rule {name} is invalid")


def _segmentation_to_wire(segmentation: Segmentation) -> dict[str, Any]:
    return {
        "separator": segmentation.separator,
        "delimiter": segmentation.separator,
        "max_tokens": segmentation.max_tokens,
        "chunk_overlap": segmentation.chunk_overlap,
    }


def _segmentation_from_wire(wire: dict[str, Any]) -> Segmentation:
    return Segmentation(wire["separator"], wire["max_tokens"], wire["chunk_overlap"])


def _invalid(message: str) -> InvalidParam:
    return InvalidParam(message, params="process_rule")
