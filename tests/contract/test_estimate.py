"""Show the segments that a rule would make, and store nothing (contract 13, 4.1 to 4.6)."""

import json
from typing import Any

import pytest

from tests.contract.calls import UNKNOWN, by_line, got, refusal, state
from tests.product import Product

GUIDE = "Cats sleep in the sun.\n\nDogs run in the park. They bark.\n\nOwls hunt at night."
PARENTS = {
    "mode": "hierarchical",
    "rules": {
        "segmentation": {"separator": "\n\n", "max_tokens": 100},
        "parent_mode": "paragraph",
        "subchunk_segmentation": {"separator": ". ", "max_tokens": 40},
    },
}


def estimate(product: Product, dataset_id: str, **body: Any) -> Any:
    page = {name: body.pop(name) for name in ("page", "limit") if name in body}
    return product.api.post(f"/v1/datasets/{dataset_id}/documents/estimate", json=body, params=page)


def estimate_file(product: Product, dataset_id: str, name: str, content: bytes, **data: Any) -> Any:
    return product.api.post(
        f"/v1/datasets/{dataset_id}/documents/estimate",
        files={"file": (name, content)},
        data={"data": json.dumps(data)},
    )


def test_an_estimate_shows_the_segments_that_a_create_makes(product: Product, dataset_id: str) -> None:
    shown = got(estimate(product, dataset_id, text=GUIDE, process_rule=by_line()))
    assert [(each["position"], each["content"]) for each in shown["data"]] == [
        (1, "Cats sleep in the sun."),
        (2, "Dogs run in the park. They bark."),
        (3, "Owls hunt at night."),
    ]
    made = product.add_text(dataset_id, "guide", GUIDE, process_rule=by_line())["document"]["id"]
    product.settle()
    path = f"/v1/datasets/{dataset_id}/documents/{made}"
    stored = got(product.api.get(f"{path}/segments"))["data"]
    fields = ("position", "content", "word_count", "tokens")
    assert [[each[name] for name in fields] for each in shown["data"]] == [
        [each[name] for name in fields] for each in stored
    ]
    document = got(product.api.get(path))
    assert (shown["tokens"], shown["word_count"]) == (document["tokens"], document["word_count"])
    assert (shown["total"], shown["child_chunk_total"], shown["doc_form"]) == (3, 0, "text_model")


def test_an_estimate_stores_nothing(product: Product, dataset_id: str) -> None:
    before = state(product)
    got(estimate(product, dataset_id, text=GUIDE, process_rule=by_line()))
    got(estimate_file(product, dataset_id, "guide.md", GUIDE.encode()))
    assert state(product) == before
    assert got(product.api.get(f"/v1/datasets/{dataset_id}"))["doc_form"] is None


def test_an_estimate_shows_child_chunks_with_their_parents(product: Product, dataset_id: str) -> None:
    shown = got(estimate(product, dataset_id, text=GUIDE, process_rule=PARENTS))
    assert shown["doc_form"] == "hierarchical_model"
    second = shown["data"][1]
    assert second["content"] == "Dogs run in the park. They bark."
    assert [(child["position"], child["content"]) for child in second["child_chunks"]] == [
        (1, "Dogs run in the park"),
        (2, "They bark."),
    ]
    assert shown["child_chunk_total"] == 4


def test_an_estimate_shows_questions_and_answers(product: Product, dataset_id: str) -> None:
    text = "Q: When do owls hunt?\nA: At night."
    shown = got(estimate(product, dataset_id, text=text, doc_form="qa_model"))
    assert [(each["content"], each["answer"]) for each in shown["data"]] == [("When do owls hunt?", "At night.")]


def test_a_file_is_read_as_an_upload_is(product: Product, dataset_id: str) -> None:
    html = b"<html><body><h1>Owls</h1><p>Owls hunt at night.</p></body></html>"
    shown = got(estimate_file(product, dataset_id, "owls.html", html, process_rule=by_line()))
    made = product.add_file(dataset_id, "owls.html", html, process_rule=by_line())["document"]["id"]
    product.settle()
    stored = got(product.api.get(f"/v1/datasets/{dataset_id}/documents/{made}/segments"))["data"]
    assert [each["content"] for each in shown["data"]] == [each["content"] for each in stored]
    assert "Owls hunt at night." in shown["data"][-1]["content"]


def test_an_estimate_is_shown_page_by_page(product: Product, dataset_id: str) -> None:
    text = "\n".join(f"line {number}" for number in range(25))
    first = got(estimate(product, dataset_id, text=text, process_rule=by_line()))
    assert (len(first["data"]), first["total"], first["has_more"], first["limit"]) == (20, 25, True, 20)
    second = got(estimate(product, dataset_id, text=text, process_rule=by_line(), page=2))
    assert [each["position"] for each in second["data"]] == [21, 22, 23, 24, 25]
    assert (second["has_more"], second["tokens"]) == (False, first["tokens"])
    assert got(estimate(product, dataset_id, text=text, page=10**15))["data"] == []


def test_without_a_rule_the_datasets_newest_is_used_and_else_the_automatic_one(
    product: Product, dataset_id: str
) -> None:
    assert got(estimate(product, dataset_id, text=GUIDE))["process_rule"]["mode"] == "automatic"
    product.add_text(dataset_id, "guide", GUIDE, process_rule=by_line(77))
    rule = got(estimate(product, dataset_id, text=GUIDE))["process_rule"]
    assert (rule["mode"], rule["rules"]["segmentation"]["max_tokens"]) == ("custom", 77)


def test_an_empty_text_makes_no_segments(product: Product, dataset_id: str) -> None:
    shown = got(estimate(product, dataset_id, text=""))
    assert (shown["data"], shown["total"], shown["tokens"]) == ([], 0, 0)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "text: send a text or a file"),
        ({"text": 7}, "text: Input should be a valid string"),
        ({"text": "a", "process_rule": {}}, "Process rule mode is required"),
        (
            {"text": "a", "process_rule": by_line(4001)},
            "Custom segment length should be between 1 and 4000.",
        ),
        ({"text": "a", "page": 0}, "page: Input should be greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_named(product: Product, dataset_id: str, body: dict[str, Any], message: str) -> None:
    assert refusal(estimate(product, dataset_id, **body)) == (400, "invalid_param", message)


def test_a_form_that_the_dataset_does_not_have_is_refused(product: Product, dataset_id: str) -> None:
    product.add_text(dataset_id, "guide", GUIDE)
    reply = estimate(product, dataset_id, text=GUIDE, doc_form="qa_model")
    assert refusal(reply) == (400, "invalid_param", "doc_form is different from the dataset doc_form.")


def test_a_file_that_cannot_be_read_says_why(product: Product, dataset_id: str) -> None:
    status, code, message = refusal(estimate_file(product, dataset_id, "empty.txt", b""))
    assert (status, code, message) == (400, "invalid_param", "file: The file is empty.")
    assert refusal(estimate_file(product, dataset_id, "program.exe", b"MZ"))[:2] == (415, "unsupported_file_type")


def test_a_dataset_that_does_not_exist_estimates_nothing(product: Product) -> None:
    assert refusal(estimate(product, UNKNOWN, text=GUIDE)) == (404, "not_found", "Dataset not found.")


def test_a_key_that_may_only_read_may_look_at_an_estimate(product: Product, dataset_id: str) -> None:
    reader = got(product.api.post("/v1/keys", json={"name": "reader", "role": "read"}))["key"]
    reply = product.anonymous.post(
        f"/v1/datasets/{dataset_id}/documents/estimate",
        json={"text": GUIDE},
        headers={"Authorization": f"Bearer {reader}"},
    )
    assert got(reply)["total"] == 1
