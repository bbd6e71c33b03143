"""Process rules, sentence by sentence of the contract's 4.1."""

import json
from typing import Any

import pytest

from zhiku.documents.rules import (
    PreRule,
    ProcessRule,
    Segmentation,
    automatic_rule,
    dataset_default_rule,
    hierarchical_default_rule,
    parse_process_rule,
    rule_for_form,
    rule_from_json,
    rule_to_wire,
)
from zhiku.errors import InvalidParam

LARGER_CHILD = "subchunk_segmentation.max_tokens should be smaller than segmentation.max_tokens."


def parse(raw: object, current: ProcessRule | None = None) -> ProcessRule:
    return parse_process_rule(raw, max_tokens_limit=4000, current=current)


def custom(**segmentation: Any) -> ProcessRule:
    return parse({"mode": "custom", "rules": {"segmentation": segmentation}})


def hierarchical(**rules: Any) -> ProcessRule:
    return parse({"mode": "hierarchical", "rules": rules})


def message_of(raw: object) -> str:
    with pytest.raises(InvalidParam) as caught:
        parse(raw)
    return str(caught.value)


def message_of_segmentation(**segmentation: Any) -> str:
    return message_of({"mode": "custom", "rules": {"segmentation": segmentation}})


def test_automatic_ignores_its_rules() -> None:
    rule = parse({"mode": "automatic", "rules": {"segmentation": "nonsense"}})
    assert rule == automatic_rule()
    assert rule_to_wire(rule) == {
        "pre_processing_rules": [
            {"id": "remove_extra_spaces", "enabled": True},
            {"id": "remove_urls_emails", "enabled": False},
        ],
        "segmentation": {"separator": "\n", "delimiter": "\n", "max_tokens": 500, "chunk_overlap": 50},
    }


def test_a_dataset_without_rules_shows_custom_1024() -> None:
    rule = dataset_default_rule()
    assert rule.mode == "custom"
    assert rule_to_wire(rule)["segmentation"] == {
        "separator": "\n",
        "delimiter": "\n",
        "max_tokens": 1024,
        "chunk_overlap": 50,
    }
    assert rule.pre_processing == automatic_rule().pre_processing


@pytest.mark.parametrize("mode", [None, ""])
def test_a_mode_is_required(mode: object) -> None:
    assert message_of({"mode": mode}) == "Process rule mode is required"
    assert message_of({}) == "Process rule mode is required"


@pytest.mark.parametrize("mode", ["Automatic", "auto", 1, ["custom"], {"custom": 1}])
def test_an_unknown_mode_is_invalid(mode: object) -> None:
    assert message_of({"mode": mode}) == "Process rule mode is invalid"


@pytest.mark.parametrize("raw", [None, "automatic", ["mode"], 3])
def test_a_rule_is_an_object(raw: object) -> None:
    assert message_of(raw) == "process_rule: must be an object"


@pytest.mark.parametrize("mode", ["custom", "hierarchical"])
def test_rules_are_required_without_a_current_rule(mode: str) -> None:
    assert message_of({"mode": mode}) == "Process rule rules is required"
    assert message_of({"mode": mode, "rules": None}) == "Process rule rules is required"


def test_the_current_rule_stands_in_for_missing_rules() -> None:
    current = custom(separator="##", max_tokens=300, chunk_overlap=3)
    assert parse({"mode": "custom"}, current) == current
    child = Segmentation("***", 299, 0)
    expected = ProcessRule("hierarchical", (), current.segmentation, "paragraph", child)
    assert parse({"mode": "hierarchical"}, current) == expected


def test_missing_parts_get_their_defaults() -> None:
    assert parse({"mode": "custom", "rules": {}}) == ProcessRule("custom", (), Segmentation("\n", 1000, 0))
    assert custom(max_tokens=70).segmentation == Segmentation("\n", 70, 0)


def test_null_is_the_same_as_missing() -> None:
    rules = {"pre_processing_rules": None, "segmentation": {"separator": None, "max_tokens": None}}
    assert parse({"mode": "custom", "rules": rules}) == ProcessRule("custom", (), Segmentation("\n", 1000, 0))


def test_the_default_size_respects_a_lower_limit() -> None:
    rule = parse_process_rule({"mode": "custom", "rules": {}}, max_tokens_limit=600)
    assert rule.segmentation.max_tokens == 600


def test_the_last_of_equal_ids_wins_and_unknown_ids_are_kept() -> None:
    sent = [
        {"id": "remove_extra_spaces", "enabled": True},
        {"id": "made_up", "enabled": True},
        {"id": "remove_extra_spaces", "enabled": False},
    ]
    rule = parse({"mode": "custom", "rules": {"pre_processing_rules": sent}})
    assert rule.pre_processing == (PreRule("remove_extra_spaces", False), PreRule("made_up", True))
    assert rule.has("made_up")
    assert not rule.has("remove_extra_spaces")


@pytest.mark.parametrize("entry", [{}, {"enabled": True}, {"id": "", "enabled": True}, {"id": 3}, "id"])
def test_a_pre_rule_needs_an_id(entry: object) -> None:
    raw = {"mode": "custom", "rules": {"pre_processing_rules": [entry]}}
    assert message_of(raw) == "Process rule pre_processing_rules id is required"


@pytest.mark.parametrize("enabled", [None, 1, "true"])
def test_a_pre_rule_is_on_or_off(enabled: object) -> None:
    raw = {"mode": "custom", "rules": {"pre_processing_rules": [{"id": "remove_extra_spaces", "enabled": enabled}]}}
    assert message_of(raw) == "Process rule pre_processing_rules enabled is invalid"


@pytest.mark.parametrize(
    ("rules", "part"),
    [
        ("text", "rules"),
        ([], "rules"),
        ({"pre_processing_rules": {}}, "pre_processing_rules"),
        ({"segmentation": "###"}, "segmentation"),
        ({"parent_mode": "whole"}, "parent_mode"),
        ({"parent_mode": ["paragraph"]}, "parent_mode"),
        ({"subchunk_segmentation": 5}, "subchunk_segmentation"),
    ],
)
def test_a_part_of_the_wrong_kind_is_named(rules: object, part: str) -> None:
    assert message_of({"mode": "custom", "rules": rules}) == f"Process rule {part} is invalid"


@pytest.mark.parametrize(
    ("sent", "separator"),
    [
        ("\\n", "\n"),
        ("\\n\\n", "\n\n"),
        ("\\t|\\r\\f\\v", "\t|\r\f\v"),
        ("\\\\n", "\\n"),
        ("\\u4e2d", "中"),
        ("\\ud83d\\ude00", "\U0001f600"),
        ("段落\\n中文", "段落\n中文"),
        ("\\d\\x41\\", "\\d\\x41\\"),
        ("é", "é"),
        ("\n", "\n"),
        (" ", " "),
    ],
)
def test_only_the_named_escapes_in_a_separator_are_undone(sent: str, separator: str) -> None:
    assert custom(separator=sent).segmentation.separator == separator


def test_a_separator_may_be_called_delimiter() -> None:
    assert custom(delimiter="##").segmentation.separator == "##"
    assert custom(separator="#", delimiter="##").segmentation.separator == "#"
    assert custom(separator=None, delimiter="##").segmentation.separator == "##"


def test_an_empty_separator_is_required_and_other_types_are_invalid() -> None:
    assert message_of_segmentation(separator="") == "Process rule segmentation separator is required"
    assert message_of_segmentation(delimiter="") == "Process rule segmentation separator is required"
    assert message_of_segmentation(separator=5) == "Process rule segmentation separator is invalid"
    assert message_of_segmentation(separator=["\n"]) == "Process rule segmentation separator is invalid"
    assert message_of_segmentation(separator="\\ud800") == "Process rule segmentation separator is invalid"


@pytest.mark.parametrize("size", ["many", True, 1.5, [5], "", "1e3", float("nan"), float("inf")])
def test_a_size_is_an_integer(size: object) -> None:
    assert message_of_segmentation(max_tokens=size) == "Process rule segmentation max_tokens is invalid"


@pytest.mark.parametrize("size", [0, -1, 4001, 10**30])
def test_a_size_lies_within_the_limit(size: int) -> None:
    assert message_of_segmentation(max_tokens=size) == "Custom segment length should be between 1 and 4000."


@pytest.mark.parametrize("size", [1, 4000, "70", 70.0])
def test_sizes_within_the_limit_are_taken(size: Any) -> None:
    assert custom(max_tokens=size).segmentation.max_tokens == int(size)


def test_an_overlap_is_at_most_the_size() -> None:
    assert custom(max_tokens=60, chunk_overlap=60).segmentation.chunk_overlap == 60
    assert message_of_segmentation(max_tokens=60, chunk_overlap=61) == (
        "Got a larger chunk overlap (61) than chunk size (60), should be smaller."
    )
    assert message_of_segmentation(max_tokens=60, chunk_overlap=-1).startswith("Got a larger chunk overlap (-1)")
    assert message_of_segmentation(chunk_overlap="x") == "Process rule segmentation chunk_overlap is invalid"


def test_children_get_their_own_defaults() -> None:
    assert hierarchical().subchunk == Segmentation("***", 500, 0)
    assert hierarchical().parent_mode == "paragraph"
    assert hierarchical(segmentation={"max_tokens": 500}).subchunk == Segmentation("***", 499, 0)
    assert hierarchical(segmentation={"max_tokens": 501}).subchunk == Segmentation("***", 500, 0)


def test_a_parent_of_one_leaves_no_room_for_children() -> None:
    assert message_of({"mode": "hierarchical", "rules": {"segmentation": {"max_tokens": 1}}}) == LARGER_CHILD


@pytest.mark.parametrize("size", [300, 301])
def test_a_child_is_smaller_than_its_parent(size: int) -> None:
    rules = {"segmentation": {"max_tokens": 300}, "subchunk_segmentation": {"max_tokens": size}}
    assert message_of({"mode": "hierarchical", "rules": rules}) == LARGER_CHILD
    rule = hierarchical(parent_mode="full-doc", **rules)
    assert rule.is_full_doc
    assert rule.subchunk == Segmentation("***", size, 0)


def test_a_childs_parts_are_checked_like_its_parents() -> None:
    raw = {"mode": "hierarchical", "rules": {"subchunk_segmentation": {"max_tokens": 0}}}
    assert message_of(raw) == "Custom segment length should be between 1 and 4000."
    raw = {"mode": "hierarchical", "rules": {"subchunk_segmentation": {"max_tokens": 9, "chunk_overlap": 10}}}
    assert message_of(raw) == "Got a larger chunk overlap (10) than chunk size (9), should be smaller."


def test_a_hierarchical_document_without_a_rule_of_its_own_gets_the_default_one() -> None:
    rule = rule_for_form(automatic_rule(), "hierarchical_model")
    assert rule == hierarchical_default_rule()
    assert rule.segmentation == Segmentation("\n\n", 1024, 0)
    assert rule.subchunk == Segmentation("\n", 512, 0)
    assert rule.mode == "hierarchical"


def test_a_custom_rule_gives_a_hierarchical_document_paragraphs_with_children() -> None:
    rule = rule_for_form(custom(separator="\n\n", max_tokens=100), "hierarchical_model")
    assert (rule.mode, rule.parent_mode, rule.subchunk) == ("custom", "paragraph", Segmentation("***", 99, 0))
    with pytest.raises(InvalidParam, match="should be smaller"):
        rule_for_form(custom(max_tokens=1), "hierarchical_model")


def test_other_forms_leave_the_rule_alone() -> None:
    assert rule_for_form(automatic_rule(), "text_model") == automatic_rule()
    assert rule_for_form(hierarchical(), "qa_model") == hierarchical()


@pytest.mark.parametrize(
    "rule",
    [
        automatic_rule(),
        dataset_default_rule(),
        hierarchical_default_rule(),
        hierarchical(parent_mode="full-doc", pre_processing_rules=[{"id": "x", "enabled": False}]),
        custom(separator="\\\\n", max_tokens=7, chunk_overlap=7),
    ],
)
def test_a_stored_rule_reads_back_the_same(rule: ProcessRule) -> None:
    assert rule_from_json(rule.mode, json.dumps(rule_to_wire(rule))) == rule


def test_what_is_shown_can_be_sent_again() -> None:
    rule = hierarchical(segmentation={"separator": "\\n", "max_tokens": 200}, subchunk_segmentation={"max_tokens": 50})
    assert hierarchical(**rule_to_wire(rule)) == rule
    assert rule_to_wire(rule)["subchunk_segmentation"] == {
        "separator": "***",
        "delimiter": "***",
        "max_tokens": 50,
        "chunk_overlap": 0,
    }
