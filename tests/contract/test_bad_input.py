"""Every field of every request, wrong in every way: 400 that names the field, and nothing changes."""

import json
from typing import Any

import pytest

from tests.contract.calls import refusal, state
from tests.product import Product

NUL = "a\0b"
HALF = "a\ud800b"
BOOLEANS: list[Any] = ["maybe", 2, 1.5, [], {}]
INTEGERS: list[Any] = ["many", "", 1.5, "1.5", True, [], {}]
NUMBERS: list[Any] = ["much", True, [], {}]
TEXTS: list[Any] = [1, 1.5, True, [], {}, ["a"]]
OBJECTS: list[Any] = ["x", 1, True, [], ["a"]]
LISTS: list[Any] = ["x", 1, True, {}]

Case = tuple[str, Any]


def choices(*wrong: Any) -> list[Any]:
    return ["other", "", "ECONOMY", 1, True, [], {}, NUL, *wrong]


RETRIEVAL: dict[str, list[Any]] = {
    "": OBJECTS,
    "search_method": choices("keyword"),
    "reranking_enable": BOOLEANS,
    "reranking_mode": [value for value in choices("weights") if value not in ("", {})],
    "reranking_model": OBJECTS,
    "reranking_model.reranking_provider_name": [*TEXTS, NUL],
    "reranking_model.reranking_model_name": [*TEXTS, NUL],
    "weights": [2, -0.5, "0.5", True, []],
    "weights.weight_type": choices("semantic"),
    "weights.vector_setting": OBJECTS,
    "weights.vector_setting.vector_weight": [*NUMBERS, -1],
    "weights.vector_setting.embedding_provider_name": [*TEXTS, NUL],
    "weights.keyword_setting": OBJECTS,
    "weights.keyword_setting.keyword_weight": [*NUMBERS, -1],
    "top_k": [*INTEGERS, 0, -1, 201, 10**30],
    "score_threshold_enabled": BOOLEANS,
    "score_threshold": NUMBERS,
}
CREATE_DATASET: dict[str, list[Any]] = {
    "name": [None, "", " ", "\u3000\t", "x" * 41, "🐙" * 41, *TEXTS, NUL],
    "description": ["x" * 401, "知" * 401, *TEXTS, NUL],
    "indexing_technique": choices("High_quality"),
    "permission": choices("everyone"),
    "provider": choices("internal"),
    "embedding_model": [*TEXTS, NUL, "x" * 256],
    "embedding_model_provider": [*TEXTS, NUL, "x" * 256],
    "external_knowledge_api_id": [*TEXTS, NUL],
    "external_knowledge_id": [*TEXTS, NUL, "x" * 1001],
    "summary_index_setting": OBJECTS,
    "summary_index_setting.enable": BOOLEANS,
    "summary_index_setting.model_name": [*TEXTS, NUL],
    "summary_index_setting.model_provider_name": [*TEXTS, NUL],
    "summary_index_setting.summary_prompt": [*TEXTS, NUL],
    "partial_member_list": [*LISTS, [NUL], [1], [None], [[]], [{}], [{"user_id": 7}], [{"user_id": NUL}], ["a", {}]],
}
UPDATE_DATASET: dict[str, list[Any]] = {
    **{field: values for field, values in CREATE_DATASET.items() if field not in ("name", "provider")},
    "name": [value for value in CREATE_DATASET["name"] if value is not None],
    "external_retrieval_model": OBJECTS,
    "external_retrieval_model.top_k": [*INTEGERS, 0, -1, 201],
    "external_retrieval_model.score_threshold": NUMBERS,
    "external_retrieval_model.score_threshold_enabled": BOOLEANS,
    "icon_info": OBJECTS,
    "icon_info.icon_type": [*TEXTS, NUL, "x" * 256],
    "icon_info.icon": [*TEXTS, NUL, "x" * 256],
    "icon_info.icon_background": [*TEXTS, NUL, "x" * 256],
    "icon_info.icon_url": [*TEXTS, NUL, "x" * 2049],
    "enable_api": BOOLEANS,
}
SETTINGS: dict[str, list[Any]] = {
    "indexing_technique": choices("High_quality"),
    "doc_form": choices("paragraph"),
    "doc_language": [*TEXTS, NUL, "x" * 256],
    "process_rule": OBJECTS,
    "embedding_model": [*TEXTS, NUL, "x" * 256],
    "embedding_model_provider": [*TEXTS, NUL, "x" * 256],
    "original_document_id": [*TEXTS, NUL],
    "duplicate": BOOLEANS,
}
BY_TEXT: dict[str, list[Any]] = {
    "name": [None, "", " ", *TEXTS, NUL],
    "text": [None, *TEXTS],
    **SETTINGS,
}
BY_FILE: dict[str, list[Any]] = {"name": ["", " ", *TEXTS, NUL], **SETTINGS}
RETRIEVE: dict[str, list[Any]] = {
    "query": [*TEXTS, NUL, "x" * 251],
    "external_retrieval_model": OBJECTS,
    "attachment_ids": [*LISTS, [1], [None], [NUL], [["a"]]],
}


def cases(table: dict[str, list[Any]]) -> list[Case]:
    """Return each field with each wrong value, those of `retrieval_model` too."""
    under = {f"retrieval_model{'.' if field else ''}{field}": values for field, values in RETRIEVAL.items()}
    return [(field, value) for field, values in (table | under).items() for value in values]


def put(body: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
    """Return the body with `value` at the dotted path of `field`."""
    first, _, rest = field.partition(".")
    return body | {first: put(body.get(first) or {}, rest, value) if rest else value}


def check(product: Product, reply: Any, field: str) -> None:
    status, code, message = refusal(reply)
    assert (status, code) == (400, "invalid_param"), reply.text
    names = field.split(".")
    assert any(name.lower() in message.lower() for name in names), f"{field} is not named in: {message}"
    assert "\n" not in message and len(message) < 300


@pytest.fixture(scope="module")
def target(product: Product) -> str:
    """A dataset that asks for everything a first document brings."""
    return product.create_dataset("Target")


@pytest.mark.parametrize(("field", "value"), cases(CREATE_DATASET))
def test_a_wrong_value_for_a_new_dataset_is_400(product: Product, field: str, value: Any) -> None:
    before = state(product)
    check(product, product.api.post("/v1/datasets", json=put({"name": "Wrong"}, field, value)), field)
    assert state(product) == before


@pytest.mark.parametrize(("field", "value"), cases(UPDATE_DATASET))
def test_a_wrong_value_for_a_dataset_that_is_changed_is_400(
    product: Product, target: str, field: str, value: Any
) -> None:
    before = state(product), product.api.get(f"/v1/datasets/{target}").json()
    reply = product.api.patch(f"/v1/datasets/{target}", json=put({"description": "Wrong"}, field, value))
    check(product, reply, field)
    assert (state(product), product.api.get(f"/v1/datasets/{target}").json()) == before


@pytest.mark.parametrize(("field", "value"), cases(BY_TEXT))
def test_a_wrong_value_for_a_text_is_400(product: Product, target: str, field: str, value: Any) -> None:
    before = state(product)
    body = put({"name": "a", "text": "a", "indexing_technique": "economy"}, field, value)
    check(product, product.api.post(f"/v1/datasets/{target}/document/create-by-text", json=body), field)
    assert state(product) == before


@pytest.mark.parametrize(("field", "value"), cases(BY_FILE))
def test_a_wrong_value_in_data_is_400(product: Product, target: str, field: str, value: Any) -> None:
    before = state(product)
    data = put({"indexing_technique": "economy", "process_rule": {"mode": "automatic"}}, field, value)
    path = f"/v1/datasets/{target}/document/create-by-file"
    reply = product.api.post(path, data={"data": json.dumps(data)}, files={"file": ("a.txt", b"a")})
    check(product, reply, field)
    assert state(product) == before


@pytest.mark.parametrize(("field", "value"), cases(RETRIEVE))
def test_a_wrong_value_for_a_question_is_400(product: Product, target: str, field: str, value: Any) -> None:
    before = state(product)
    body = put({"query": "a"}, field, value)
    check(product, product.api.post(f"/v1/datasets/{target}/retrieve", json=body), field)
    assert state(product) == before


BODIES = {
    "/v1/datasets": {"name": "a"},
    "/v1/datasets/{}/document/create-by-text": {"name": "a", "text": "a", "indexing_technique": "economy"},
    "/v1/datasets/{}/retrieve": {"query": "a"},
}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    "content",
    [
        b"{", b"{'name': 'a'}", b'{"name": "a",}', b'{"name": NaN}', b"\xff\xfe\xfd", b'{"name": "a"} x', b"name=a",
        b'{"name": "a", "name": "b"}', b"[" * 100_000, b'{"a":' * 100 + b"1" + b"}" * 100, b'{"top_k": 1e999}',
    ],
)  # fmt: skip
def test_a_body_that_is_not_json_is_bad_request(product: Product, target: str, path: str, content: bytes) -> None:
    before = state(product)
    reply = product.api.post(path.format(target), content=content)
    expected = (400, "bad_request", "Invalid JSON payload received or JSON payload is empty.")
    assert refusal(reply) == expected
    assert state(product) == before


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("content", [b"[]", b'"a"', b"7", b"true", b'[{"name": "a"}]'])
def test_a_body_that_is_no_object_is_400(product: Product, target: str, path: str, content: bytes) -> None:
    before = state(product)
    status, code, _ = refusal(product.api.post(path.format(target), content=content))
    assert (status, code) == (400, "invalid_param")
    assert state(product) == before


@pytest.mark.parametrize("path", ["/v1/datasets", "/v1/datasets/{}/document/create-by-text"])
@pytest.mark.parametrize("content", [b"", b"null", b" "])
def test_an_empty_body_is_bad_request_where_something_is_required(
    product: Product, target: str, path: str, content: bytes
) -> None:
    reply = product.api.post(path.format(target), content=content)
    assert refusal(reply)[:2] == (400, "bad_request")


@pytest.mark.parametrize("path", BODIES)
def test_half_a_surrogate_anywhere_is_400(product: Product, target: str, path: str) -> None:
    before = state(product)
    body = BODIES[path]
    wrong = [{**body, field: HALF} for field in body] + [{**body, "stray": {"deep": [HALF]}}, {**body, HALF: 1}]
    for each in wrong:
        reply = product.api.post(path.format(target), content=json.dumps(each).encode())
        assert refusal(reply)[:2] == (400, "bad_request")
    assert state(product) == before


def test_half_a_surrogate_in_data_is_400(product: Product, target: str) -> None:
    before = state(product)
    path = f"/v1/datasets/{target}/document/create-by-file"
    data = json.dumps({"indexing_technique": "economy", "process_rule": {"mode": "automatic"}, "name": HALF})
    reply = product.api.post(path, data={"data": data}, files={"file": ("a.txt", b"a")})
    assert refusal(reply)[0] == 400
    assert state(product) == before


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("missing", ["name", "text", "query"])
def test_a_missing_field_is_named(product: Product, target: str, path: str, missing: str) -> None:
    body = dict(BODIES[path])
    if missing not in body:
        return
    del body[missing]
    reply = product.api.post(path.format(target), json={**body, "other": 1})
    check(product, reply, missing)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    "path", ["/v1/datasets/1", "/v1/datasets/{}/documents/1", "/v1/datasets/%00", "/v1/datasets/{}x"]
)
def test_a_malformed_id_is_404(product: Product, target: str, method: str, path: str) -> None:
    reply = product.api.request(method, path.format(target))
    status, code, message = refusal(reply)
    assert (status, code) == (404, "not_found")
    assert message.startswith("The requested URL was not found on the server.")
