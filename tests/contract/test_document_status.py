"""Switch documents: enable, disable, archive, un_archive (contract 1.3 D50 to D61, 3.3-17, 5.4)."""

from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import select, update

from tests.contract.calls import UNKNOWN, by_line, got, refusal, state
from tests.product import Product
from zhiku.datasets import store as dataset_store
from zhiku.db.tables import documents, segments
from zhiku.indexes.store import count_live_postings
from zhiku.segments.indexing import shard_of

DONE = {"result": "success"}


class Case:
    """One dataset with three completed documents of one line each: first, second, third."""

    def __init__(self, product: Product, dataset_id: str) -> None:
        self.product = product
        self.dataset_id = dataset_id
        self.path = f"/v1/datasets/{dataset_id}/documents"
        self.ids = [self.add(name) for name in ("first", "second", "third")]
        product.settle()

    def add(self, name: str) -> str:
        made = self.product.add_text(self.dataset_id, name, f"shared {name}", process_rule=by_line())
        return made["document"]["id"]

    def switch(self, action: str, *document_ids: str) -> Response:
        return self.product.api.patch(f"{self.path}/status/{action}", json={"document_ids": list(document_ids)})

    def detail(self, document_id: str) -> dict[str, Any]:
        return got(self.product.api.get(f"{self.path}/{document_id}"))

    def answers(self, method: str = "keyword_search") -> set[str]:
        """Return the names of the documents that answer."""
        records = self.product.retrieve(self.dataset_id, "shared", method, top_k=10)
        return {record["segment"]["document"]["name"] for record in records}

    def write(self, document_id: str, **values: Any) -> None:
        with self.product.rt.db.begin() as tx:
            tx.execute(update(documents).where(documents.c.id == document_id).values(**values))

    def refused(self, action: str, *document_ids: str) -> tuple[int, str, str]:
        """Return the refusal of a call that must change nothing."""
        before, shown = state(self.product), [self.detail(each) for each in self.ids]
        found = refusal(self.switch(action, *document_ids))
        assert (state(self.product), [self.detail(each) for each in self.ids]) == (before, shown)
        return found


@pytest.fixture(params=["economy", "high_quality"])
def case(product: Product, name: str, request: pytest.FixtureRequest) -> Case:
    return Case(product, product.create_dataset(name, indexing_technique=request.param))


@pytest.fixture
def one(product: Product, name: str) -> Case:
    return Case(product, product.create_dataset(name, indexing_technique="economy"))


def test_a_disabled_document_does_not_answer_and_an_enabled_one_does_at_once(case: Case) -> None:
    first, second, _ = case.ids
    assert got(case.switch("disable", first, second)) == DONE
    assert case.answers() == {"third"}
    assert got(case.switch("enable", first)) == DONE
    assert case.answers() == {"first", "third"}


def test_an_archived_document_does_not_answer_and_an_un_archived_one_does_at_once(case: Case) -> None:
    first, second, _ = case.ids
    assert got(case.switch("archive", first, second)) == DONE
    assert case.answers() == {"third"}
    assert got(case.switch("un_archive", second)) == DONE
    assert case.answers() == {"second", "third"}


@pytest.mark.parametrize("method", ["semantic_search", "full_text_search", "hybrid_search"])
def test_what_is_off_is_left_out_of_every_search(product: Product, name: str, method: str) -> None:
    case = Case(product, product.create_dataset(name, indexing_technique="high_quality"))
    got(case.switch("disable", case.ids[0]))
    got(case.switch("archive", case.ids[1]))
    assert case.answers(method) == {"third"}


def test_top_k_is_filled_from_the_documents_that_are_on(one: Case) -> None:
    got(one.switch("disable", *one.ids[:2]))
    records = one.product.retrieve(one.dataset_id, "shared", "keyword_search", top_k=1)
    assert [record["segment"]["document"]["name"] for record in records] == ["third"]


def test_disable_sets_who_and_when_and_enable_clears_them(one: Case) -> None:
    first = one.ids[0]
    one.write(first, updated_at=1.0)
    got(one.switch("disable", first))
    shown = one.detail(first)
    assert (shown["enabled"], shown["display_status"]) == (False, "disabled")
    assert shown["disabled_by"] == shown["created_by"] and isinstance(shown["disabled_at"], int)
    assert shown["updated_at"] > 1
    one.write(first, updated_at=1.0)
    got(one.switch("enable", first))
    shown = one.detail(first)
    assert (shown["enabled"], shown["display_status"]) == (True, "available")
    assert (shown["disabled_at"], shown["disabled_by"]) == (None, None)
    assert shown["updated_at"] > 1


def test_archive_and_un_archive_toggle_archived_only(one: Case) -> None:
    first = one.ids[0]
    one.write(first, updated_at=1.0)
    before = one.detail(first)
    got(one.switch("archive", first))
    shown = one.detail(first)
    changed = {key for key in shown if shown[key] != before[key]}
    assert changed == {"archived", "display_status", "updated_at"}
    assert (shown["archived"], shown["display_status"]) == (True, "archived")
    got(one.switch("un_archive", first))
    shown = one.detail(first)
    assert {key for key in shown if shown[key] != before[key]} == {"updated_at"}


def test_a_document_disabled_and_archived_keeps_both_switches_apart(one: Case) -> None:
    first = one.ids[0]
    got(one.switch("disable", first))
    got(one.switch("archive", first))
    assert one.detail(first)["display_status"] == "archived"
    got(one.switch("un_archive", first))
    assert one.detail(first)["display_status"] == "disabled"
    assert one.answers() == {"second", "third"}


def test_a_documents_switch_leaves_its_segments_switches_alone(one: Case) -> None:
    first = one.ids[0]
    for action in ("disable", "archive", "un_archive"):
        got(one.switch(action, first))
        rows = got(one.product.api.get(f"{one.path}/{first}/segments"))["data"]
        assert [row["enabled"] for row in rows] == [True]
    with one.product.rt.db.begin() as tx:
        number = select(documents.c.number).where(documents.c.id == first).scalar_subquery()
        tx.execute(update(segments).where(segments.c.document_number == number).values(is_enabled=False))
    got(one.switch("enable", first))
    rows = got(one.product.api.get(f"{one.path}/{first}/segments"))["data"]
    assert [row["enabled"] for row in rows] == [False]
    assert one.answers() == {"second", "third"}


def test_a_switch_that_is_so_already_changes_nothing(one: Case) -> None:
    first, second, _ = one.ids
    got(one.switch("disable", first))
    got(one.switch("archive", second))
    one.write(first, updated_at=1.0, disabled_at=1.0)
    one.write(second, updated_at=1.0)
    before = [one.detail(first), one.detail(second)]
    assert got(one.switch("disable", first, first.upper())) == DONE
    assert got(one.switch("archive", second)) == DONE
    assert [one.detail(first), one.detail(second)] == before


def test_the_counts_of_the_dataset_follow(one: Case) -> None:
    path = f"/v1/datasets/{one.dataset_id}"
    got(one.switch("disable", one.ids[0]))
    got(one.switch("archive", one.ids[1]))
    shown = got(one.product.api.get(path))
    assert (shown["total_documents"], shown["total_available_documents"]) == (3, 1)


@pytest.mark.parametrize("action", ["delete", "Enable", "un-archive", "enable%20"])
@pytest.mark.parametrize("body", [{"document_ids": []}, {}, {"document_ids": ["x"]}])
def test_an_unknown_action_is_400_even_for_no_documents(one: Case, action: str, body: dict[str, Any]) -> None:
    reply = one.product.api.patch(f"{one.path}/status/{action}", json=body)
    named = action.replace("%20", " ")
    message = f"Invalid action: {named}. Must be one of ['enable', 'disable', 'archive', 'un_archive']"
    assert refusal(reply) == (400, "invalid_action", message)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"document_ids": []}', b'{"document_ids": null}', b"null"])
def test_no_documents_are_a_success_that_changes_nothing(one: Case, content: bytes) -> None:
    assert got(one.product.api.patch(f"{one.path}/status/disable", content=content)) == DONE
    assert one.answers() == {"first", "second", "third"}


@pytest.mark.parametrize("value", ["x", {"a": 1}, 7, True, [7], [None], [["a"]]])
def test_document_ids_that_are_no_list_of_strings_are_400(one: Case, value: Any) -> None:
    reply = one.product.api.patch(f"{one.path}/status/disable", json={"document_ids": value})
    status, code, message = refusal(reply)
    assert (status, code) == (400, "invalid_param") and message.startswith("document_ids")
    assert one.answers() == {"first", "second", "third"}


def test_ids_that_are_no_documents_of_the_dataset_are_skipped(one: Case) -> None:
    other = one.product.create_dataset(f"{one.dataset_id[:8]} other", indexing_technique="economy")
    stranger = one.product.add_text(other, "stranger", "shared")["document"]["id"]
    one.product.settle()
    assert got(one.switch("disable", UNKNOWN, "not-a-uuid", "", stranger, "' OR 1=1", one.ids[0])) == DONE
    assert one.answers() == {"second", "third"}
    assert got(one.product.api.get(f"/v1/datasets/{other}/documents/{stranger}"))["enabled"] is True


def test_more_ids_than_a_statement_takes_are_read_in_parts(one: Case) -> None:
    many = [f"00000000-0000-4000-8000-{number:012x}" for number in range(40_000)]
    assert got(one.switch("disable", *many, one.ids[0])) == DONE
    assert one.answers() == {"second", "third"}


@pytest.mark.parametrize("status", ["waiting", "parsing", "cleaning", "splitting", "indexing", "error"])
def test_disabling_a_document_that_is_not_completed_is_refused_for_all(one: Case, status: str) -> None:
    one.write(one.ids[1], indexing_status=status)
    found = one.refused("disable", *one.ids)
    assert found == (400, "invalid_action", "Document: second is not completed.")


@pytest.mark.parametrize("action", ["archive", "un_archive"])
def test_archiving_while_a_document_is_indexed_is_refused_for_all(one: Case, action: str) -> None:
    body = {"text": "shared again"}
    got(one.product.api.post(f"{one.path}/{one.ids[1]}/update-by-text", json=body))
    found = one.refused(action, *one.ids)
    assert found == (400, "invalid_action", "Document:second is being indexed, please try again later")
    one.product.settle()
    assert got(one.switch(action, *one.ids)) == DONE


def test_the_first_document_that_refuses_is_the_one_named(one: Case) -> None:
    for document_id in one.ids[1:]:
        one.write(document_id, indexing_status="waiting")
    assert one.refused("disable", one.ids[0], one.ids[2], one.ids[1])[2] == "Document: third is not completed."


def test_enabling_a_document_that_is_still_indexing_is_allowed(one: Case) -> None:
    one.write(one.ids[0], indexing_status="indexing")
    assert got(one.switch("enable", *one.ids)) == DONE


def test_a_document_in_error_or_paused_may_be_archived(one: Case) -> None:
    one.write(one.ids[0], indexing_status="error")
    one.write(one.ids[1], indexing_status="waiting", paused_at=1.0)
    assert got(one.switch("archive", *one.ids[:2])) == DONE


def test_an_unknown_dataset_is_404_before_the_action(one: Case) -> None:
    reply = one.product.api.patch(f"/v1/datasets/{UNKNOWN}/documents/status/x", json={})
    assert refusal(reply) == (404, "not_found", "Dataset not found.")


def test_a_body_that_is_no_json_is_400(one: Case) -> None:
    reply = one.product.api.patch(f"{one.path}/status/disable", content=b"{")
    assert refusal(reply)[:2] == (400, "bad_request")


def test_the_index_holds_what_the_catalog_says_whatever_the_switches(case: Case) -> None:
    got(case.switch("disable", case.ids[0]))
    got(case.switch("archive", case.ids[1]))
    case.product.settle()
    with case.product.rt.db.read() as conn:
        dataset = dataset_store.find_dataset(conn, case.dataset_id)
        expected = count_live_postings(conn, case.dataset_id)
    assert dataset is not None
    assert dataset.posting_count == expected == len(case.product.index.list_numbers(shard_of(dataset))) == 3


def test_a_disabled_document_can_be_deleted_and_an_archived_one_not(one: Case) -> None:
    first, second, _ = one.ids
    got(one.switch("disable", first))
    got(one.switch("archive", second))
    assert one.product.api.delete(f"{one.path}/{first}").status_code == 204
    assert refusal(one.product.api.delete(f"{one.path}/{second}"))[:2] == (403, "archived_document_immutable")
    one.product.settle()
    assert one.answers() == {"third"}
