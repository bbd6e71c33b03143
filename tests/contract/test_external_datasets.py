"""Datasets that an external source answers for: bound, shown, changed and asked (contract 10.2)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.contract.calls import UNKNOWN, got, refusal, state
from tests.external_source import KEY, ExternalSource
from tests.product import Product, open_product
from zhiku.db.engine import Database
from zhiku.http import runtime
from zhiku.outbound import call

REFUSED = (400, "invalid_param", "External datasets are not supported.")
OWLS = {"content": "Owls hunt at night.", "score": 0.9, "title": "birds.md", "metadata": {"page": 3, "tags": ["a"]}}
CATS = {"content": "Cats sleep by day.", "score": 0.4, "title": "cats.md", "metadata": None}


@pytest.fixture
def source() -> Iterator[ExternalSource]:
    with ExternalSource() as opened:
        yield opened


@pytest.fixture
def product(tmp_path: Path, sqlite_database: Database) -> Iterator[Product]:
    """A whole Zhiku whose operator allows loopback."""
    with open_product(tmp_path / "data", sqlite_database, outbound_hosts="127.0.0.1") as opened:
        yield opened


@pytest.fixture
def connection_id(product: Product, source: ExternalSource) -> str:
    body = {"name": "Other", "settings": {"endpoint": source.endpoint, "api_key": KEY}}
    made = got(product.api.post("/v1/datasets/external-knowledge-api", json=body))["id"]
    source.asked.clear()
    return made


@pytest.fixture
def dataset_id(product: Product, connection_id: str) -> str:
    """An external dataset."""
    return product.create_dataset(
        "Far", provider="external", external_knowledge_api_id=connection_id, external_knowledge_id="manual"
    )


def ask(product: Product, dataset_id: str, **body: Any) -> Any:
    return product.api.post(f"/v1/datasets/{dataset_id}/retrieve", json={"query": "owls"} | body)


def records(product: Product, dataset_id: str, **body: Any) -> list[dict[str, Any]]:
    return got(ask(product, dataset_id, **body))["records"]


def patch(product: Product, dataset_id: str, **body: Any) -> Any:
    return product.api.patch(f"/v1/datasets/{dataset_id}", json=body)


def test_an_external_dataset_shows_its_source(
    product: Product, source: ExternalSource, connection_id: str, dataset_id: str
) -> None:
    body = got(product.api.get(f"/v1/datasets/{dataset_id}"))
    assert body["provider"] == "external"
    assert body["external_knowledge_info"] == {
        "external_knowledge_id": "manual",
        "external_knowledge_api_id": connection_id,
        "external_knowledge_api_name": "Other",
        "external_knowledge_api_endpoint": source.endpoint,
    }
    assert body["external_retrieval_model"] == {"top_k": 2, "score_threshold": 0.0, "score_threshold_enabled": False}
    for field in ("indexing_technique", "data_source_type", "doc_form", "embedding_model"):
        assert body[field] is None
    assert body["embedding_available"] is True
    assert got(product.api.get("/v1/datasets"))["data"] == [body]


def test_an_external_dataset_has_no_index_whatever_is_sent(product: Product, connection_id: str) -> None:
    ids = {"external_knowledge_api_id": connection_id.upper(), "external_knowledge_id": "manual"}
    index = {"indexing_technique": "high_quality", "embedding_model": "unknown", "embedding_model_provider": "nobody"}
    made = product.create_dataset("Far", provider="external", **ids, **index)
    assert got(patch(product, made, indexing_technique="high_quality"))["indexing_technique"] is None


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ({}, "external_knowledge_id is required"),
        ({"external_knowledge_id": "", "external_knowledge_api_id": UNKNOWN}, "external_knowledge_id is required"),
        ({"external_knowledge_id": "k", "external_knowledge_api_id": ""}, "external_knowledge_api_id is required"),
        ({"external_knowledge_id": "k", "external_knowledge_api_id": UNKNOWN}, "External API template not found."),
        ({"external_knowledge_id": "k", "external_knowledge_api_id": "x" * 99}, "External API template not found."),
    ],
)
def test_a_dataset_without_a_whole_binding_is_refused(product: Product, ids: dict[str, str], message: str) -> None:
    before = state(product)
    reply = product.api.post("/v1/datasets", json={"name": "Far", "provider": "external", **ids})
    assert refusal(reply) == (400, "invalid_param", message)
    assert state(product) == before


def test_the_ids_are_optional_when_it_is_changed(
    product: Product, source: ExternalSource, connection_id: str, dataset_id: str
) -> None:
    body = got(patch(product, dataset_id, external_knowledge_id="atlas"))
    assert body["external_knowledge_info"]["external_knowledge_id"] == "atlas"
    assert body["external_knowledge_info"]["external_knowledge_api_id"] == connection_id
    settings = {"endpoint": source.endpoint, "api_key": KEY}
    route = "/v1/datasets/external-knowledge-api"
    other = got(product.api.post(route, json={"name": "Third", "settings": settings}))["id"]
    info = got(patch(product, dataset_id, external_knowledge_api_id=other.upper()))["external_knowledge_info"]
    assert (info["external_knowledge_api_id"], info["external_knowledge_api_name"]) == (other, "Third")
    assert info["external_knowledge_id"] == "atlas"
    # Clients that fill in all fields send what they do not know empty.
    assert (
        got(patch(product, dataset_id, external_knowledge_api_id="", external_knowledge_id="", name="Renamed"))[
            "external_knowledge_info"
        ]
        == info
    )


@pytest.mark.parametrize("unknown", [UNKNOWN, "no uuid", "x" * 99])
def test_an_unknown_connection_is_400_and_changes_nothing(product: Product, dataset_id: str, unknown: str) -> None:
    before = got(product.api.get(f"/v1/datasets/{dataset_id}"))
    reply = patch(product, dataset_id, name="Renamed", external_knowledge_api_id=unknown)
    assert refusal(reply) == (400, "invalid_param", "api template not found")
    assert got(product.api.get(f"/v1/datasets/{dataset_id}")) == before


def test_how_it_is_asked_changes_field_by_field(product: Product, dataset_id: str) -> None:
    got(patch(product, dataset_id, external_retrieval_model={"top_k": 7}))
    model = got(patch(product, dataset_id, external_retrieval_model={"score_threshold": 0.5}))[
        "external_retrieval_model"
    ]
    assert model == {"top_k": 7, "score_threshold": 0.5, "score_threshold_enabled": False}


@pytest.mark.parametrize("value", ["x", [], {"top_k": 0}, {"top_k": "many"}, {"top_k": 201}, {"top_k": True},
                                   {"score_threshold": "high"}, {"score_threshold_enabled": 3}])  # fmt: skip
def test_a_wrong_external_retrieval_model_is_400(product: Product, dataset_id: str, value: Any) -> None:
    for reply in (
        patch(product, dataset_id, external_retrieval_model=value),
        ask(product, dataset_id, external_retrieval_model=value),
    ):
        status, code, message = refusal(reply)
        assert (status, code) == (400, "invalid_param")
        assert message.startswith("external_retrieval_model")


def test_it_has_no_documents_and_takes_none(product: Product, dataset_id: str) -> None:
    path = f"/v1/datasets/{dataset_id}"
    assert got(product.api.get(f"{path}/documents"))["data"] == []
    text = {"name": "a", "text": "a", "indexing_technique": "economy"}
    file = {"file": ("a.txt", b"a")}
    for reply in (
        product.api.post(f"{path}/document/create-by-text", json=text),
        product.api.post(f"{path}/document/create_by_text", json=text),
        product.api.post(f"{path}/document/create-by-file", files=file, data={"data": json.dumps(text)}),
        product.api.post(f"{path}/document/create-by-file", files=file, data={"data": "{"}),
        product.api.post(f"{path}/documents/{UNKNOWN}/update-by-text", json={"text": "a"}),
        product.api.post(f"{path}/documents/{UNKNOWN}/update-by-file", files=file),
        product.api.patch(f"{path}/documents/{UNKNOWN}", files=file),
    ):
        assert refusal(reply) == REFUSED


def test_a_question_is_forwarded_with_the_stored_settings(
    product: Product, source: ExternalSource, dataset_id: str
) -> None:
    source.answer(OWLS)
    got(ask(product, dataset_id))
    call = source.asked[-1]
    assert (call.path, call.authorization) == ("/v1/retrieval", f"Bearer {KEY}")
    assert call.question == {
        "retrieval_setting": {"top_k": 2, "score_threshold": 0.0},
        "query": "owls",
        "knowledge_id": "manual",
        "metadata_condition": None,
    }


def test_the_threshold_is_0_unless_it_is_enabled_and_the_request_comes_first(
    product: Product, source: ExternalSource, dataset_id: str
) -> None:
    def setting(**model: Any) -> Any:
        got(ask(product, dataset_id, external_retrieval_model=model))
        return source.asked[-1].question["retrieval_setting"]

    got(patch(product, dataset_id, external_retrieval_model={"top_k": 5, "score_threshold": 0.3}))
    assert setting() == {"top_k": 5, "score_threshold": 0.0}
    assert setting(score_threshold_enabled=True) == {"top_k": 5, "score_threshold": 0.3}
    assert setting(top_k=9, score_threshold=0.1, score_threshold_enabled=True) == {"top_k": 9, "score_threshold": 0.1}
    assert setting(top_k=None) == {"top_k": 5, "score_threshold": 0.0}


@pytest.mark.parametrize("place", ["retrieval_model", None])
def test_metadata_conditions_are_forwarded(
    product: Product, source: ExternalSource, dataset_id: str, place: str | None
) -> None:
    condition = {"name": "animal", "comparison_operator": "is", "value": "owl"}
    sent = {"metadata_filtering_conditions": {"logical_operator": "or", "conditions": [condition]}}
    got(ask(product, dataset_id, **({place: {"search_method": "semantic_search"} | sent} if place else sent)))
    assert source.asked[-1].question["metadata_condition"] == {"logical_operator": "or", "conditions": [condition]}


def test_a_record_has_the_shape_of_a_dataset_s_own_and_the_source_s(
    product: Product, source: ExternalSource, dataset_id: str
) -> None:
    source.answer(OWLS)
    body = got(ask(product, dataset_id))
    assert body["query"] == {"content": "owls"}
    (record,) = body["records"]
    segment = record["segment"]
    assert (record["content"], record["title"], record["score"]) == (OWLS["content"], OWLS["title"], OWLS["score"])
    assert record["metadata"] == segment["document"]["doc_metadata"] == OWLS["metadata"]
    assert (segment["content"], segment["document"]["name"]) == (OWLS["content"], OWLS["title"])
    assert (segment["status"], segment["enabled"], record["child_chunks"]) == ("completed", True, [])
    assert segment["document_id"] == segment["document"]["id"] == str(UUID(segment["document_id"]))


def test_ids_are_the_same_whenever_the_source_sends_the_same_text(
    product: Product, source: ExternalSource, dataset_id: str
) -> None:
    def ids() -> dict[str, tuple[str, str]]:
        found = records(product, dataset_id)
        return {each["content"]: (each["segment"]["id"], each["segment"]["document_id"]) for each in found}

    source.answer(OWLS, CATS)
    first = ids()
    source.answer(CATS, OWLS | {"score": 0.1})
    assert ids() == first
    assert len({each for pair in first.values() for each in pair}) == 4


def test_records_are_sorted_by_score_and_cut(product: Product, source: ExternalSource, dataset_id: str) -> None:
    source.answer(CATS, OWLS, OWLS, {"content": "Dogs bark.", "score": 0.5, "title": "dogs"})

    def contents(**model: Any) -> list[str]:
        return [each["content"][:4] for each in records(product, dataset_id, external_retrieval_model=model)]

    assert contents() == ["Owls", "Dogs"]
    assert contents(top_k=10) == ["Owls", "Dogs", "Cats"]
    assert contents(top_k=10, score_threshold=0.5, score_threshold_enabled=True) == ["Owls", "Dogs"]
    assert contents(top_k=10, score_threshold=0.5) == ["Owls", "Dogs", "Cats"]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ({}, ("", "", 0.0, {})),
        ({"content": None, "title": None, "score": None, "metadata": None}, ("", "", 0.0, {})),
        ({"content": 7, "title": ["a"], "score": "high", "metadata": "x"}, ("7", '["a"]', 0.0, {})),
        ({"content": "a", "title": "b", "score": 7, "metadata": {"a": {"b": [1, None]}}},
         ("a", "b", 1.0, {"a": {"b": [1, None]}})),
        ({"content": "a", "score": -1, "metadata": {"big": 10**30}}, ("a", "", 0.0, {"big": 10**30})),
        ({"content": "a", "score": True}, ("a", "", 0.0, {})),
    ],
)  # fmt: skip
def test_what_a_source_leaves_out_or_sends_wrong_is_filled_in(
    product: Product, source: ExternalSource, dataset_id: str, sent: dict[str, Any], shown: tuple[Any, ...]
) -> None:
    source.answer(sent)
    (record,) = records(product, dataset_id)
    assert (record["content"], record["title"], record["score"], record["metadata"]) == shown


@pytest.mark.parametrize(
    ("status", "content", "message"),
    [
        (500, b"quota exhausted", "quota exhausted"),
        (403, b'{"error_code": 1002}', '{"error_code": 1002}'),
        (404, b"", "The external source answered 404."),
        (503, b"x" * 2000, "x" * 500),
        (200, b"<html>welcome</html>", "<html>welcome</html>"),
        (200, b"", "The external source sent no JSON."),
        (200, b'{"records": {}}', '{"records": {}}'),
        (200, b'{"found": []}', '{"found": []}'),
        (200, b"[]", "[]"),
        (200, b"null", "null"),
        (200, b'{"records": ["a"]}', '{"records": ["a"]}'),
        (200, b"[" * 200_000, "[" * 500),
        (200, b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_a_source_that_fails_is_400_in_its_own_words(
    product: Product, source: ExternalSource, dataset_id: str, status: int, content: bytes, message: str
) -> None:
    source.say(content, status)
    assert refusal(ask(product, dataset_id)) == (400, "invalid_param", message)


def test_the_key_is_never_repeated_from_a_refusal(product: Product, source: ExternalSource, dataset_id: str) -> None:
    source.say(f"bad key {KEY}\n".encode(), 401)
    assert refusal(ask(product, dataset_id))[2] == "bad key ***"


def test_a_redirect_is_not_followed(product: Product, source: ExternalSource, dataset_id: str) -> None:
    with ExternalSource() as elsewhere:
        for status in (301, 302, 307, 308):
            source.say(b"", status)
            source.headers = {"Location": f"{elsewhere.endpoint}/retrieval"}
            assert refusal(ask(product, dataset_id))[2] == f"The external source answered {status}."
        assert elsewhere.asked == []


def test_a_source_that_is_gone_or_no_longer_allowed_is_400(
    tmp_path: Path, product: Product, dataset_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product.rt.settings, "outbound_hosts", None)
    assert "ZHIKU_OUTBOUND_HOSTS" in refusal(ask(product, dataset_id))[2]
    monkeypatch.setattr(product.rt.settings, "outbound_hosts", "127.0.0.1")
    product.rt.settings.secret_key_file.unlink()
    assert "enter it again" in refusal(ask(product, dataset_id))[2]


@pytest.mark.parametrize("how", ["is_slow", "is_dripping"])
def test_a_source_that_takes_too_long_is_given_up_and_holds_up_nobody_else(
    product: Product, source: ExternalSource, dataset_id: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call.CallLimits.__init__, "__defaults__", (0.3, 1000))
    setattr(source, how, True)
    status, code, message = refusal(ask(product, dataset_id))
    assert (status, code) == (400, "invalid_param")
    assert message == "The external source did not answer within 0.3 seconds."


def test_an_answer_without_end_is_refused(
    product: Product, source: ExternalSource, dataset_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call.CallLimits.__init__, "__defaults__", (10, 1 << 20))
    source.say(b"x" * ((1 << 20) + 1))
    assert "more than 1 MB" in refusal(ask(product, dataset_id))[2]


def test_a_question_without_a_query_is_refused_and_one_of_images_finds_nothing(
    product: Product, source: ExternalSource, dataset_id: str
) -> None:
    message = "Query or attachment_ids is required"
    assert refusal(ask(product, dataset_id, query=" ")) == (400, "invalid_param", message)
    assert refusal(ask(product, dataset_id, query="x" * 251))[0] == 400
    assert records(product, dataset_id, query="", attachment_ids=["a"]) == []
    assert source.asked == []


def test_waiting_for_a_source_has_threads_of_its_own(
    product: Product, source: ExternalSource, dataset_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a request thread waits for the source")

    monkeypatch.setattr(runtime._threads, "submit", refuse)  # pyright: ignore[reportPrivateUsage]
    source.answer(OWLS)
    assert len(records(product, dataset_id)) == 1


def test_a_deleted_external_dataset_frees_its_connection(product: Product, connection_id: str, dataset_id: str) -> None:
    assert product.api.delete(f"/v1/datasets/{dataset_id}").status_code == 204
    product.settle()
    assert product.api.delete(f"/v1/datasets/external-knowledge-api/{connection_id}").status_code == 204


def test_an_external_dataset_is_not_mounted_by_others(product: Product, dataset_id: str) -> None:
    body = {"knowledge_id": dataset_id, "query": "owls", "retrieval_setting": {"top_k": 1, "score_threshold": 0}}
    reply = product.api.post("/v1/retrieval", json=body)
    assert (reply.status_code, reply.json()["error_code"]) == (400, 1003)


def test_an_app_leaves_external_datasets_out(product: Product, source: ExternalSource, dataset_id: str) -> None:
    near = product.create_dataset("Near", indexing_technique="high_quality")
    product.add_text(near, "owls", "Owls hunt at night.")
    product.settle()
    app = got(product.api.post("/v1/apps", json={"name": "Both", "dataset_ids": [dataset_id, near]}))["id"]
    found = got(product.api.post(f"/v1/apps/{app}/retrieve", json={"query": "owls"}))["records"]
    assert [each["segment"]["content"] for each in found] == ["Owls hunt at night."]
    assert source.asked == []
