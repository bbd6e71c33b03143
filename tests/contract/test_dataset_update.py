"""Change a dataset's settings: PATCH /datasets/{id} (contract 3.2-4, D18, D28 to D31, D34, D36, 13)."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest

from tests.contract.calls import UNKNOWN, by_line, got, refusal, state
from tests.fake_clock import FakeClock
from tests.product import Product, open_product

NO_MODEL = "No Embedding Model available. Please configure a valid provider in the Settings -> Model Provider."
NO_RERANK = "No Rerank Model available. Please configure a valid provider in the Settings -> Model Provider."
OFF = (403, "forbidden", "Dataset api access is not enabled.")
MEMBERS = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"]
DEFAULTS: dict[str, Any] = {
    "search_method": "semantic_search",
    "reranking_enable": False,
    "reranking_mode": None,
    "reranking_model": {"reranking_provider_name": "", "reranking_model_name": ""},
    "weights": None,
    "top_k": 3,
    "score_threshold_enabled": False,
    "score_threshold": None,
}
_numbers = count(1)


def patch(product: Product, dataset_id: str, **fields: Any) -> Any:
    return product.api.patch(f"/v1/datasets/{dataset_id}", json=fields)


def changed(product: Product, dataset_id: str, **fields: Any) -> dict[str, Any]:
    """Return the reply of an update, which shows what a following read shows, and the members beside it."""
    body = got(patch(product, dataset_id, **fields))
    read = got(product.api.get(f"/v1/datasets/{dataset_id}"))
    assert {**body, "partial_member_list": None} == {**read, "partial_member_list": None}
    return body


def show(product: Product, dataset_id: str) -> dict[str, Any]:
    return got(product.api.get(f"/v1/datasets/{dataset_id}"))


def test_a_new_name_is_shown_from_then_on(product: Product, dataset_id: str) -> None:
    name = f"renamed {next(_numbers)}"
    assert changed(product, dataset_id, name=name)["name"] == name


def test_a_name_of_another_dataset_is_400_and_changes_nothing(product: Product, dataset_id: str, name: str) -> None:
    taken = product.create_dataset(f"taken {next(_numbers)}")
    before = show(product, dataset_id)
    reply = patch(product, dataset_id, name=show(product, taken)["name"], description="lost")
    assert refusal(reply) == (400, "invalid_param", "Dataset name already exists")
    assert show(product, dataset_id) == before


def test_renaming_to_its_own_name_is_fine(product: Product, dataset_id: str, name: str) -> None:
    assert changed(product, dataset_id, name=name)["name"] == name


def test_a_race_for_a_name_has_exactly_one_winner(product: Product) -> None:
    name = f"wanted {next(_numbers)}"
    rivals = [product.create_dataset(f"racer {next(_numbers)}") for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(lambda each: patch(product, each, name=name).status_code, rivals))
    assert statuses == [200] + [400] * 5


def test_a_description_is_replaced_and_null_empties_it(product: Product, dataset_id: str) -> None:
    assert changed(product, dataset_id, description="知" * 400)["description"] == "知" * 400
    assert changed(product, dataset_id, name=f"other {next(_numbers)}")["description"] == "知" * 400
    assert changed(product, dataset_id, description=None)["description"] == ""
    assert changed(product, dataset_id, description="")["description"] == ""


def test_an_empty_update_is_200_and_changes_nothing(product: Product, dataset_id: str) -> None:
    before = show(product, dataset_id)
    for content in (b"{}", b"", b"null", b'{"unknown": 1}'):
        body = got(product.api.patch(f"/v1/datasets/{dataset_id}", content=content))
        assert body == {**before, "partial_member_list": []}


def test_null_for_any_other_field_leaves_it(product: Product, dataset_id: str) -> None:
    changed(product, dataset_id, permission="partial_members", partial_member_list=MEMBERS, icon_info={"icon": "x"})
    before = show(product, dataset_id)
    fields = (
        "name", "indexing_technique", "permission", "embedding_model", "embedding_model_provider", "retrieval_model",
        "partial_member_list", "external_retrieval_model", "external_knowledge_id", "external_knowledge_api_id",
        "summary_index_setting", "icon_info", "enable_api",
    )  # fmt: skip
    assert got(patch(product, dataset_id, **dict.fromkeys(fields))) == before


def test_an_update_moves_updated_at_and_nothing_else_does(tmp_path: Any, sqlite_database: Any) -> None:
    clock = FakeClock()
    with open_product(tmp_path / "data", sqlite_database, clock) as product:
        dataset_id = product.create_dataset("Clocked")
        before = show(product, dataset_id)
        clock.advance(60)
        assert changed(product, dataset_id)["updated_at"] == before["updated_at"]
        after = changed(product, dataset_id, description="new")
    assert after["updated_at"] == before["updated_at"] + 60
    assert (after["created_at"], after["updated_by"]) == (before["created_at"], before["updated_by"])


def test_the_reply_has_the_member_list_whatever_the_permission(product: Product, dataset_id: str) -> None:
    assert changed(product, dataset_id, permission="all_team_members")["partial_member_list"] == []
    assert "partial_member_list" not in show(product, dataset_id)


def test_members_come_as_objects_or_bare_ids_and_are_returned_as_ids(product: Product, dataset_id: str) -> None:
    sent = [{"user_id": MEMBERS[0]}, MEMBERS[1]]
    body = changed(product, dataset_id, permission="partial_members", partial_member_list=sent)
    assert (body["permission"], body["partial_member_list"]) == ("partial_members", MEMBERS)
    assert show(product, dataset_id)["partial_member_list"] == MEMBERS


def test_partial_members_without_a_list_keeps_the_one_there_is(product: Product, dataset_id: str) -> None:
    changed(product, dataset_id, permission="partial_members", partial_member_list=MEMBERS)
    assert changed(product, dataset_id, permission="partial_members")["partial_member_list"] == MEMBERS
    assert changed(product, dataset_id, partial_member_list=MEMBERS[:1])["partial_member_list"] == MEMBERS[:1]
    assert changed(product, dataset_id, partial_member_list=[])["partial_member_list"] == []


@pytest.mark.parametrize("permission", ["only_me", "all_team_members"])
def test_another_permission_clears_the_members(product: Product, dataset_id: str, permission: str) -> None:
    changed(product, dataset_id, permission="partial_members", partial_member_list=MEMBERS)
    assert changed(product, dataset_id, permission=permission)["partial_member_list"] == []
    assert changed(product, dataset_id, partial_member_list=MEMBERS)["partial_member_list"] == []
    assert changed(product, dataset_id, permission="partial_members")["partial_member_list"] == []


def test_a_retrieval_model_replaces_the_stored_one_wholly(product: Product, dataset_id: str) -> None:
    first = {"search_method": "hybrid_search", "top_k": 7, "score_threshold_enabled": True, "score_threshold": 0.5}
    assert changed(product, dataset_id, retrieval_model=first)["retrieval_model_dict"] == DEFAULTS | first
    second = changed(product, dataset_id, retrieval_model={"search_method": "full_text_search"})
    assert second["retrieval_model_dict"] == DEFAULTS | {"search_method": "full_text_search"}


def test_older_spellings_of_weights_and_rerank_model_are_normalised(product: Product, dataset_id: str) -> None:
    model = {"reranking_provider_name": "p", "reranking_model_name": "m"}
    sent = {"search_method": "hybrid_search", "weights": 0.25, "reranking_mode": model}
    shown = changed(product, dataset_id, retrieval_model=sent)["retrieval_model_dict"]
    assert shown["reranking_model"] == model
    assert shown["weights"]["vector_setting"]["vector_weight"] == 0.25
    assert shown["weights"]["keyword_setting"]["keyword_weight"] == 0.75


def test_stored_metadata_conditions_filter_and_are_not_shown(product: Product, dataset_id: str) -> None:
    conditions = {"conditions": [{"name": "x", "comparison_operator": "is", "value": "y"}]}
    sent = {"search_method": "full_text_search", "metadata_filtering_conditions": conditions}
    for body in (changed(product, dataset_id, retrieval_model=sent), show(product, dataset_id)):
        assert set(body["retrieval_model_dict"]) == set(DEFAULTS)


def test_a_rerank_model_that_is_not_served_is_400(product: Product, dataset_id: str) -> None:
    model = {"reranking_provider_name": "nobody", "reranking_model_name": "nothing"}
    sent = {"search_method": "semantic_search", "reranking_enable": True, "reranking_model": model}
    assert refusal(patch(product, dataset_id, retrieval_model=sent)) == (400, "invalid_param", NO_RERANK)


def test_an_economy_dataset_shows_keyword_search_whatever_is_stored(product: Product, name: str) -> None:
    dataset_id = product.create_dataset(name, indexing_technique="economy")
    body = changed(product, dataset_id, retrieval_model={"search_method": "hybrid_search"})
    assert body["retrieval_model_dict"]["search_method"] == "keyword_search"


def test_summary_setting_and_icon_are_replaced_wholly(product: Product, dataset_id: str) -> None:
    summary = {"enable": True, "model_name": "m", "model_provider_name": "p", "summary_prompt": "short"}
    icon = {"icon_type": "emoji", "icon": "📙", "icon_background": "#FFF4ED", "icon_url": "https://example.org/i.png"}
    body = changed(product, dataset_id, summary_index_setting=summary, icon_info=icon)
    assert (body["summary_index_setting"], body["icon_info"]) == (summary, icon)
    body = changed(product, dataset_id, summary_index_setting={"enable": False}, icon_info={"icon": "x"})
    assert body["summary_index_setting"] == dict.fromkeys(summary) | {"enable": False}
    assert body["icon_info"] == dict.fromkeys(icon) | {"icon": "x"}


def test_a_vendor_dataset_ignores_the_external_fields(product: Product, dataset_id: str) -> None:
    before = show(product, dataset_id)
    fields = {
        "external_retrieval_model": {"top_k": 5, "score_threshold": 0.5, "score_threshold_enabled": True},
        "external_knowledge_id": "somewhere",
        "external_knowledge_api_id": UNKNOWN,
    }
    assert got(patch(product, dataset_id, **fields)) == {**before, "partial_member_list": []}


def test_a_dataset_that_is_not_there_is_404(product: Product) -> None:
    assert refusal(patch(product, UNKNOWN, name="x")) == (404, "not_found", "Dataset not found.")


def test_the_order_is_key_then_dataset_then_body(product: Product, dataset_id: str) -> None:
    path = f"/v1/datasets/{dataset_id}"
    assert product.anonymous.patch(path, content=b"{").status_code == 401
    assert product.api.patch(f"/v1/datasets/{UNKNOWN}", content=b"{").status_code == 404
    assert refusal(product.api.patch(path, content=b"{"))[:2] == (400, "bad_request")


def test_a_switched_off_dataset_answers_403_on_all_its_routes(product: Product, dataset_id: str) -> None:
    assert changed_off(product, dataset_id)["enable_api"] is False
    path = f"/v1/datasets/{dataset_id}"
    calls = [
        product.api.get(path),
        product.api.delete(path),
        product.api.get(f"{path}/documents"),
        product.api.post(f"{path}/retrieve", json={"query": "x"}),
        product.api.post(f"{path}/document/create-by-text", json={"name": "a", "text": "a"}),
        product.api.get(f"{path}/metadata"),
        product.api.get(f"{path}/tags"),
        product.api.get(f"{path}/documents/{UNKNOWN}/segments"),
    ]
    assert [refusal(call) for call in calls] == [OFF] * len(calls)
    assert dataset_id in {row["id"] for row in got(product.api.get("/v1/datasets?limit=100"))["data"]}


def changed_off(product: Product, dataset_id: str) -> dict[str, Any]:
    return got(patch(product, dataset_id, enable_api=False))


def test_an_update_of_a_switched_off_dataset_is_403_without_the_switch(product: Product, dataset_id: str) -> None:
    changed_off(product, dataset_id)
    path = f"/v1/datasets/{dataset_id}"
    bodies = (b'{"description": "x"}', b"{}", b"{", b'{"name": 7}', b'{"enable_api": null}')
    for content in bodies:
        assert refusal(product.api.patch(path, content=content)) == OFF
    assert got(patch(product, dataset_id, enable_api=False))["enable_api"] is False


def test_the_api_can_be_switched_on_again(product: Product, dataset_id: str) -> None:
    changed_off(product, dataset_id)
    body = changed(product, dataset_id, enable_api=True, description="back")
    assert (body["enable_api"], body["description"]) == (True, "back")


def test_an_undecided_dataset_remembers_a_model_for_its_first_document(product: Product, dataset_id: str) -> None:
    body = changed(product, dataset_id, embedding_model="words", embedding_model_provider="langgenius/test/test")
    assert body["indexing_technique"] is None
    product.add_text(dataset_id, "a", "first words")
    body = show(product, dataset_id)
    assert (body["indexing_technique"], body["embedding_model"]) == ("high_quality", "words")
    assert body["embedding_model_provider"] == "langgenius/test/test"


def test_an_undecided_dataset_takes_a_technique_at_once(product: Product, dataset_id: str) -> None:
    body = changed(product, dataset_id, indexing_technique="high_quality")
    assert (body["indexing_technique"], body["embedding_model"]) == ("high_quality", "words")
    assert (body["embedding_model_provider"], body["embedding_available"]) == ("test", True)


@pytest.mark.parametrize("fields", [{}, {"indexing_technique": "high_quality"}])
def test_an_embedding_model_that_is_not_served_is_400_and_changes_nothing(
    product: Product, name: str, fields: dict[str, Any]
) -> None:
    dataset_id = product.create_dataset(name, indexing_technique="high_quality")
    before = state(product), show(product, dataset_id)
    wrong = {"embedding_model": "nothing", "embedding_model_provider": "nobody", "description": "lost"}
    assert refusal(patch(product, dataset_id, **wrong, **fields)) == (400, "invalid_param", NO_MODEL)
    assert (state(product), show(product, dataset_id)) == before


def test_another_spelling_of_the_same_model_is_echoed_and_embeds_nothing(product: Product, name: str) -> None:
    dataset_id = product.create_dataset(name, indexing_technique="high_quality")
    product.add_text(dataset_id, "a", "one\ntwo", process_rule=by_line())
    product.settle()
    embedded = len(product.embedder.embedded)
    body = changed(product, dataset_id, embedding_model="words", embedding_model_provider="Langgenius/Test/test")
    assert body["embedding_model_provider"] == "Langgenius/Test/test"
    product.settle()
    assert len(product.embedder.embedded) == embedded
    assert product.retrieve(dataset_id, "two", top_k=1)[0]["segment"]["content"] == "two"


def test_updates_at_the_same_time_all_count(product: Product, dataset_id: str) -> None:
    changes: list[dict[str, Any]] = [
        {"description": "d"},
        {"permission": "all_team_members"},
        {"icon_info": {"icon": "i"}},
        {"retrieval_model": {"top_k": 9}},
        {"summary_index_setting": {"enable": True}},
        {"indexing_technique": "economy"},
    ]
    with ThreadPoolExecutor(6) as pool:
        assert [call.status_code for call in pool.map(lambda each: patch(product, dataset_id, **each), changes)] == [
            200
        ] * 6
    body = show(product, dataset_id)
    assert (body["description"], body["permission"], body["indexing_technique"]) == ("d", "all_team_members", "economy")
    assert (body["icon_info"]["icon"], body["retrieval_model_dict"]["top_k"]) == ("i", 9)
    assert body["summary_index_setting"]["enable"] is True
