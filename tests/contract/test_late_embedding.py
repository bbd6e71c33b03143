"""An edit whose model takes long: the truth is stored at once, and the segment answers when it is embedded (4.12)."""

import threading

import pytest

from tests.contract.calls import got, refusal
from tests.contract.working import while_embedding
from tests.product import Product
from zhiku.segments import publish


def test_a_segment_whose_model_takes_long_is_indexing_until_it_is_embedded(
    product: Product, dataset_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    document_id = product.add_text(dataset_id, "a", "amber")["document"]["id"]
    product.settle()
    path = f"/v1/datasets/{dataset_id}/documents/{document_id}/segments"
    monkeypatch.setattr(publish, "MODEL_SECONDS", 0.05)
    go_on = threading.Event()

    def wait() -> None:
        assert go_on.wait(30)

    with while_embedding(product, wait):
        try:
            (made,) = got(product.api.post(path, json={"segments": [{"content": "birch"}]}))["data"]
            change = product.api.post(f"{path}/{made['id']}", json={"segment": {"content": "cedar"}})
            answers = product.retrieve(dataset_id, "birch", "full_text_search")
        finally:
            go_on.set()
        product.settle()
    assert (made["status"], answers) == ("indexing", [])
    assert refusal(change) == (400, "invalid_param", "Segment is indexing, please try again later")
    assert got(product.api.get(f"{path}/{made['id']}"))["data"]["status"] == "completed"
    for method in ("full_text_search", "semantic_search"):
        (best, *_) = product.retrieve(dataset_id, "birch", method)
        assert best["segment"]["id"] == made["id"]
    document = got(product.api.get(f"/v1/datasets/{dataset_id}/documents/{document_id}"))
    assert (document["word_count"], document["segment_count"]) == (10, 2)
