"""Retrieval apps: datasets asked as one, and kept while an app holds them (contract 13, D16, 3.2-5)."""

from typing import Any

import pytest

from tests.contract.calls import UNKNOWN, UUID, by_line, counted_statements, got, refusal, state, switch_api
from tests.product import Product
from zhiku.access.service import KeyRights, create_key

APPS = "/v1/apps"
IN_USE = (
    409,
    "dataset_in_use",
    "The dataset is being used by some apps. Please remove the dataset from the apps before deleting it.",
)
HYBRID = {"search_method": "hybrid_search", "top_k": 3}


def make(product: Product, name: str, *dataset_ids: str, **fields: Any) -> str:
    return got(product.api.post(APPS, json={"name": name, "dataset_ids": dataset_ids, **fields}))["id"]


def fill(product: Product, name: str, *lines: str, **fields: Any) -> str:
    """Return the id of a dataset in which every line is a segment."""
    dataset_id = product.create_dataset(name)
    product.add_text(dataset_id, "text", "\n".join(lines), process_rule=by_line(), **fields)
    product.settle()
    return dataset_id


def ask(product: Product, app_id: str, query: str, **body: Any) -> list[dict[str, Any]]:
    reply = got(product.api.post(f"{APPS}/{app_id}/retrieve", json={"query": query, **body}))
    assert reply["query"] == {"content": query}
    return reply["records"]


def contents(records: list[dict[str, Any]]) -> list[str]:
    return [record["segment"]["content"] for record in records]


def app_count(product: Product, dataset_id: str) -> int:
    return got(product.api.get(f"/v1/datasets/{dataset_id}"))["app_count"]


def test_creating_an_app_returns_it_with_its_settings_filled_in(product: Product, dataset_id: str) -> None:
    sent = {"name": "Support", "description": "Asks", "dataset_ids": [dataset_id], "retrieval_model": HYBRID}
    made = got(product.api.post(APPS, json=sent))
    assert UUID.fullmatch(made["id"])
    assert (made["name"], made["description"], made["dataset_ids"]) == ("Support", "Asks", [dataset_id])
    assert made["retrieval_model"]["search_method"] == "hybrid_search"
    assert (made["retrieval_model"]["top_k"], made["retrieval_model"]["reranking_enable"]) == (3, False)
    assert made["created_by"] == made["updated_by"]
    assert made["created_at"] == made["updated_at"]
    assert got(product.api.get(f"{APPS}/{made['id']}")) == made
    assert got(product.api.get(f"/apps/{made['id'].upper()}")) == made


def test_an_app_keeps_the_order_of_its_datasets_and_each_of_them_once(product: Product) -> None:
    first, second = product.create_dataset("Order one"), product.create_dataset("Order two")
    app_id = make(product, "Order", second, first, second.upper())
    assert got(product.api.get(f"{APPS}/{app_id}"))["dataset_ids"] == [second, first]


def test_apps_are_listed_newest_first_a_page_at_a_time(fresh: Product) -> None:
    dataset_id = fresh.create_dataset("Guide")
    made = [make(fresh, f"App {number}", dataset_id) for number in range(3)]
    listed = got(fresh.api.get(f"{APPS}?limit=2"))
    assert [app["id"] for app in listed["data"]] == [made[2], made[1]]
    assert listed["data"][0] == got(fresh.api.get(f"{APPS}/{made[2]}"))
    assert {name: listed[name] for name in ("has_more", "limit", "total", "page")} == {
        "has_more": True, "limit": 2, "total": 3, "page": 1,
    }  # fmt: skip
    last = got(fresh.api.get(f"{APPS}?limit=2&page=2"))
    assert ([app["id"] for app in last["data"]], last["has_more"]) == ([made[0]], False)


def test_apps_are_listed_by_a_literal_part_of_their_name(fresh: Product) -> None:
    dataset_id = fresh.create_dataset("Guide")
    for name in ("Alpha", "50% off", "客服"):
        make(fresh, name, dataset_id)
    queries = ("LPH", "%25", "客", "", "none")
    found = {query: got(fresh.api.get(f"{APPS}?keyword={query}"))["total"] for query in queries}
    assert found == {"LPH": 1, "%25": 1, "客": 1, "": 3, "none": 0}


def test_listing_apps_costs_the_same_statements_for_one_and_for_many(fresh: Product) -> None:
    dataset_id = fresh.create_dataset("Guide")
    costs: list[int] = []
    for number in range(12):
        make(fresh, f"App {number}", dataset_id)
        if number in (0, 11):
            with counted_statements() as seen:
                got(fresh.api.get(APPS))
            costs.append(len(seen))
    assert costs[0] == costs[1]


def test_a_taken_app_name_is_400_and_changes_nothing(product: Product, dataset_id: str) -> None:
    make(product, "Taken", dataset_id)
    other = make(product, "Other", dataset_id)
    before = state(product)
    for reply in (
        product.api.post(APPS, json={"name": "Taken", "dataset_ids": [dataset_id]}),
        product.api.patch(f"{APPS}/{other}", json={"name": "Taken"}),
    ):
        assert refusal(reply) == (400, "invalid_param", "App name already exists")
    assert state(product) == before
    assert got(product.api.get(f"{APPS}/{other}"))["name"] == "Other"


@pytest.mark.parametrize("name", ["n" * 40, "应" * 40, "🤖" * 40, " x "])
def test_an_app_name_of_up_to_40_characters_is_stored_as_sent(product: Product, dataset_id: str, name: str) -> None:
    assert got(product.api.get(f"{APPS}/{make(product, name, dataset_id)}"))["name"] == name


def test_patching_an_app_changes_what_is_sent_and_keeps_the_rest(product: Product, dataset_id: str) -> None:
    other = product.create_dataset("Patched to")
    app_id = make(product, "Before", dataset_id, description="old", retrieval_model=HYBRID)
    before = got(product.api.get(f"{APPS}/{app_id}"))
    assert got(product.api.patch(f"{APPS}/{app_id}", json={})) == before
    assert got(product.api.patch(f"{APPS}/{app_id}", json={"name": None, "dataset_ids": None})) == before
    renamed = got(product.api.patch(f"{APPS}/{app_id}", json={"name": "After", "description": ""}))
    assert (renamed["name"], renamed["description"]) == ("After", "")
    assert (renamed["dataset_ids"], renamed["retrieval_model"]) == ([dataset_id], before["retrieval_model"])
    assert renamed["updated_at"] >= renamed["created_at"]
    moved = got(product.api.patch(f"{APPS}/{app_id}", json={"dataset_ids": [other], "retrieval_model": {"top_k": 7}}))
    assert moved["dataset_ids"] == [other]
    assert (moved["retrieval_model"]["top_k"], moved["retrieval_model"]["search_method"]) == (7, "semantic_search")
    assert (app_count(product, dataset_id), app_count(product, other)) == (0, 1)


def test_renaming_an_app_to_its_own_name_is_fine(product: Product, dataset_id: str) -> None:
    app_id = make(product, "Same", dataset_id)
    assert got(product.api.patch(f"{APPS}/{app_id}", json={"name": "Same"}))["name"] == "Same"


@pytest.mark.parametrize("missing", [UNKNOWN, "no-uuid", "x" * 1000, ""])
def test_a_dataset_that_does_not_exist_is_404_and_changes_nothing(
    product: Product, dataset_id: str, missing: str
) -> None:
    app_id = make(product, f"Holds {missing[:8]}", dataset_id)
    before = state(product)
    for reply in (
        product.api.post(APPS, json={"name": "Never", "dataset_ids": [dataset_id, missing]}),
        product.api.patch(f"{APPS}/{app_id}", json={"dataset_ids": [missing]}),
    ):
        assert refusal(reply) == (404, "not_found", "Dataset not found.")
    assert state(product) == before
    assert got(product.api.get(f"{APPS}/{app_id}"))["dataset_ids"] == [dataset_id]


def test_an_unknown_app_is_404_before_its_body_is_read(product: Product) -> None:
    path = f"{APPS}/{UNKNOWN}"
    for reply in (
        product.api.get(path),
        product.api.patch(path, content=b"{"),
        product.api.delete(path),
        product.api.post(f"{path}/retrieve", content=b"{"),
    ):
        assert refusal(reply) == (404, "not_found", "App not found.")


def test_deleting_an_app_is_204_and_a_second_time_404(product: Product, dataset_id: str) -> None:
    path = f"{APPS}/{make(product, 'Deleted', dataset_id)}"
    reply = product.api.delete(path)
    assert (reply.status_code, reply.content, "content-type" in reply.headers) == (204, b"", False)
    assert refusal(product.api.delete(path)) == (404, "not_found", "App not found.")
    got(product.api.get(f"/v1/datasets/{dataset_id}"))


def test_a_dataset_that_an_app_holds_is_409_and_stays_whole(product: Product, name: str) -> None:
    dataset_id = fill(product, name, "alpha")
    make(product, f"Holds {name}", dataset_id)
    before = state(product)
    assert refusal(product.api.delete(f"/v1/datasets/{dataset_id}")) == IN_USE
    assert state(product) == before
    assert contents(product.retrieve(dataset_id, "alpha")) == ["alpha"]


def test_every_dataset_reply_counts_the_apps_that_hold_it(fresh: Product) -> None:
    held, free = fresh.create_dataset("Held"), fresh.create_dataset("Free")
    first, second = make(fresh, "First", held), make(fresh, "Second", held)
    listed = {each["id"]: each["app_count"] for each in got(fresh.api.get("/v1/datasets"))["data"]}
    assert listed == {held: 2, free: 0}
    assert (app_count(fresh, held), app_count(fresh, free)) == (2, 0)
    assert fresh.api.delete(f"{APPS}/{first}").status_code == 204
    assert refusal(fresh.api.delete(f"/v1/datasets/{held}")) == IN_USE
    got(fresh.api.patch(f"{APPS}/{second}", json={"dataset_ids": [free]}))
    assert app_count(fresh, held) == 0
    assert fresh.api.delete(f"/v1/datasets/{held}").status_code == 204


def test_deleting_the_app_frees_its_datasets(product: Product, dataset_id: str) -> None:
    app_id = make(product, "Frees", dataset_id)
    assert product.api.delete(f"{APPS}/{app_id}").status_code == 204
    assert product.api.delete(f"/v1/datasets/{dataset_id}").status_code == 204


def test_an_app_answers_from_all_its_datasets_in_one_list_by_score(product: Product) -> None:
    near = fill(product, "Near", "red apple", "green pear")
    far = fill(product, "Far", "apple", "blue plum")
    app_id = make(product, "Fruit", near, far, retrieval_model={"search_method": "semantic_search", "top_k": 4})
    records = ask(product, app_id, "apple")
    each = [*product.retrieve(near, "apple", top_k=4), *product.retrieve(far, "apple", top_k=4)]
    assert contents(records)[:2] == ["apple", "red apple"]
    assert [record["score"] for record in records] == sorted((record["score"] for record in each), reverse=True)[:4]
    assert set(records[0]) == set(each[0])
    assert set(records[0]["segment"]) == set(each[0]["segment"])
    assert ask(product, app_id, "apple")[0]["segment"]["id"] == records[0]["segment"]["id"]


def test_top_k_counts_over_all_datasets_and_only_answers_count_as_hits(product: Product) -> None:
    ids = [fill(product, f"Part {number}", f"cherry {number}", f"cherry tree {number}") for number in range(3)]
    app_id = make(product, "Parts", *ids, retrieval_model={"search_method": "full_text_search", "top_k": 2})
    assert len(ask(product, app_id, "cherry")) == 2
    product.rt.hits.flush()
    hits = [
        document["hit_count"]
        for dataset_id in ids
        for document in got(product.api.get(f"/v1/datasets/{dataset_id}/documents"))["data"]
    ]
    assert sum(hits) == 2


def test_records_of_one_score_stay_in_the_order_of_the_apps_datasets(product: Product) -> None:
    ids = [fill(product, f"Twin {number}", "same words here") for number in range(3)]
    app_id = make(product, "Twins", *reversed(ids))
    documents = [record["segment"]["document"]["id"] for record in ask(product, app_id, "same words here")]
    owners = [
        got(product.api.get(f"/v1/datasets/{dataset_id}/documents"))["data"][0]["id"] for dataset_id in reversed(ids)
    ]
    assert documents == owners


def test_a_question_may_bring_settings_of_its_own(product: Product) -> None:
    dataset_id = fill(product, "Own settings", "grape one", "grape two", "grape three")
    app_id = make(product, "Own", dataset_id, retrieval_model={"top_k": 1})
    assert len(ask(product, app_id, "grape")) == 1
    assert len(ask(product, app_id, "grape", retrieval_model={"search_method": "full_text_search", "top_k": 3})) == 3
    none = {"top_k": 3, "score_threshold_enabled": True, "score_threshold": 1.01}
    assert ask(product, app_id, "grape", retrieval_model=none) == []


def test_metadata_conditions_of_the_question_go_before_those_of_the_app(product: Product) -> None:
    dataset_id = product.create_dataset("Conditions")
    for name in ("one", "two"):
        product.add_text(dataset_id, name, f"kiwi {name}", process_rule=by_line())
    product.settle()

    def named(name: str) -> dict[str, Any]:
        return {"conditions": [{"name": "document_name", "comparison_operator": "is", "value": name}]}

    app_id = make(product, "Filtered", dataset_id, retrieval_model={"metadata_filtering_conditions": named("one")})
    assert contents(ask(product, app_id, "kiwi")) == ["kiwi one"]
    assert contents(ask(product, app_id, "kiwi", metadata_filtering_conditions=named("two"))) == ["kiwi two"]
    assert len(ask(product, app_id, "kiwi", retrieval_model={"top_k": 3})) == 2


def test_records_show_the_metadata_of_their_documents(product: Product) -> None:
    dataset_id = fill(product, "Shown metadata", "lemon")
    got(product.api.post(f"/v1/datasets/{dataset_id}/metadata/built-in/enable"))
    record = ask(product, make(product, "Shows", dataset_id), "lemon")[0]
    assert record["segment"]["document"]["doc_metadata"]["document_name"] == "text"


def test_a_dataset_whose_api_is_switched_off_is_left_out(product: Product) -> None:
    on, off = fill(product, "Switched on", "melon on"), fill(product, "Switched off", "melon off")
    app_id = make(product, "Switch", on, off)
    assert len(ask(product, app_id, "melon")) == 2
    switch_api(product, off, is_on=False)
    assert contents(ask(product, app_id, "melon")) == ["melon on"]
    switch_api(product, on, is_on=False)
    assert ask(product, app_id, "melon") == []
    assert refusal(product.api.post(f"{APPS}/{app_id}/retrieve", json={}))[:2] == (400, "invalid_param")


def key_of(product: Product, rights: KeyRights) -> dict[str, str]:
    """Return the header of a new key."""
    return {"Authorization": f"Bearer {create_key(product.rt, 'limited', rights)[1]}"}


def test_a_key_that_may_only_read_asks_apps_and_changes_none(product: Product) -> None:
    dataset_id = fill(product, "Read only", "guava")
    path = f"{APPS}/{make(product, 'Read only', dataset_id)}"
    key = key_of(product, KeyRights(role="read"))
    assert got(product.api.get(path, headers=key))["dataset_ids"] == [dataset_id]
    assert len(got(product.api.post(f"{path}/retrieve", json={"query": "guava"}, headers=key))["records"]) == 1
    body = {"name": "Never", "dataset_ids": [dataset_id]}
    for refused in (
        product.api.post(APPS, json=body, headers=key),
        product.api.patch(path, json={"name": "Never"}, headers=key),
        product.api.delete(path, headers=key),
    ):
        assert refusal(refused) == (403, "forbidden", "No permission.")


def test_datasets_without_documents_or_of_other_techniques_do_no_harm(product: Product) -> None:
    empty = product.create_dataset("Empty one")
    economy = fill(product, "Economy one", "orange juice", indexing_technique="economy")
    rich = fill(product, "Rich one", "orange peel")
    app_id = make(product, "Mixed", empty, economy, rich)
    assert set(contents(ask(product, app_id, "orange"))) == {"orange juice", "orange peel"}
    assert ask(product, make(product, "Only empty", empty), "orange") == []


def test_a_model_embeds_the_question_once_however_many_datasets_there_are(product: Product) -> None:
    ids = [fill(product, f"Shared model {number}", f"walnut {number}") for number in range(3)]
    app_id = make(product, "Shared model", *ids)
    product.embedder.asked.clear()
    assert len(ask(product, app_id, "walnut")) == 3
    assert product.embedder.asked == ["walnut"]


def test_a_rerank_model_that_is_not_served_is_refused(product: Product, dataset_id: str) -> None:
    model = {"reranking_provider_name": "cohere", "reranking_model_name": "rerank-v3"}
    wanted = {"search_method": "semantic_search", "reranking_enable": True, "reranking_model": model}
    app_id = make(product, "No rerank", dataset_id)
    message = "No Rerank Model available. Please configure a valid provider in the Settings -> Model Provider."
    for reply in (
        product.api.post(APPS, json={"name": "Rerank", "dataset_ids": [dataset_id], "retrieval_model": wanted}),
        product.api.patch(f"{APPS}/{app_id}", json={"retrieval_model": wanted}),
    ):
        assert refusal(reply) == (400, "invalid_param", message)


NAMES: list[Any] = [None, "", " \t", "n" * 41, 5, [], {}, True, "a\0b"]
DESCRIPTIONS: list[Any] = ["d" * 401, 5, [], {}, True, "a\0b"]
DATASET_IDS: list[Any] = [[], "x", 5, {}, True, [5], [None], [[]], [UNKNOWN] * 101, ["a\0b"]]
MODELS: list[Any] = ["x", 5, [], True, {"search_method": "other"}, {"top_k": 0}, {"top_k": 201}]
WRONG = [
    *(("name", value) for value in NAMES),
    *(("description", value) for value in DESCRIPTIONS),
    *(("dataset_ids", value) for value in DATASET_IDS),
    *(("retrieval_model", value) for value in MODELS),
]


@pytest.fixture(scope="module")
def target(product: Product) -> str:
    """A dataset that apps may hold."""
    return product.create_dataset("Target of apps")


@pytest.mark.parametrize(("field", "value"), [*WRONG, ("dataset_ids", None)])
def test_a_wrong_value_for_a_new_app_is_400_that_names_the_field(
    product: Product, target: str, field: str, value: Any
) -> None:
    before = state(product)
    reply = product.api.post(APPS, json={"name": "Wrong", "dataset_ids": [target], field: value})
    status, code, message = refusal(reply)
    assert (status, code) == (400, "invalid_param"), message
    assert message.startswith(field)
    assert state(product) == before


@pytest.mark.parametrize(("field", "value"), [pair for pair in WRONG if pair[1] is not None])
def test_a_wrong_value_in_a_patch_is_400_that_names_the_field(
    product: Product, dataset_id: str, field: str, value: Any
) -> None:
    app_id = make(product, f"Patch {dataset_id[:8]}", dataset_id)
    before = got(product.api.get(f"{APPS}/{app_id}"))
    status, code, message = refusal(product.api.patch(f"{APPS}/{app_id}", json={field: value}))
    assert (status, code) == (400, "invalid_param"), message
    assert message.startswith(field)
    assert got(product.api.get(f"{APPS}/{app_id}")) == before


@pytest.mark.parametrize("missing", ["name", "dataset_ids"])
def test_what_a_new_app_needs_is_named_when_it_is_missing(product: Product, target: str, missing: str) -> None:
    body = {"name": "Missing", "dataset_ids": [target]}
    del body[missing]
    status, code, message = refusal(product.api.post(APPS, json=body))
    assert (status, code) == (400, "invalid_param")
    assert message.startswith(f"{missing}: ")


@pytest.mark.parametrize("query", ["page=0", "limit=0", "page=x", "limit=1.5"])
def test_a_wrong_page_of_apps_is_400(product: Product, query: str) -> None:
    assert refusal(product.api.get(f"{APPS}?{query}"))[:2] == (400, "invalid_param")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Query or attachment_ids is required"),
        ({"query": " "}, "Query or attachment_ids is required"),
        ({"query": "q" * 251}, "Query cannot exceed 250 characters"),
        ({"query": "q", "attachment_ids": "x"}, "attachment_ids: Attachment_ids must be a list"),
    ],
)
def test_a_wrong_question_to_an_app_is_refused_as_to_a_dataset(
    product: Product, target: str, body: dict[str, Any], message: str
) -> None:
    app_id = make(product, f"Asked {len(message)} {len(body)}", target)
    reply = product.api.post(f"{APPS}/{app_id}/retrieve", json=body)
    assert refusal(reply) == (400, "invalid_param", message)


@pytest.mark.parametrize("path", [APPS, f"{APPS}/{UNKNOWN}", f"{APPS}/{UNKNOWN}/retrieve"])
def test_apps_need_a_key(product: Product, path: str) -> None:
    assert refusal(product.anonymous.post(path, json={}))[0] in (401, 405)
    if not path.endswith("retrieve"):
        assert refusal(product.anonymous.get(path))[:2] == (401, "unauthorized")
