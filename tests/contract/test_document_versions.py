"""Versions of documents: kept at each update, listed, shown, compared and restored (contract 4.8, 13)."""

from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import func, select, update

from tests.contract.calls import UNKNOWN, by_line, got, refusal, state
from tests.contract.working import while_embedding
from tests.product import Product, open_product
from zhiku.db.engine import Database
from zhiku.db.tables import document_version_parts, document_versions, documents

Body = dict[str, Any]
ROUTES = (
    ("GET", "/v1/datasets/{}/documents/{}/versions"),
    ("GET", "/v1/datasets/{}/documents/{}/versions/{}"),
    ("GET", "/v1/datasets/{}/documents/{}/versions/{}/diff"),
    ("POST", "/v1/datasets/{}/documents/{}/versions/{}/restore"),
)
NO_VERSION = (404, "not_found", "Version not found.")


class Case:
    """A completed document that has been updated once: its version 1 is alpha, beta, gamma."""

    def __init__(self, product: Product, dataset_id: str, text: str = "alpha\nbeta\ngamma", **fields: Any) -> None:
        self.product = product
        self.dataset_id = dataset_id
        made = product.add_text(dataset_id, "rules", text, **{"process_rule": by_line(), **fields})
        self.document_id = made["document"]["id"]
        self.batch = made["batch"]
        self.path = f"/v1/datasets/{dataset_id}/documents/{self.document_id}"
        product.settle()

    def update(self, text: str, **fields: Any) -> None:
        got(self.product.api.post(f"{self.path}/update-by-text", json={"text": text, **fields}))
        self.product.settle()

    def versions(self, **query: Any) -> Body:
        return got(self.product.api.get(f"{self.path}/versions", params=query))

    def numbers(self) -> list[int]:
        return [row["version"] for row in self.versions(limit=100)["data"]]

    def version(self, number: object, **query: Any) -> Body:
        return got(self.product.api.get(f"{self.path}/versions/{number}", params=query))

    def diff(self, number: object, **query: Any) -> Body:
        return got(self.product.api.get(f"{self.path}/versions/{number}/diff", params=query))

    def restore(self, number: object) -> Response:
        return self.product.api.post(f"{self.path}/versions/{number}/restore")

    def restored(self, number: object) -> None:
        got(self.restore(number))
        self.product.settle()
        assert self.product.status(self.dataset_id, self.batch)["error"] is None

    def segments(self) -> list[Body]:
        return got(self.product.api.get(f"{self.path}/segments", params={"limit": 100}))["data"]

    def contents(self) -> list[str]:
        return [row["content"] for row in self.segments()]

    def edit(self, segment_id: str, **change: Any) -> None:
        got(self.product.api.patch(f"{self.path}/segments/{segment_id}", json={"segment": change}))

    def answers(self, query: str) -> list[str]:
        found = self.product.retrieve(self.dataset_id, query, "full_text_search")
        return [record["segment"]["content"] for record in found]

    def write(self, **values: Any) -> None:
        with self.product.rt.db.begin() as tx:
            tx.execute(update(documents).where(documents.c.id == self.document_id).values(**values))


def kept_rows(product: Product) -> tuple[int, int]:
    """Return how many versions, noted ones too, and parts of them the catalog holds."""
    with product.rt.db.read() as conn:
        return (
            conn.execute(select(func.count(document_versions.c.number))).scalar_one(),
            conn.execute(select(func.count(document_version_parts.c.part))).scalar_one(),
        )


@pytest.fixture
def case(product: Product, dataset_id: str) -> Case:
    made = Case(product, dataset_id)
    made.update("alpha\ndelta")
    return made


def test_a_document_without_updates_has_no_versions(product: Product, dataset_id: str) -> None:
    assert Case(product, dataset_id).versions() == {"data": [], "has_more": False, "limit": 20, "total": 0, "page": 1}


def test_each_update_makes_a_version(case: Case) -> None:
    assert case.numbers() == [1]
    case.update("epsilon")
    case.update("zeta")
    assert case.numbers() == [3, 2, 1]
    assert [row["content"] for row in case.version(2)["data"]] == ["alpha", "delta"]


def test_a_version_tells_its_name_rule_file_and_counts(product: Product, dataset_id: str) -> None:
    case = Case(product, dataset_id)
    before = got(product.api.get(case.path))
    case.update("delta", name="other", process_rule=by_line(50), doc_language="Chinese")
    shown = case.versions()["data"][0]
    assert shown == {
        "version": 1,
        "name": "rules",
        "process_rule_id": before["dataset_process_rule_id"],
        "doc_language": "English",
        "upload_file": before["data_source_info"]["upload_file"],
        "segment_count": 3,
        "word_count": before["word_count"],
        "tokens": before["tokens"],
        "completed_at": before["completed_at"],
        "replaced_at": got(product.api.get(case.path))["completed_at"],
    }
    assert got(product.api.get(case.path))["name"] == "other"


def test_a_rename_and_a_switch_make_no_version(case: Case) -> None:
    got(case.product.api.post(f"{case.path}/update-by-text", json={"name": "renamed"}))
    body = {"document_ids": [case.document_id]}
    got(case.product.api.patch(f"/v1/datasets/{case.dataset_id}/documents/status/disable", json=body))
    assert case.numbers() == [1]


def test_an_update_that_fails_makes_no_version_and_the_next_one_keeps_what_answered(case: Case) -> None:
    files = {"file": ("new.pdf", b"")}
    got(case.product.api.post(f"{case.path}/update-by-file", files=files))
    case.product.settle()
    assert case.product.status(case.dataset_id, case.batch)["indexing_status"] == "error"
    assert case.numbers() == [1]
    case.update("epsilon")
    assert case.numbers() == [2, 1]
    kept = case.version(2)
    assert [row["content"] for row in kept["data"]] == ["alpha", "delta"]
    assert (kept["version"]["name"], kept["version"]["upload_file"]["extension"]) == ("rules", "txt")


def test_a_version_shows_its_segments_as_they_were(product: Product, dataset_id: str) -> None:
    case = Case(product, dataset_id)
    first, second, _ = case.segments()
    case.edit(first["id"], content="alpha by hand", keywords=["letter"])
    case.edit(second["id"], enabled=False)
    added = {"segments": [{"content": "omega by hand", "keywords": ["end"]}]}
    got(product.api.post(f"{case.path}/segments", json=added))
    product.retrieve(dataset_id, "gamma")
    before = case.segments()
    case.update("delta")
    found = case.version(1)
    assert found["total"] == 4
    for now, then in zip(found["data"], before, strict=True):
        assert now == {name: then[name] for name in now if name != "child_chunks"} | {"child_chunks": []}
    assert [row["hit_count"] for row in found["data"]] != [0, 0, 0, 0]


def test_a_version_is_paged(product: Product, dataset_id: str) -> None:
    case = Case(product, dataset_id, "\n".join(f"line {number}" for number in range(1203)))
    case.update("delta")
    assert case.version(1)["total"] == 1203
    page = case.version(1, page=6, limit=100)
    assert [row["content"] for row in page["data"]] == [f"line {number}" for number in range(500, 600)]
    assert (page["page"], page["has_more"]) == (6, True)
    over = case.version(1, page=13, limit=100)
    assert ([row["position"] for row in over["data"]], over["has_more"]) == ([1201, 1202, 1203], False)
    assert case.version(1, page=10**15, limit=100)["data"] == []
    assert case.versions(limit=1, page=2) == {"data": [], "has_more": False, "limit": 1, "total": 1, "page": 2}


def test_a_version_is_compared_with_what_answers(case: Case) -> None:
    found = case.diff(1)
    assert [(row["change"], row["old_position"], row["new_position"], row["content"]) for row in found["data"]] == [
        ("unchanged", 1, 1, "alpha"),
        ("removed", 2, None, "beta"),
        ("removed", 3, None, "gamma"),
        ("added", None, 2, "delta"),
    ]
    assert {name: found[name] for name in ("added", "removed", "unchanged", "total")} == {
        "added": 1,
        "removed": 2,
        "unchanged": 1,
        "total": 4,
    }


def test_two_versions_are_compared_from_the_first_to_the_second(case: Case) -> None:
    case.update("epsilon\nalpha")
    for query, changes in (
        ({"with": 2}, ["unchanged", "removed", "removed", "added"]),
        ({"with": 1}, ["unchanged"] * 3),
    ):
        assert [row["change"] for row in case.diff(1, **query)["data"]] == changes
    back = case.diff(2, **{"with": "1"})
    assert (back["added"], back["removed"], back["unchanged"]) == (2, 1, 1)


def test_a_comparison_is_paged_and_counts_all(product: Product, dataset_id: str) -> None:
    case = Case(product, dataset_id, "\n".join(f"line {number}" for number in range(700)))
    case.update("\n".join(f"line {number}" for number in range(0, 1400, 2)))
    whole = [row for page in range(1, 12) for row in case.diff(1, page=page, limit=100)["data"]]
    assert (case.diff(1)["total"], len(whole)) == (1050, 1050)
    assert [row["content"] for row in whole if row["change"] != "added"] == [f"line {number}" for number in range(700)]
    after = [row["content"] for row in whole if row["change"] != "removed"]
    assert after == [f"line {number}" for number in range(0, 1400, 2)]


def test_an_answer_of_its_own_makes_another_segment(product: Product, dataset_id: str) -> None:
    case = Case(product, dataset_id, "Q1: when?\nA1: now\nQ2: where?\nA2: here", doc_form="qa_model")
    segment = case.segments()[0]
    case.update("Q1: when?\nA1: later\nQ2: where?\nA2: here", doc_form="qa_model")
    assert segment["answer"] == "now"
    assert [(row["change"], row["answer"]) for row in case.diff(1)["data"]] == [
        ("removed", "now"),
        ("added", "later"),
        ("unchanged", "here"),
    ]


def test_restoring_gives_the_old_content_its_name_rule_and_file_as_a_new_version(case: Case) -> None:
    shown = case.versions()["data"][0]
    case.update("epsilon", name="other", process_rule=by_line(50))
    reply = got(case.restore(1))
    assert (reply["batch"], reply["document"]["indexing_status"]) == (case.batch, "waiting")
    assert (case.contents(), case.answers("epsilon")) == (["epsilon"], ["epsilon"])
    case.product.settle()
    assert case.contents() == ["alpha", "beta", "gamma"]
    assert (case.answers("epsilon"), case.answers("beta")) == ([], ["beta"])
    assert case.numbers() == [3, 2, 1]
    detail = got(case.product.api.get(case.path))
    assert (detail["name"], detail["dataset_process_rule_id"]) == ("rules", shown["process_rule_id"])
    assert detail["data_source_info"]["upload_file"] == shown["upload_file"]
    assert (detail["word_count"], detail["segment_count"]) == (shown["word_count"], 3)


def test_restoring_keeps_the_segments_whose_text_is_the_same(case: Case) -> None:
    case.product.retrieve(case.dataset_id, "alpha")
    before = case.segments()[0]
    case.restored(1)
    assert (case.segments()[0]["id"], case.segments()[0]["hit_count"]) == (before["id"], before["hit_count"])
    assert before["hit_count"] > 0


def test_a_segment_that_comes_back_has_its_former_id(case: Case) -> None:
    ids = [row["id"] for row in case.version(1)["data"]]
    case.restored(1)
    assert [row["id"] for row in case.segments()] == ids


def test_restoring_brings_back_manual_edits_switches_and_keywords(product: Product, dataset_id: str) -> None:
    case = Case(product, dataset_id)
    first, second, third = case.segments()
    case.edit(first["id"], content="alpha by hand", keywords=["letter"])
    case.edit(second["id"], enabled=False)
    got(product.api.post(f"{case.path}/segments", json={"segments": [{"content": "omega by hand"}]}))
    before = case.segments()
    case.update("alpha\nbeta\ngamma")
    case.edit(second["id"], enabled=True)
    case.edit(third["id"], keywords=["later"], enabled=False)
    got(product.api.post(f"{case.path}/segments", json={"segments": [{"content": "psi by hand"}]}))
    case.restored(1)
    for now, then in zip(case.segments(), before, strict=True):
        for name in ("id", "position", "content", "answer", "keywords", "enabled", "disabled_by", "created_by"):
            assert now[name] == then[name], name
    assert case.answers("beta") == [] and case.answers("psi") == []
    assert case.answers("gamma") == ["gamma"] and case.answers("omega") == ["omega by hand"]
    case.update("alpha")
    assert case.contents() == ["alpha", "omega by hand"]


def test_restoring_brings_back_child_chunks(product: Product, dataset_id: str) -> None:
    rule = {
        "mode": "hierarchical",
        "rules": {
            "parent_mode": "paragraph",
            "segmentation": {"separator": "\n\n", "max_tokens": 100},
            "subchunk_segmentation": {"separator": "\n", "max_tokens": 20},
        },
    }
    text = "one\ntwo\n\nthree\nfour"
    case = Case(product, dataset_id, text, process_rule=rule, doc_form="hierarchical_model")
    first, second = case.segments()
    chunks = f"{case.path}/segments/{first['id']}/child_chunks"
    got(product.api.post(chunks, json={"content": "uno"}))
    got(product.api.patch(f"{chunks}/{first['child_chunks'][1]['id']}", json={"content": "due"}))
    before = case.segments()
    case.update("five\nsix\n\nthree\nfour")
    shown = case.version(1)["data"][0]["child_chunks"]
    assert [(each["content"], each["type"]) for each in shown] == [
        ("one", "automatic"),
        ("due", "customized"),
        ("uno", "customized"),
    ]
    case.restored(1)
    now = case.segments()
    assert now[1]["id"] == second["id"]
    for name in ("id", "position", "content", "type", "tokens"):
        assert [child[name] for each in now for child in each["child_chunks"]] == [
            child[name] for each in before for child in each["child_chunks"]
        ], name
    assert case.answers("uno")[:1] == ["one\ntwo"]


def test_restoring_brings_back_a_summary_written_by_hand(product: Product, dataset_id: str) -> None:
    case = Case(product, dataset_id)
    case.edit(case.segments()[0]["id"], summary="the first letter")
    case.update("delta")
    assert [row["summary"] for row in case.version(1)["data"]] == ["the first letter", None, None]
    case.restored(1)
    assert [row["summary"] for row in case.segments()] == ["the first letter", None, None]
    found = product.retrieve(dataset_id, "the first letter", "full_text_search")
    assert found[0]["segment"]["content"] == "alpha"


def test_restoring_embeds_only_what_has_no_vector_any_more(fresh: Product) -> None:
    case = Case(fresh, fresh.create_dataset())
    case.update("alpha\ndelta")
    fresh.embedder.embedded.clear()
    case.restored(1)
    assert sorted(fresh.embedder.embedded) == ["beta", "gamma"]


def test_an_edit_made_while_a_version_is_being_restored_is_not_overwritten(fresh: Product) -> None:
    case = Case(fresh, fresh.create_dataset())
    case.update("alpha\ndelta")
    kept = case.segments()[0]["id"]

    def edit() -> None:
        if case.segments()[0]["enabled"]:
            case.edit(kept, enabled=False)

    with while_embedding(fresh, edit):
        case.restored(1)
    assert [row["enabled"] for row in case.segments()] == [False, True, True]


def test_a_restore_that_was_cancelled_can_be_retried(case: Case) -> None:
    first = case.version(1)["data"][0]["id"]
    case.edit(first, content="alpha by hand")
    case.update("zeta")
    got(case.restore(2))
    got(case.product.api.post(f"{case.path}/cancel"))
    case.product.settle()
    assert case.contents() == ["zeta"]
    got(case.product.api.post(f"{case.path}/retry"))
    case.product.settle()
    assert case.contents() == ["alpha by hand", "delta"]


@pytest.mark.parametrize("number", ["0", "2", "999999999", "9" * 400, "-1", "1.0", "one", "１", "1%20"])
def test_a_version_that_is_not_kept_is_404(case: Case, number: str) -> None:
    before = state(case.product)
    for path in (number, f"{number}/diff"):
        assert refusal(case.product.api.get(f"{case.path}/versions/{path}")) == NO_VERSION
    assert refusal(case.restore(number)) == NO_VERSION
    assert refusal(case.product.api.get(f"{case.path}/versions/1/diff?with={number}")) == NO_VERSION
    assert state(case.product) == before


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_key_dataset_and_document_are_asked_for_before_the_version(case: Case, method: str, path: str) -> None:
    own = path.format(case.dataset_id, case.document_id, 7)
    assert refusal(case.product.anonymous.request(method, own))[:2] == (401, "unauthorized")
    for dataset_id, document_id, message in (
        (UNKNOWN, case.document_id, "Dataset not found."),
        (case.dataset_id, UNKNOWN, "Document not found."),
    ):
        other = path.format(dataset_id, document_id, 7)
        assert refusal(case.product.api.request(method, other)) == (404, "not_found", message)


def test_a_key_that_may_only_read_restores_nothing(case: Case) -> None:
    reader = got(case.product.api.post("/v1/keys", json={"name": "reader", "role": "read"}))["key"]
    headers = {"Authorization": f"Bearer {reader}"}
    refused = case.product.anonymous.post(f"{case.path}/versions/1/restore", headers=headers)
    assert refusal(refused) == (403, "forbidden", "No permission.")
    assert got(case.product.anonymous.get(f"{case.path}/versions", headers=headers))["total"] == 1


@pytest.mark.parametrize("query", ["page=0", "limit=x", "page=-1"])
def test_a_wrong_page_is_refused_by_its_name(case: Case, query: str) -> None:
    for path in ("versions", "versions/1", "versions/1/diff"):
        found = refusal(case.product.api.get(f"{case.path}/{path}?{query}"))
        assert found[:2] == (400, "invalid_param") and found[2].startswith(query.partition("=")[0])


def test_an_archived_document_is_not_restored(case: Case) -> None:
    case.write(is_archived=True)
    found = refusal(case.restore(1))
    assert found == (403, "archived_document_immutable", "The archived document is not editable.")
    assert refusal(case.restore(7)) == NO_VERSION
    assert case.numbers() == [1]


def test_a_document_in_work_is_not_restored(case: Case) -> None:
    got(case.product.api.post(f"{case.path}/update-by-text", json={"text": "epsilon"}))
    message = "The document is being processed and cannot be edited."
    assert refusal(case.restore(1)) == (400, "document_indexing", message)
    case.product.settle()
    assert case.contents() == ["epsilon"]


def test_a_disabled_document_is_not_restored(case: Case) -> None:
    case.write(is_enabled=False)
    assert refusal(case.restore(1)) == (400, "invalid_param", "Document is not available")


def test_only_as_many_versions_are_kept_as_the_setting_says(tmp_path: Path, sqlite_database: Database) -> None:
    with open_product(tmp_path / "data", sqlite_database, versions_kept=2) as product:
        case = Case(product, product.create_dataset())
        for text in ("two", "three", "four", "five"):
            case.update(text)
        assert case.numbers() == [4, 3]
        assert kept_rows(product) == (2, 2)
        assert len(list(product.rt.blobs.list_keys())) == 3
        case.restored(3)
        assert (case.numbers(), case.contents()) == ([5, 4], ["three"])


def test_no_version_is_kept_where_the_setting_says_none(tmp_path: Path, sqlite_database: Database) -> None:
    with open_product(tmp_path / "data", sqlite_database, versions_kept=0) as product:
        case = Case(product, product.create_dataset())
        case.update("two")
        assert (case.numbers(), kept_rows(product)) == ([], (0, 0))
        assert len(list(product.rt.blobs.list_keys())) == 1


def test_deleting_a_document_or_its_dataset_removes_its_versions(fresh: Product) -> None:
    dataset_id = fresh.create_dataset()
    for _ in range(2):
        case = Case(fresh, dataset_id)
        case.update("delta")
        assert fresh.api.delete(case.path).status_code == 204
        fresh.settle()
        assert (kept_rows(fresh), list(fresh.rt.blobs.list_keys())) == ((0, 0), [])
    case = Case(fresh, dataset_id)
    case.update("delta")
    assert kept_rows(fresh) == (1, 1)
    assert fresh.api.delete(f"/v1/datasets/{dataset_id}").status_code == 204
    fresh.settle()
    assert (kept_rows(fresh), list(fresh.rt.blobs.list_keys())) == ((0, 0), [])
