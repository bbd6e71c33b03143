"""The process rule of a create, as it is refused, stored and shown (contract 1.3, 4.1)."""

from typing import Any

import pytest

from tests.contract.calls import got, refusal, state
from tests.product import Product

PRE_RULES = [{"id": "remove_extra_spaces", "enabled": True}, {"id": "remove_urls_emails", "enabled": False}]


def cut(separator: str = "\n", max_tokens: int = 1000, chunk_overlap: int = 0) -> dict[str, Any]:
    return {
        "separator": separator,
        "delimiter": separator,
        "max_tokens": max_tokens,
        "chunk_overlap": chunk_overlap,
    }


AUTOMATIC = {"pre_processing_rules": PRE_RULES, "segmentation": cut(max_tokens=500, chunk_overlap=50)}


@pytest.fixture
def economy(product: Product, name: str) -> str:
    """A dataset with a technique."""
    return product.create_dataset(name, indexing_technique="economy")


def send(product: Product, dataset_id: str, rule: Any, name: str = "rules") -> Any:
    body: dict[str, Any] = {"name": name, "text": "alpha"}
    if rule is not None:
        body["process_rule"] = rule
    return product.api.post(f"/v1/datasets/{dataset_id}/document/create-by-text", json=body)


def shown(product: Product, dataset_id: str, rule: Any, name: str = "rules") -> dict[str, Any]:
    """Return the detail of a document made with `rule`."""
    document_id = got(send(product, dataset_id, rule, name))["document"]["id"]
    return got(product.api.get(f"/v1/datasets/{dataset_id}/documents/{document_id}"))


def test_a_rule_comes_back_as_sent_with_both_names_of_the_separator(product: Product, economy: str) -> None:
    rules = {
        "pre_processing_rules": [
            {"id": "remove_stopwords", "enabled": True},
            {"id": "future_rule", "enabled": False},
        ],
        "segmentation": {"separator": "###", "max_tokens": 300, "chunk_overlap": 30},
    }
    document = shown(product, economy, {"mode": "custom", "rules": rules})
    own = document["document_process_rule"]
    assert own == {
        "id": document["dataset_process_rule_id"],
        "dataset_id": economy,
        "mode": "custom",
        "rules": rules | {"segmentation": cut("###", 300, 30)},
    }
    assert document["dataset_process_rule"] == {key: own[key] for key in ("id", "mode", "rules")}


@pytest.mark.parametrize("rules", [None, {}, {"segmentation": {"separator": "x", "max_tokens": 5}}, {"wrong": 1}])
def test_automatic_ignores_the_rules_that_come_with_it(product: Product, economy: str, rules: Any) -> None:
    own = shown(product, economy, {"mode": "automatic", "rules": rules})["document_process_rule"]
    assert (own["mode"], own["rules"]) == ("automatic", AUTOMATIC)


@pytest.mark.parametrize(
    ("rules", "segmentation", "pre_rules"),
    [
        ({}, cut(), []),
        ({"segmentation": {}}, cut(), []),
        ({"segmentation": None, "pre_processing_rules": None}, cut(), []),
        ({"segmentation": {"separator": None, "max_tokens": None, "chunk_overlap": None}}, cut(), []),
        ({"segmentation": {"delimiter": "##"}}, cut("##"), []),
        ({"segmentation": {"separator": "a", "delimiter": "b"}}, cut("a"), []),
        ({"segmentation": {"max_tokens": "20", "chunk_overlap": 5.0}}, cut(max_tokens=20, chunk_overlap=5), []),
        ({"segmentation": {"max_tokens": 1}}, cut(max_tokens=1), []),
        ({"segmentation": {"max_tokens": 4000, "chunk_overlap": 4000}}, cut("\n", 4000, 4000), []),
        ({"stray": 1, "segmentation": {"stray": 1}}, cut(), []),
        (
            {"pre_processing_rules": [{"id": "x", "enabled": True}, {"id": "x", "enabled": False}]},
            cut(),
            [{"id": "x", "enabled": False}],
        ),
    ],
)
def test_missing_parts_of_a_custom_rule_get_defaults(
    product: Product, economy: str, rules: Any, segmentation: Any, pre_rules: Any
) -> None:
    own = shown(product, economy, {"mode": "custom", "rules": rules})["document_process_rule"]
    assert own["rules"] == {"pre_processing_rules": pre_rules, "segmentation": segmentation}


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("\\n\\n", "\n\n"),
        ("\\t\\r\\f\\v", "\t\r\f\v"),
        ("\\\\", "\\"),
        ("\\u3002", "。"),
        ("。", "。"),
        ("\\d\\x41", "\\d\\x41"),
        ("Ω\\n知", "Ω\n知"),
    ],
)
def test_only_known_escapes_of_a_separator_are_undone(product: Product, economy: str, sent: str, stored: str) -> None:
    rule = {"mode": "custom", "rules": {"segmentation": {"separator": sent}}}
    own = shown(product, economy, rule)["document_process_rule"]
    assert own["rules"]["segmentation"]["separator"] == stored


def test_a_text_without_rule_inherits_the_newest_one(product: Product, economy: str) -> None:
    first = shown(product, economy, {"mode": "custom", "rules": {"segmentation": {"max_tokens": 77}}}, "first")
    second = shown(product, economy, None, "second")
    assert second["dataset_process_rule_id"] == first["dataset_process_rule_id"]
    assert second["document_process_rule"]["rules"]["segmentation"]["max_tokens"] == 77


def test_a_first_text_without_rule_is_cut_automatically(product: Product, economy: str) -> None:
    own = shown(product, economy, None)["document_process_rule"]
    assert (own["mode"], own["rules"]) == ("automatic", AUTOMATIC)


def test_the_datasets_rule_is_the_newest_and_the_documents_its_own(product: Product, economy: str) -> None:
    first = shown(product, economy, {"mode": "custom", "rules": {"segmentation": {"max_tokens": 77}}}, "first")
    second = shown(product, economy, {"mode": "automatic"}, "second")
    again = got(product.api.get(f"/v1/datasets/{economy}/documents/{first['id']}"))
    assert again["document_process_rule"] == first["document_process_rule"]
    assert again["dataset_process_rule"]["id"] == second["dataset_process_rule_id"]
    assert again["dataset_process_rule"]["mode"] == "automatic"


def custom(**segmentation: Any) -> dict[str, Any]:
    return {"mode": "custom", "rules": {"segmentation": segmentation}}


def pre(*rules: Any) -> dict[str, Any]:
    return {"mode": "custom", "rules": {"pre_processing_rules": list(rules)}}


LENGTH = "Custom segment length should be between 1 and 4000."


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({}, "Process rule mode is required"),
        ({"mode": None}, "Process rule mode is required"),
        ({"mode": ""}, "Process rule mode is required"),
        ({"rules": {}}, "Process rule mode is required"),
        ({"mode": "other"}, "Process rule mode is invalid"),
        ({"mode": "Custom"}, "Process rule mode is invalid"),
        ({"mode": 1}, "Process rule mode is invalid"),
        ({"mode": ["custom"]}, "Process rule mode is invalid"),
        ({"mode": {}}, "Process rule mode is invalid"),
        ({"mode": "custom"}, "Process rule rules is required"),
        ({"mode": "custom", "rules": None}, "Process rule rules is required"),
        ({"mode": "custom", "rules": "x"}, "Process rule rules is invalid"),
        ({"mode": "custom", "rules": []}, "Process rule rules is invalid"),
        ({"mode": "custom", "rules": {"segmentation": []}}, "Process rule segmentation is invalid"),
        ({"mode": "custom", "rules": {"segmentation": "x"}}, "Process rule segmentation is invalid"),
        ({"mode": "custom", "rules": {"pre_processing_rules": {}}}, "Process rule pre_processing_rules is invalid"),
        (pre({"enabled": True}), "Process rule pre_processing_rules id is required"),
        (pre({"id": "", "enabled": True}), "Process rule pre_processing_rules id is required"),
        (pre({"id": 1, "enabled": True}), "Process rule pre_processing_rules id is required"),
        (pre("remove_extra_spaces"), "Process rule pre_processing_rules id is required"),
        (pre({"id": "remove_extra_spaces"}), "Process rule pre_processing_rules enabled is invalid"),
        (pre({"id": "remove_extra_spaces", "enabled": 1}), "Process rule pre_processing_rules enabled is invalid"),
        (pre({"id": "x", "enabled": "true"}), "Process rule pre_processing_rules enabled is invalid"),
        (custom(separator=""), "Process rule segmentation separator is required"),
        (custom(separator=1), "Process rule segmentation separator is invalid"),
        (custom(separator=["\n"]), "Process rule segmentation separator is invalid"),
        (custom(separator="\\ud800"), "Process rule segmentation separator is invalid"),
        (custom(max_tokens="many"), "Process rule segmentation max_tokens is invalid"),
        (custom(max_tokens=1.5), "Process rule segmentation max_tokens is invalid"),
        (custom(max_tokens=True), "Process rule segmentation max_tokens is invalid"),
        (custom(max_tokens=[]), "Process rule segmentation max_tokens is invalid"),
        (custom(max_tokens=0), LENGTH),
        (custom(max_tokens=-1), LENGTH),
        (custom(max_tokens=4001), LENGTH),
        (custom(max_tokens=10**30), LENGTH),
        (custom(chunk_overlap="x"), "Process rule segmentation chunk_overlap is invalid"),
        (custom(chunk_overlap=-1), "Got a larger chunk overlap (-1) than chunk size (1000), should be smaller."),
        (
            custom(max_tokens=10, chunk_overlap=11),
            "Got a larger chunk overlap (11) than chunk size (10), should be smaller.",
        ),
    ],
)
def test_a_wrong_rule_is_400_with_the_contracts_text_and_changes_nothing(
    product: Product, economy: str, rule: Any, message: str
) -> None:
    before = state(product)
    assert refusal(send(product, economy, rule)) == (400, "invalid_param", message)
    assert state(product) == before


@pytest.mark.parametrize("rule", ["automatic", [], 1, True])
def test_a_rule_that_is_no_object_is_400_and_named(product: Product, economy: str, rule: Any) -> None:
    before = state(product)
    status, code, message = refusal(send(product, economy, rule))
    assert (status, code) == (400, "invalid_param")
    assert message.startswith("process_rule: ")
    assert state(product) == before


def test_rules_missing_from_a_custom_mode_are_taken_from_the_dataset(product: Product, economy: str) -> None:
    shown(product, economy, custom(max_tokens=77), "first")
    own = shown(product, economy, {"mode": "custom"}, "second")["document_process_rule"]
    assert own["rules"]["segmentation"]["max_tokens"] == 77
