"""Requests that published pages show, sent as they stand there with real ids in place of theirs."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from httpx2 import Response

from tests.contract import curl
from tests.contract.calls import got
from tests.contract.curl import Sample
from tests.contract.official_calls import BY_FILE, DATASET, DOCUMENT, DOCUMENTS, MODELS, PIPELINE, Call, Caller
from tests.contract.official_deviations import DEVIATIONS, deviations_of
from tests.contract.official_spec import get_operation, list_operations, read_spec, shared_file
from tests.product import Product
from tests.unit.ingestion.extract.pdf_files import pdf

PAGE = "seeds/003_ba02a108606d7fd6.txt"
FILES = {"file.txt": b"alpha ### beta", "quarterly-report.pdf": pdf(["A report of the quarter"])}

# What the samples write where a reader puts ids of his own, a model that he has, and a file.
STAND_INS = {
    "{action}": "enable",
    "doc-id-1": "{document_id}",
    "doc-id-2": "{document_id}",
    "e1a0a3db-ee34-4e04-842a-81555d5316fd": "{tag_id}",
    "65cc29be-d072-4e26-adf4-2f727644da29": "{tag_id}",
    "1e5348f3-d3ff-42b8-a1b7-0a86d518001a": "{tag_id}",
    "a932ea9f-fae1-4b2c-9b65-71c56e2cacd6": "{dataset_id}",
    '"document_id": "document_id"': '"document_id": "{document_id}"',
    '{"id": "id", "value"': '{"id": "{metadata_id}", "value"',
    "zhipuai": "test",
    "embedding-3": "words",
    "/path/to/file": "/path/to/file.txt",
}
# Where a reply lacks what the older page shows in it, and the decision of the contract that says so.
UNSHOWN = {
    (f"GET {DATASET}", "$.external_knowledge_info"): "D20",
    (f"GET {DATASET}", "$.external_retrieval_model"): "D20",
    (f"PATCH {DATASET}", "$.external_knowledge_info"): "D20",
    (f"PATCH {DATASET}", "$.external_retrieval_model"): "D20",
}
# The page asks for one type of models.
OFFICIAL = {"GET /workspaces/current/models/model-types/text-embedding": f"GET {MODELS}"}
RULE = {
    "mode": "hierarchical",
    "rules": {
        "pre_processing_rules": [{"id": "remove_extra_spaces", "enabled": True}],
        "segmentation": {"separator": "\n", "max_tokens": 100},
        "parent_mode": "paragraph",
        "subchunk_segmentation": {"separator": "\n", "max_tokens": 50},
    },
}
numbers = count(1)


Replies = list[tuple[Sample, Response]]


class Reader:
    """A reader of the pages, with a dataset, a document, a segment, a child chunk, a metadata field and a tag."""

    def __init__(self, product: Product, doc_form: str = "hierarchical_model") -> None:
        self.product = product
        number = next(numbers)
        dataset_id = product.create_dataset(f"Pages {number}", indexing_technique="high_quality")
        text = "this is a test of the pages"
        made = product.add_text(dataset_id, "a test", text, process_rule=RULE, doc_form=doc_form)
        product.settle()
        ids = {"dataset_id": dataset_id, "document_id": made["document"]["id"], "batch": made["batch"]}
        self.ids = {**ids, "api_key": product.key}
        post, root = product.api.post, f"/v1/datasets/{dataset_id}"
        segments = f"{root}/documents/{ids['document_id']}/segments"
        self.ids["segment_id"] = got(product.api.get(segments))["data"][0]["id"]
        children = f"{segments}/{self.ids['segment_id']}/child_chunks"
        self.ids["child_chunk_id"] = got(post(children, json={"content": "a child"}))["data"]["id"]
        field = post(f"{root}/metadata", json={"type": "string", "name": "name"})
        self.ids["metadata_id"] = field.json()["id"]
        self.ids["tag_id"] = got(post("/v1/datasets/tags", json={"name": f"tag {number}"}))["id"]
        got(post("/v1/datasets/tags/binding", json={"tag_ids": [self.ids["tag_id"]], "target_id": dataset_id}))

    def send(self, sample: Sample) -> Response:
        """Return the reply to a sample's command."""
        command = sample.command
        for shown, ours in STAND_INS.items():
            command = command.replace(shown, ours)
        for name, value in self.ids.items():
            command = command.replace(f"{{{name}}}", value)
        return curl.send(self.product.anonymous, command, FILES)


def page_samples() -> list[Sample]:
    """Return the samples of the page of all operations."""
    samples = curl.read_page(shared_file(PAGE).read_text(encoding="utf-8"))
    return [replace(sample, operation=OFFICIAL.get(sample.operation, sample.operation)) for sample in samples]


def spec_samples() -> list[Sample]:
    """Return the commands that the specification shows."""
    return [
        Sample(operation, sample["source"])
        for operation in list_operations()
        for sample in get_operation(operation).get("x-codeSamples", [])
    ]


@pytest.fixture(scope="module")
def replies(product: Product) -> Replies:
    """The reply to each sample, each sent by a reader of his own."""
    return [(sample, Reader(product).send(sample)) for sample in page_samples() + spec_samples()]


def unshown(shown: Any, found: Any, place: str = "$") -> Iterator[str]:
    """Yield each field of a shown reply that the found one lacks, and each object in whose place there is none."""
    if isinstance(shown, dict):
        if not isinstance(found, dict):
            yield place
            return
        for name, inner in shown.items():
            if name in found:
                yield from unshown(inner, found[name], f"{place}.{name}")
            else:
                yield f"{place}.{name}"
    elif isinstance(shown, list) and shown:
        for inner in found or [None]:
            yield from unshown(shown[0], inner, f"{place}[]")


def test_every_shown_request_is_answered_well(replies: Replies) -> None:
    assert {sample.operation: reply.text for sample, reply in replies if not reply.is_success} == {}


def test_every_sample_of_the_pages_is_found() -> None:
    assert len(page_samples()) == shared_file(PAGE).read_text(encoding="utf-8").count("\ncurl ")
    assert len(spec_samples()) == 3


def test_replies_to_shown_requests_have_the_official_shape(replies: Replies) -> None:
    found: dict[tuple[str, str], str] = {}
    for sample, reply in replies:
        if sample.operation in list_operations():
            found |= deviations_of(sample.operation, reply)
    assert {place: reason for place, reason in found.items() if place not in DEVIATIONS} == {}


def test_replies_have_every_field_that_the_older_page_shows(replies: Replies) -> None:
    found = {
        (sample.operation, place)
        for sample, reply in replies
        if sample.reply is not None
        for place in unshown(sample.reply, reply.json())
    }
    assert found == set(UNSHOWN)


def test_the_page_creates_a_document_by_file_and_finds_its_parts(product: Product) -> None:
    reader = Reader(product)
    samples = {sample.operation: sample for sample in page_samples()}
    made = got(reader.send(samples[f"POST {BY_FILE}"]))
    reader.ids |= {"document_id": made["document"]["id"], "batch": made["batch"]}
    product.settle()
    status = got(reader.send(samples[f"GET {DOCUMENTS}/{{batch}}/indexing-status"]))
    assert status["data"][0]["indexing_status"] == "completed"
    segments = got(reader.send(samples[f"GET {DOCUMENT}/segments"]))["data"]
    assert [segment["content"] for segment in segments] == ["alpha", "beta"]


def test_the_page_retrieves_by_the_name_of_the_document(product: Product) -> None:
    (sample,) = [sample for sample in page_samples() if sample.operation == f"POST {DATASET}/retrieve"]
    reply = got(Reader(product).send(sample))
    assert reply["query"] == {"content": "test"}
    assert [record["segment"]["document"]["name"] for record in reply["records"]] == ["a test"]


@pytest.mark.parametrize("operation", [f"POST {BY_FILE}", f"PATCH {DOCUMENT}", f"POST {DOCUMENT}/update-by-file"])
def test_the_official_sample_of_a_form_works(product: Product, operation: str) -> None:
    form = get_operation(operation)["requestBody"]["content"]["multipart/form-data"]["schema"]
    caller = Caller(product, Reader(product, "text_model").ids)
    reply = caller.send(Call(operation, json.loads(form["properties"]["data"]["example"]), b"# Report"))
    assert {place for place in deviations_of(operation, reply) if place not in DEVIATIONS} == set()
    product.settle()
    root = f"/v1/datasets/{caller.ids['dataset_id']}/documents/{got(reply)['document']['id']}"
    assert got(product.api.get(root))["indexing_status"] == "completed"


def test_the_official_samples_of_a_pipeline_run_are_answered_as_for_a_dataset_without_one(product: Product) -> None:
    operation = f"POST {PIPELINE}/run"
    caller = Caller(product, Reader(product).ids)
    samples = get_operation(operation)["requestBody"]["content"]["application/json"]["examples"]
    for sample in samples.values():
        reply = caller.send(Call(operation, sample["value"]))
        assert deviations_of(operation, reply, 400) == {}


@pytest.mark.parametrize("method", ["keyword_search", "semantic_search", "full_text_search", "hybrid_search"])
def test_a_body_of_all_official_fields_and_defaults_is_accepted(product: Product, name: str, method: str) -> None:
    body = read_spec()["paths"]["/datasets"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    defaults = {field: schema["default"] for field, schema in body["properties"].items() if "default" in schema}
    model = {
        "search_method": method,
        "reranking_enable": False,
        "reranking_model": {"reranking_provider_name": "", "reranking_model_name": ""},
        "reranking_mode": None,
        "top_k": 3,
        "score_threshold_enabled": False,
        "score_threshold": None,
        "weights": None,
        "metadata_filtering_conditions": None,
    }
    assert set(model) == set(read_spec()["components"]["schemas"]["RetrievalModel"]["properties"])
    made = got(product.api.post("/v1/datasets", json={**defaults, "name": name, "retrieval_model": model}))
    assert made["retrieval_model_dict"]["search_method"] == method
    question = {"query": "a", "retrieval_model": model, "attachment_ids": None, "external_retrieval_model": {}}
    assert got(product.api.post(f"/v1/datasets/{made['id']}/retrieve", json=question))["records"] == []
