"""Create, list, get and delete datasets (contract 1.2, 2.3, 2.4, 3.1, 3.2)."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.contract.calls import UNKNOWN, UUID, got, refusal, state
from tests.product import Product

DEFAULT_MODEL = {
    "search_method": "semantic_search",
    "reranking_enable": False,
    "reranking_mode": None,
    "reranking_model": {"reranking_provider_name": "", "reranking_model_name": ""},
    "weights": None,
    "top_k": 3,
    "score_threshold_enabled": False,
    "score_threshold": None,
}
COUNTS = ("app_count", "document_count", "word_count", "total_documents", "total_available_documents")
NULLS = (
    "data_source_type",
    "indexing_technique",
    "doc_form",
    "embedding_model",
    "embedding_model_provider",
    "summary_index_setting",
    "external_knowledge_info",
    "external_retrieval_model",
    "pipeline_id",
    "chunk_structure",
    "icon_info",
)


def create(product: Product, name: str, **fields: Any) -> dict[str, Any]:
    return got(product.api.post("/v1/datasets", json={"name": name, **fields}))


def test_a_new_dataset_is_returned_whole_with_the_defaults_of_the_contract(product: Product, name: str) -> None:
    made = create(product, name)
    assert UUID.fullmatch(made.pop("id")) and UUID.fullmatch(made["created_by"])
    assert isinstance(made["created_at"], int) and made["updated_at"] == made["created_at"]
    assert made["updated_by"] == made["created_by"]
    assert made["maintainer"] == made["author_name"] == "admin"
    expected = {
        **dict.fromkeys(NULLS),
        **dict.fromkeys(COUNTS, 0),
        "name": name,
        "description": "",
        "provider": "vendor",
        "permission": "only_me",
        "embedding_available": True,
        "retrieval_model_dict": DEFAULT_MODEL,
        "tags": [],
        "doc_metadata": [],
        "built_in_field_enabled": False,
        "runtime_mode": "general",
        "is_published": False,
        "enable_api": True,
        "is_multimodal": False,
    }
    known = {"created_by", "created_at", "updated_by", "updated_at", "author_name", "maintainer"}
    assert {key: value for key, value in made.items() if key not in known} == expected


def test_create_get_and_list_show_the_same_dataset(product: Product, name: str) -> None:
    made = create(product, name, description="all about it", indexing_technique="economy")
    assert got(product.api.get(f"/v1/datasets/{made['id']}")) == made
    assert made in got(product.api.get("/v1/datasets?limit=100"))["data"]


@pytest.mark.parametrize(
    "sent",
    ["x", "x" * 40, "知" * 40, "🐙" * 40, " spaces stay ", "e\u0301", "\u00e9", 'quotes "\\/', "%_", "a\u2028b"],
)
def test_a_name_has_1_to_40_code_points_and_is_stored_as_sent(fresh: Product, sent: str) -> None:
    made = create(fresh, sent)
    assert made["name"] == sent
    assert got(fresh.api.get(f"/v1/datasets/{made['id']}"))["name"] == sent


def test_a_taken_name_is_409_and_makes_nothing(product: Product, name: str) -> None:
    create(product, name)
    before = state(product)
    reply = product.api.post("/v1/datasets", json={"name": name})
    assert refusal(reply) == (
        409,
        "dataset_name_duplicate",
        "The dataset name already exists. Please modify your dataset name.",
    )
    assert state(product) == before


def test_names_are_compared_exactly_and_case_sensitively(product: Product, name: str) -> None:
    for other in (name, name.upper(), name + " ", " " + name, name + "é", name + "É"):
        assert create(product, other)["name"] == other


def test_a_race_for_a_name_has_exactly_one_winner(product: Product, name: str) -> None:
    def attempt(_: int) -> int:
        return product.api.post("/v1/datasets", json={"name": name}).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(attempt, range(8)))
    assert statuses == [200] + [409] * 7


def test_a_null_for_an_optional_field_is_an_absent_one(product: Product, name: str) -> None:
    optional = (
        "description",
        "indexing_technique",
        "permission",
        "provider",
        "embedding_model",
        "embedding_model_provider",
        "retrieval_model",
        "external_knowledge_api_id",
        "external_knowledge_id",
        "summary_index_setting",
        "partial_member_list",
    )
    made = create(product, name, **dict.fromkeys(optional))
    assert (made["description"], made["permission"], made["provider"]) == ("", "only_me", "vendor")
    assert made["retrieval_model_dict"] == DEFAULT_MODEL


def test_unknown_fields_are_ignored(product: Product, name: str) -> None:
    made = create(product, name, colour="red", id=UNKNOWN, created_at=1)
    assert made["id"] != UNKNOWN and "colour" not in made


def test_a_high_quality_dataset_without_a_model_gets_the_default_one(product: Product, name: str) -> None:
    made = create(product, name, indexing_technique="high_quality")
    assert (made["embedding_model_provider"], made["embedding_model"]) == ("test", "words")
    assert made["embedding_available"] is True


@pytest.mark.parametrize(
    "given",
    [
        {"embedding_model": "words"},
        {"embedding_model_provider": "test"},
        {"embedding_model": "words", "embedding_model_provider": "test"},
        {"embedding_model": "words", "embedding_model_provider": "langgenius/test/test"},
        {"embedding_model": "words", "embedding_model_provider": "Test"},
    ],
)
def test_a_model_is_echoed_as_sent_and_one_name_alone_is_resolved(
    product: Product, name: str, given: dict[str, str]
) -> None:
    made = create(product, name, indexing_technique="high_quality", **given)
    expected = {"embedding_model": "words", "embedding_model_provider": "test"} | given
    assert {key: made[key] for key in expected} == expected
    assert made["embedding_available"] is True


@pytest.mark.parametrize(
    "given",
    [
        {"embedding_model": "unknown"},
        {"embedding_model_provider": "unknown"},
        {"embedding_model": "words", "embedding_model_provider": "other"},
        {"embedding_model": "other", "embedding_model_provider": "test"},
        {"embedding_model": "words", "embedding_model_provider": "a/b"},
    ],
)
def test_an_unknown_embedding_model_is_400_for_high_quality(product: Product, name: str, given: dict[str, str]) -> None:
    before = state(product)
    reply = product.api.post("/v1/datasets", json={"name": name, "indexing_technique": "high_quality", **given})
    assert refusal(reply) == (
        400,
        "invalid_param",
        "No Embedding Model available. Please configure a valid provider in the Settings -> Model Provider.",
    )
    assert state(product) == before


@pytest.mark.parametrize("technique", ["economy", None])
def test_embedding_fields_are_not_validated_without_high_quality(
    product: Product, name: str, technique: str | None
) -> None:
    fields = {"embedding_model": "unknown", "embedding_model_provider": "unknown"}
    made = create(product, name, indexing_technique=technique, **fields)
    assert made["indexing_technique"] == technique
    assert made["embedding_available"] is True


def test_embedding_fields_without_technique_are_remembered_for_the_first_document(product: Product, name: str) -> None:
    made = create(product, name, embedding_model="words", embedding_model_provider="langgenius/test/test")
    product.add_text(made["id"], "first", "alpha", indexing_technique="high_quality")
    now = got(product.api.get(f"/v1/datasets/{made['id']}"))
    assert now["indexing_technique"] == "high_quality"
    assert (now["embedding_model"], now["embedding_model_provider"]) == ("words", "langgenius/test/test")


def test_both_rerank_names_given_and_unknown_is_400(product: Product, name: str) -> None:
    rerank = {"reranking_provider_name": "cohere", "reranking_model_name": "rerank-3"}
    model = {"search_method": "hybrid_search", "reranking_enable": True, "reranking_model": rerank}
    before = state(product)
    reply = product.api.post("/v1/datasets", json={"name": name, "retrieval_model": model})
    assert refusal(reply) == (
        400,
        "invalid_param",
        "No Rerank Model available. Please configure a valid provider in the Settings -> Model Provider.",
    )
    assert state(product) == before


def test_an_unknown_rerank_model_is_accepted_while_reranking_is_off(product: Product, name: str) -> None:
    rerank = {"reranking_provider_name": "cohere", "reranking_model_name": "rerank-3"}
    made = create(product, name, retrieval_model={"search_method": "hybrid_search", "reranking_model": rerank})
    assert made["retrieval_model_dict"]["reranking_model"] == rerank


@pytest.mark.parametrize(
    "sent",
    [
        {"search_method": "semantic_search"},
        {},
        {"reranking_mode": ""},
        {"reranking_model": None, "weights": None, "score_threshold": None, "top_k": None},
        {"stray": 1},
    ],
)
def test_a_partial_retrieval_model_gets_the_defaults(product: Product, name: str, sent: dict[str, Any]) -> None:
    assert create(product, name, retrieval_model=sent)["retrieval_model_dict"] == DEFAULT_MODEL


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ({"top_k": "7"}, {"top_k": 7}),
        ({"top_k": 7.0}, {"top_k": 7}),
        ({"score_threshold": "0.5"}, {"score_threshold": 0.5}),
        ({"score_threshold": 1}, {"score_threshold": 1}),
        ({"search_method": "hybrid_search"}, {"search_method": "hybrid_search"}),
        ({"reranking_mode": "weighted_score"}, {"reranking_mode": "weighted_score"}),
        (
            {"reranking_mode": {"reranking_provider_name": "p", "reranking_model_name": "m"}},
            {
                "reranking_mode": None,
                "reranking_model": {"reranking_provider_name": "p", "reranking_model_name": "m"},
            },
        ),
    ],
)
def test_a_retrieval_model_is_accepted_in_every_documented_shape(
    product: Product, name: str, sent: dict[str, Any], shown: dict[str, Any]
) -> None:
    assert create(product, name, retrieval_model=sent)["retrieval_model_dict"] == DEFAULT_MODEL | shown


def test_a_number_as_weights_is_the_semantic_share(product: Product, name: str) -> None:
    weights = create(product, name, retrieval_model={"weights": 0.75})["retrieval_model_dict"]["weights"]
    assert weights["vector_setting"]["vector_weight"] == 0.75
    assert weights["keyword_setting"]["keyword_weight"] == 0.25


def test_weights_come_back_as_sent(product: Product, name: str) -> None:
    weights = {
        "weight_type": "customized",
        "vector_setting": {"vector_weight": 0.9, "embedding_provider_name": "p", "embedding_model_name": "m"},
        "keyword_setting": {"keyword_weight": 0.4},
    }
    assert create(product, name, retrieval_model={"weights": weights})["retrieval_model_dict"]["weights"] == weights


def test_an_economy_dataset_shows_keyword_search(product: Product, name: str) -> None:
    made = create(product, name, indexing_technique="economy", retrieval_model={"search_method": "hybrid_search"})
    shown = got(product.api.get(f"/v1/datasets/{made['id']}"))
    assert shown["retrieval_model_dict"]["search_method"] == "keyword_search"
    assert shown["embedding_model"] is None


def test_the_member_list_is_shown_only_for_partial_members(product: Product, name: str) -> None:
    members = [{"user_id": "a"}, "b"]
    made = create(product, name, permission="partial_members", partial_member_list=members)
    assert made["partial_member_list"] == ["a", "b"]
    other = create(product, name + "2", permission="all_team_members", partial_member_list=members)
    assert "partial_member_list" not in other


def test_a_summary_index_setting_is_stored(product: Product, name: str) -> None:
    setting = {"enable": True, "model_name": "m", "model_provider_name": "p", "summary_prompt": "sum up"}
    assert create(product, name, summary_index_setting=setting)["summary_index_setting"] == setting


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ({"external_knowledge_api_id": UNKNOWN}, "external_knowledge_id is required"),
        ({"external_knowledge_id": "k"}, "external_knowledge_api_id is required"),
        ({"external_knowledge_id": "k", "external_knowledge_api_id": UNKNOWN}, "External API template not found."),
        ({"external_knowledge_id": "k", "external_knowledge_api_id": "no uuid"}, "External API template not found."),
    ],
)
def test_an_external_dataset_needs_a_known_connection(
    product: Product, name: str, ids: dict[str, str], message: str
) -> None:
    before = state(product)
    reply = product.api.post("/v1/datasets", json={"name": name, "provider": "external", **ids})
    assert refusal(reply) == (400, "invalid_param", message)
    assert state(product) == before


def test_counts_cover_all_documents_in_any_state(product: Product, name: str) -> None:
    dataset_id = product.create_dataset(name)
    product.add_text(dataset_id, "done", "alpha beta")
    product.settle()
    product.add_text(dataset_id, "waiting", "gamma")
    shown = got(product.api.get(f"/v1/datasets/{dataset_id}"))
    assert (shown["document_count"], shown["total_documents"], shown["total_available_documents"]) == (2, 2, 1)
    assert shown["word_count"] == len("alpha beta")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_dataset_is_404(product: Product, method: str) -> None:
    reply = product.api.request(method, f"/v1/datasets/{UNKNOWN}")
    assert refusal(reply) == (404, "not_found", "Dataset not found.")


def test_an_id_in_upper_case_is_the_same_dataset(product: Product, dataset_id: str) -> None:
    assert got(product.api.get(f"/v1/datasets/{dataset_id.upper()}"))["id"] == dataset_id


def test_a_deleted_dataset_is_gone_and_a_second_delete_is_404(product: Product, dataset_id: str) -> None:
    made = product.add_text(dataset_id, "gone", "alpha")
    product.settle()
    reply = product.api.delete(f"/v1/datasets/{dataset_id}")
    assert (reply.status_code, reply.content, "content-type" in reply.headers) == (204, b"", False)
    document = f"/v1/datasets/{dataset_id}/documents/{made['document']['id']}"
    for path in (
        f"/v1/datasets/{dataset_id}",
        document,
        f"{document}/segments",
        f"/v1/datasets/{dataset_id}/documents",
    ):
        assert refusal(product.api.get(path)) == (404, "not_found", "Dataset not found.")
    assert product.api.post(f"/v1/datasets/{dataset_id}/retrieve", json={"query": "alpha"}).status_code == 404
    assert refusal(product.api.delete(f"/v1/datasets/{dataset_id}"))[0] == 404


def test_a_dataset_whose_documents_are_being_indexed_can_be_deleted(product: Product, dataset_id: str) -> None:
    product.add_text(dataset_id, "waiting", "alpha")
    assert product.api.delete(f"/v1/datasets/{dataset_id}").status_code == 204
    product.settle()


def test_the_name_of_a_deleted_dataset_is_free(product: Product, name: str) -> None:
    product.api.delete(f"/v1/datasets/{product.create_dataset(name)}")
    assert create(product, name)["name"] == name
