"""Requests that published pages show, sent as they stand there with real ids in place of the braces."""

import itertools
import json
import shlex
from typing import Any

import pytest

from tests.contract.calls import got
from tests.contract.official_spec import read_spec
from tests.product import Product

HOST = "https://api.dify.ai"

CREATE = """
curl --location --request POST 'https://api.dify.ai/v1/datasets' \\
--header 'Authorization: Bearer {api_key}' \\
--header 'Content-Type: application/json' \\
--data-raw '{"name": "name", "permission": "only_me"}'
"""
LIST = """
curl --location --request GET 'https://api.dify.ai/v1/datasets?page=1&limit=20' \\
--header 'Authorization: Bearer {api_key}'
"""
GET = """
curl --location --request GET 'https://api.dify.ai/v1/datasets/{dataset_id}' \\
--header 'Authorization: Bearer {api_key}'
"""
DELETE = """
curl --location --request DELETE 'https://api.dify.ai/v1/datasets/{dataset_id}' \\
--header 'Authorization: Bearer {api_key}'
"""
BY_TEXT = """
curl --location --request POST 'https://api.dify.ai/v1/datasets/{dataset_id}/document/create-by-text' \\
--header 'Authorization: Bearer {api_key}' \\
--header 'Content-Type: application/json' \\
--data-raw '{"name": "text","text": "text","indexing_technique": "high_quality","process_rule": {"mode": "automatic"}}'
"""
BY_FILE = """
curl --location --request POST 'https://api.dify.ai/v1/datasets/{dataset_id}/document/create-by-file' \\
--header 'Authorization: Bearer {api_key}' \\
--form 'data="{"indexing_technique":"high_quality","process_rule":{"rules":{"pre_processing_rules":[{"id":\
"remove_extra_spaces","enabled":true},{"id":"remove_urls_emails","enabled":true}],"segmentation":{"separator":"###",\
"max_tokens":500}},"mode":"custom"}}";type=text/plain' \\
--form 'file=@"/path/to/file"'
"""
STATUS = """
curl --location --request GET 'https://api.dify.ai/v1/datasets/{dataset_id}/documents/{batch}/indexing-status' \\
--header 'Authorization: Bearer {api_key}'
"""
DOCUMENTS = """
curl --location --request GET 'https://api.dify.ai/v1/datasets/{dataset_id}/documents' \\
--header 'Authorization: Bearer {api_key}'
"""
DOCUMENT = """
curl -X GET 'https://api.dify.ai/v1/datasets/{dataset_id}/documents/{document_id}' \\
-H 'Authorization: Bearer {api_key}'
"""
DELETE_DOCUMENT = """
curl --location --request DELETE 'https://api.dify.ai/v1/datasets/{dataset_id}/documents/{document_id}' \\
--header 'Authorization: Bearer {api_key}'
"""
SEGMENTS = """
curl --location --request GET 'https://api.dify.ai/v1/datasets/{dataset_id}/documents/{document_id}/segments' \\
--header 'Authorization: Bearer {api_key}' \\
--header 'Content-Type: application/json'
"""
RETRIEVE = """
curl --location --request POST 'https://api.dify.ai/v1/datasets/{dataset_id}/retrieve' \\
--header 'Authorization: Bearer {api_key}'\\
--header 'Content-Type: application/json'\\
--data-raw '{
  "query": "test",
  "retrieval_model": {
      "search_method": "keyword_search",
      "reranking_enable": false,
      "reranking_mode": null,
      "reranking_model": {
          "reranking_provider_name": "",
          "reranking_model_name": ""
      },
      "weights": null,
      "top_k": 1,
      "score_threshold_enabled": false,
      "score_threshold": null,
      "metadata_filtering_conditions": {
          "logical_operator": "and",
          "conditions": [
              {
                  "name": "document_name",
                  "comparison_operator": "contains",
                  "value": "test"
              }
          ]
      }
  }
}'
"""


class Page:
    """A reader of the pages, with a product, a dataset, a document and its batch."""

    def __init__(self, product: Product, dataset_name: str) -> None:
        self.product = product
        self.ids = {"dataset_id": product.create_dataset(dataset_name, indexing_technique="high_quality")}
        made = product.add_text(self.ids["dataset_id"], "a test", "this is a test of the pages")
        product.settle()
        self.ids |= {"document_id": made["document"]["id"], "batch": made["batch"], "api_key": product.key}

    def send(self, command: str) -> Any:
        """Return the reply to a curl command, which brings its own key."""
        words = shlex.split(command.replace("\\\n", " "))
        options: dict[str, list[str]] = {}
        for option, value in itertools.pairwise(words):
            options.setdefault(option, []).append(value)
        (method,) = options.get("--request") or options["-X"]
        (url,) = [word for word in words if word.startswith(HOST)]
        headers = options.get("--header", []) + options.get("-H", [])
        forms = options.get("--form", [])
        return self.product.anonymous.request(
            method,
            self._filled(url).removeprefix(HOST),
            headers=dict(self._filled(header).split(": ", 1) for header in headers),
            content=options["--data-raw"][0].encode() if "--data-raw" in options else None,
            files=dict(_part(form) for form in forms) or None,
        )

    def _filled(self, text: str) -> str:
        for name, value in self.ids.items():
            text = text.replace(f"{{{name}}}", value)
        return text


def _part(form: str) -> tuple[str, tuple[str | None, bytes, str]]:
    """Return a form's part; quotes around `data` stay, as some client programs send them."""
    name, _, value = form.partition("=")
    if value.startswith("@"):
        return name, ("file.txt", b"alpha ### beta", "text/plain")
    content, _, kind = value.partition(";type=")
    return name, (None, content.encode(), kind or "text/plain")


@pytest.fixture
def page(product: Product, name: str) -> Page:
    return Page(product, name)


def test_the_page_creates_lists_gets_and_deletes_a_dataset(page: Page) -> None:
    made = got(page.send(CREATE))
    assert (made["name"], made["permission"]) == ("name", "only_me")
    assert made in got(page.send(LIST))["data"]
    assert got(page.send(GET))["id"] == page.ids["dataset_id"]
    assert page.send(DELETE).status_code == 204
    assert page.send(GET).status_code == 404


def test_the_page_creates_a_document_by_text(page: Page) -> None:
    document = got(page.send(BY_TEXT))["document"]
    assert (document["name"], document["indexing_status"]) == ("text", "waiting")


def test_the_page_creates_a_document_by_file(page: Page) -> None:
    made = got(page.send(BY_FILE))
    page.ids |= {"document_id": made["document"]["id"], "batch": made["batch"]}
    page.product.settle()
    assert got(page.send(STATUS))["data"][0]["indexing_status"] == "completed"
    assert [segment["content"] for segment in got(page.send(SEGMENTS))["data"]] == ["alpha", "beta"]


def test_the_page_reads_and_deletes_a_document(page: Page) -> None:
    assert got(page.send(STATUS))["data"][0]["completed_segments"] == 1
    assert [row["id"] for row in got(page.send(DOCUMENTS))["data"]] == [page.ids["document_id"]]
    assert got(page.send(DOCUMENT))["id"] == page.ids["document_id"]
    assert got(page.send(SEGMENTS))["data"][0]["content"] == "this is a test of the pages"
    assert page.send(DELETE_DOCUMENT).status_code == 204
    assert got(page.send(DOCUMENTS))["data"] == []


def test_the_page_retrieves(page: Page) -> None:
    reply = got(page.send(RETRIEVE))
    assert reply["query"] == {"content": "test"}
    assert reply["records"][0]["segment"]["document"]["name"] == "a test"


def test_the_official_samples_of_an_upload_work(product: Product, dataset_id: str) -> None:
    operation = read_spec()["paths"]["/datasets/{dataset_id}/document/create-by-file"]["post"]
    example = operation["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]["data"]["example"]
    (sample,) = operation["x-codeSamples"]
    (curl,) = [word for word in shlex.split(sample["source"].replace("\\\n", " ")) if word.startswith("data=")]
    for number, data in enumerate((example, curl.removeprefix("data=").removesuffix(";type=application/json"))):
        assert json.loads(data)["process_rule"] == {"mode": "automatic"}
        path = f"/v1/datasets/{dataset_id}/document/create-by-file"
        files = {"file": (f"quarterly-report-{number}.md", b"# Report")}
        assert got(product.api.post(path, data={"data": data}, files=files))["document"]["doc_form"] == "text_model"
    product.settle()
    assert got(product.api.get(f"/v1/datasets/{dataset_id}"))["total_available_documents"] == 2


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
