"""The retrieval lab without scripts: answers with what each step saw, two settings side by side, saving one of them."""

import html

import pytest

from tests.flows.console_visitor import Visitor
from tests.product import Product

GUIDE = "Cats sleep in the sun.\n\nDogs run in the <park>.\n\nOwls hunt at night."
LINES = {"mode": "custom", "rules": {"segmentation": {"separator": "\n", "max_tokens": 100}}}


@pytest.fixture
def visitor(product: Product) -> Visitor:
    """Somebody who has signed in."""
    visitor = Visitor(product)
    visitor.sign_in()
    return visitor


@pytest.fixture
def dataset_id(product: Product) -> str:
    """A dataset of three segments."""
    dataset_id = product.create_dataset(indexing_technique="high_quality")
    product.add_text(dataset_id, "animals", GUIDE, process_rule=LINES)
    product.settle()
    return dataset_id


def lab(dataset_id: str) -> str:
    return f"/console/datasets/{dataset_id}/lab"


def page(visitor: Visitor, dataset_id: str, query: str, **fields: str | list[str]) -> str:
    return visitor.client.get(lab(dataset_id), params={"query": query, **fields}).text


def test_the_questions_words_are_marked_and_all_else_is_text(visitor: Visitor, dataset_id: str) -> None:
    raw = page(visitor, dataset_id, "running dogs park", method="full_text_search")
    assert "<mark>Dogs</mark> <mark>run</mark> in the &lt;<mark>park</mark>&gt;." in raw
    assert raw.count("<mark>") == 3


def test_a_hybrid_answer_shows_what_each_search_adds_and_how_many_were_left(visitor: Visitor, dataset_id: str) -> None:
    text = visitor.open(lab(dataset_id), query="owls", method="hybrid_search", top_k="1")
    for shown in ("Meaning", "Words", "Documents that may answer", "Found by any search", "more than were asked for"):
        assert shown in text
    raw = page(visitor, dataset_id, "owls", method="hybrid_search", top_k="1")
    assert 'class="bars"' in raw
    assert 'style="' not in raw


def test_two_settings_answer_side_by_side(visitor: Visitor, dataset_id: str) -> None:
    raw = page(
        visitor,
        dataset_id,
        "owls",
        method=["full_text_search", "semantic_search"],
        top_k=["2", "3"],
        threshold=["", ""],
    )
    assert raw.count('<section aria-label="Settings') == 2
    assert raw.count('<li class="card">') == 1 + 3


def test_a_document_asks_why_a_segment_is_found_and_the_lab_answers(
    product: Product, visitor: Visitor, dataset_id: str
) -> None:
    document = product.api.get(f"/v1/datasets/{dataset_id}/documents").json()["data"][0]["id"]
    path = f"/datasets/{dataset_id}/documents/{document}"
    segment = product.api.get(f"/v1{path}/segments").json()["data"][0]["id"]
    assert f"{lab(dataset_id)}?segment={segment}" in visitor.client.get(f"/console{path}").text
    why = {"query": "owls", "segment": segment, "top_k": "1"}
    assert "It has none of the words" in visitor.open(lab(dataset_id), method="full_text_search", **why)
    assert "of what could answer, and only 1 are asked for" in visitor.open(
        lab(dataset_id), method="semantic_search", **why
    )
    visitor.client.get("/console/choose", params={"language": "zh", "next": "/console/datasets"})
    assert "它不含问题中的任何词语。" in visitor.open(lab(dataset_id), method="full_text_search", **why)


def test_an_empty_answer_says_why(visitor: Visitor, dataset_id: str) -> None:
    assert "No text that may answer has a word" in visitor.open(
        lab(dataset_id), query="zebra", method="full_text_search"
    )


def test_a_tried_setting_becomes_the_datasets_own(product: Product, visitor: Visitor, dataset_id: str) -> None:
    visitor.send(lab(dataset_id), query="owls", method="hybrid_search", top_k="7", threshold="0.25", weight="0.4")
    assert "Saved: the dataset is asked so from now on." in visitor.text
    saved = product.api.get(f"/v1/datasets/{dataset_id}").json()["retrieval_model_dict"]
    assert (saved["search_method"], saved["top_k"]) == ("hybrid_search", 7)
    assert (saved["score_threshold_enabled"], saved["score_threshold"]) == (True, 0.25)
    assert saved["weights"]["vector_setting"]["vector_weight"] == 0.4
    raw = page(visitor, dataset_id, "owls")
    assert '<option value="hybrid_search" selected>' in raw


def test_the_call_to_paste_asks_the_same_and_is_quoted_for_the_shell(visitor: Visitor, dataset_id: str) -> None:
    raw = html.unescape(page(visitor, dataset_id, "who's there", method="hybrid_search", top_k="2", weight="0.5"))
    assert f"/v1/datasets/{dataset_id}/retrieve" in raw
    assert """'{"query": "who'"'"'s there", "retrieval_model": {"search_method": "hybrid_search", "top_k": 2,""" in raw
    assert '"weights": 0.5}' in raw
    assert '"weights": 0.0}' in page(visitor, dataset_id, "a", method="hybrid_search", weight="0").replace("&#34;", '"')


@pytest.mark.parametrize(
    "wrong", [{"weight": "much"}, {"weight": "2"}, {"top_k": "0"}, {"threshold": "high"}, {"segment": "x"}]
)
def test_what_cannot_be_asked_is_said_where_the_answer_would_be(
    visitor: Visitor, dataset_id: str, wrong: dict[str, str]
) -> None:
    raw = page(visitor, dataset_id, "owls", method="hybrid_search", **wrong)
    assert 'class="notice is-error"' in raw
