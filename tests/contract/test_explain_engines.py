"""What explanations ask of the catalog means the same on both engines."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.calls import by_line, got
from tests.product import Product, open_product
from zhiku.db.engine import Database
from zhiku.retrieval.explain_store import list_standings

FULL_TEXT = {"search_method": "full_text_search", "top_k": 1}
FAMILY = {
    "mode": "hierarchical",
    "rules": {
        "segmentation": {"separator": "\n\n", "max_tokens": 500},
        "parent_mode": "paragraph",
        "subchunk_segmentation": {"separator": "\n", "max_tokens": 50},
    },
}


@pytest.fixture
def product(tmp_path: Path, database: Database) -> Iterator[Product]:
    """A whole Zhiku over each of the two engines."""
    with open_product(tmp_path / "data", database) as opened:
        yield opened


def explain(product: Product, dataset_id: str, **body: Any) -> Any:
    asked = {"query": "alpha", "retrieval_model": FULL_TEXT, **body}
    return got(product.api.post(f"/v1/datasets/{dataset_id}/explain?neighbours=1", json=asked))


def segments_of(product: Product, dataset_id: str) -> list[dict[str, Any]]:
    document = got(product.api.get(f"/v1/datasets/{dataset_id}/documents"))["data"][0]["id"]
    return got(product.api.get(f"/v1/datasets/{dataset_id}/documents/{document}/segments"))["data"]


def test_a_segment_its_state_and_its_neighbours_are_told(product: Product) -> None:
    dataset_id = product.create_dataset(indexing_technique="high_quality")
    product.add_text(dataset_id, "lines", "alpha\nalpha beta\ngamma", process_rule=by_line())
    product.settle()
    segments = segments_of(product, dataset_id)
    reply = explain(product, dataset_id, segment_id=segments[1]["id"].upper())
    around = reply["records"][0]["neighbours"]
    assert ([each["content"] for each in around["before"]], [each["content"] for each in around["after"]]) == (
        [],
        ["alpha beta"],
    )
    told = reply["explain"]
    assert [(each["excerpt"], each["fate"]) for each in told["fused"]] == [
        ("alpha", "answer"),
        ("alpha beta", "beyond_top_k"),
    ]
    assert (told["segment"]["reason"]["code"], told["segment"]["rank"]) == ("beyond_top_k", 2)
    assert told["scope"] == {"documents": 1, "passing": 1, "conditions": None}


def test_child_chunks_lead_to_their_segment(product: Product) -> None:
    dataset_id = product.create_dataset(indexing_technique="high_quality")
    text = "alpha one\nalpha two\n\nbeta"
    product.add_text(dataset_id, "family", text, doc_form="hierarchical_model", process_rule=FAMILY)
    product.settle()
    first, second = segments_of(product, dataset_id)
    told = explain(product, dataset_id, segment_id=second["id"])["explain"]
    assert [(each["segment_id"], each["fate"]) for each in told["fused"]] == [
        (first["id"], "answer"),
        (first["id"], "merged"),
    ]
    assert told["segment"]["reason"]["code"] == "no_shared_word"


def test_a_summary_leads_to_its_segment(product: Product) -> None:
    dataset_id = product.create_dataset(indexing_technique="high_quality", summary_index_setting={"enable": True})
    product.add_text(dataset_id, "summed", "alpha beta", process_rule=by_line())
    product.settle()
    (segment,) = segments_of(product, dataset_id)
    told = explain(product, dataset_id, segment_id=segment["id"])["explain"]
    assert {each["segment_id"] for each in told["fused"]} == {segment["id"]}
    assert sorted(each["fate"] for each in told["fused"]) == ["answer", "merged"]
    assert told["segment"]["reason"]["code"] == "answer"


def test_more_candidates_than_a_statement_can_name_are_looked_up(product: Product) -> None:
    dataset_id = product.create_dataset(indexing_technique="high_quality")
    product.add_text(dataset_id, "one", "alpha", process_rule=by_line())
    product.settle()
    with product.rt.db.read() as conn:
        found = list_standings(conn, range(70_000))
    assert [each.excerpt for each in found.values()] == ["alpha"]
