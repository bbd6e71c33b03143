"""Update a document by file and by text (contract 1.3 D47 to D52, 3.3-11, 14, 15, 4.8, 11.4, 11.15)."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import update

from tests.contract.calls import UNKNOWN, by_line, got, refusal, state
from tests.product import Product
from zhiku.db.tables import datasets, documents

Body = dict[str, Any]
REQUIRED = "Data source or Process rule is required"
IN_PROGRESS = (400, "document_indexing", "The document is being processed and cannot be edited.")
NOT_AVAILABLE = (400, "invalid_param", "Document is not available")
ARCHIVED = (403, "archived_document_immutable", "The archived document is not editable.")
TIMES = (
    "processing_started_at",
    "parsing_completed_at",
    "cleaning_completed_at",
    "splitting_completed_at",
    "completed_at",
)


class Case:
    """One dataset with one completed document, and the ways to update it."""

    def __init__(self, product: Product, dataset_id: str, made: Body) -> None:
        self.product = product
        self.dataset_id = dataset_id
        self.made = made["document"]
        self.batch = made["batch"]
        self.document_id = self.made["id"]
        self.path = f"/v1/datasets/{dataset_id}/documents/{self.document_id}"

    def by_text(self, **body: Any) -> Response:
        return self.product.api.post(f"{self.path}/update-by-text", json=body)

    def by_file(self, content: bytes | None = None, filename: str = "new.txt", **data: Any) -> Response:
        return self._upload(self.product.api.post, f"{self.path}/update-by-file", content, filename, data)

    def patch(self, content: bytes | None = None, filename: str = "new.txt", **data: Any) -> Response:
        return self._upload(self.product.api.patch, self.path, content, filename, data)

    def detail(self) -> Body:
        return got(self.product.api.get(self.path))

    def contents(self) -> list[str]:
        return [row["content"] for row in got(self.product.api.get(f"{self.path}/segments"))["data"]]

    def write(self, **values: Any) -> None:
        """Put the document into a state that takes long, or another route, to reach."""
        with self.product.rt.db.begin() as tx:
            tx.execute(update(documents).where(documents.c.id == self.document_id).values(**values))

    def refused(self, send: Callable[[], Response]) -> tuple[int, str, str]:
        """Return the refusal of an update that must change nothing."""
        before, shown = state(self.product), self.detail()
        found = refusal(send())
        assert (state(self.product), self.detail()) == (before, shown)
        return found

    def _upload(self, send: Any, path: str, content: bytes | None, filename: str, data: Body) -> Response:
        files = {} if content is None else {"file": (filename, content)}
        if content is None:
            return send(path, json=data)
        return send(path, data={"data": json.dumps(data)}, files=files)


@pytest.fixture
def case(product: Product, name: str) -> Case:
    """A completed document of three segments in an economy dataset."""
    dataset_id = product.create_dataset(name, indexing_technique="economy")
    made = product.add_text(dataset_id, "rules", "alpha\nbeta\ngamma", process_rule=by_line())
    product.settle()
    return Case(product, dataset_id, made)


def test_patch_and_update_by_file_are_one_operation(case: Case) -> None:
    for send in (case.patch, case.by_file):
        reply = got(send(b"delta\nepsilon", "other.md"))
        assert set(reply) == {"document", "batch"}
        assert (reply["document"]["id"], reply["document"]["name"]) == (case.document_id, "other.md")
        assert reply["document"]["data_source_detail_dict"]["upload_file"]["extension"] == "md"
        case.product.settle()
        assert case.contents() == ["delta", "epsilon"]


def test_an_update_waits_and_keeps_id_position_creation_and_batch(case: Case) -> None:
    reply = got(case.by_text(text="delta"))
    document = reply["document"]
    assert reply["batch"] == case.batch
    for kept in ("id", "position", "created_at", "created_from", "created_by", "doc_form", "name"):
        assert document[kept] == case.made[kept], kept
    assert (document["indexing_status"], document["display_status"], document["error"]) == ("waiting", "queuing", None)
    progress = case.product.status(case.dataset_id, case.batch)
    assert [progress[moment] for moment in TIMES] == [None] * 5
    case.product.settle()
    assert case.product.status(case.dataset_id, case.batch)["indexing_status"] == "completed"
    assert case.detail()["created_from"] == "api"


def test_an_update_sets_updated_at(case: Case) -> None:
    case.write(updated_at=1.0)
    got(case.by_text(name="renamed"))
    renamed_at = case.detail()["updated_at"]
    case.write(updated_at=1.0)
    got(case.by_text(text="delta"))
    assert renamed_at > 1 and case.detail()["updated_at"] > 1


def test_the_old_content_answers_until_the_new_one_is_indexed(case: Case) -> None:
    got(case.by_text(text="alpha\ndelta"))
    assert case.product.retrieve(case.dataset_id, "beta")[0]["segment"]["content"] == "beta"
    assert case.product.retrieve(case.dataset_id, "delta") == []
    case.product.settle()
    assert case.product.retrieve(case.dataset_id, "beta") == []
    assert case.product.retrieve(case.dataset_id, "delta")[0]["segment"]["content"] == "delta"


def test_the_old_file_goes_to_the_version_when_the_new_content_is_indexed(case: Case) -> None:
    keys = set(case.product.rt.blobs.list_keys(f"{case.dataset_id}/"))
    got(case.by_file(b"delta"))
    case.product.settle()
    left = set(case.product.rt.blobs.list_keys(f"{case.dataset_id}/"))
    assert keys < left and len(left) == 2
    assert got(case.product.api.get(f"{case.path}/versions"))["data"][0]["upload_file"]["name"] == "rules"


def test_a_text_that_is_equal_is_indexed_again(case: Case) -> None:
    assert got(case.by_text(text="alpha\nbeta\ngamma"))["document"]["indexing_status"] == "waiting"
    case.product.settle()
    assert case.contents() == ["alpha", "beta", "gamma"]


def test_a_text_without_a_name_keeps_the_name(case: Case) -> None:
    assert got(case.by_text(text="delta"))["document"]["name"] == "rules"


def test_a_text_with_a_name_takes_it_cut_to_200(case: Case) -> None:
    assert got(case.by_text(text="delta", name="n" * 300))["document"]["name"] == "n" * 200


def test_an_empty_text_leaves_no_segments(case: Case) -> None:
    got(case.by_text(text=""))
    case.product.settle()
    assert (case.detail()["indexing_status"], case.contents()) == ("completed", [])


def test_nul_is_dropped_from_the_text_and_refused_in_the_name(case: Case) -> None:
    assert case.refused(lambda: case.by_text(name="a\0b", text="x"))[:2] == (400, "invalid_param")
    got(case.by_text(text="del\0ta"))
    case.product.settle()
    assert case.contents() == ["delta"]


def test_an_update_without_a_rule_is_cut_by_the_documents_own(case: Case) -> None:
    # The dataset's newest rule is another one.
    case.product.add_text(case.dataset_id, "other", "x", process_rule={"mode": "automatic"})
    case.product.settle()
    reply = got(case.by_text(text="delta\nepsilon"))
    assert reply["document"]["dataset_process_rule_id"] == case.made["dataset_process_rule_id"]
    case.product.settle()
    assert case.contents() == ["delta", "epsilon"]


@pytest.mark.parametrize("route", ["by_text", "by_file", "patch"])
def test_a_rule_alone_cuts_the_stored_source_again(case: Case, route: str) -> None:
    reply = got(getattr(case, route)(process_rule={"mode": "automatic"}))
    document = reply["document"]
    assert (document["indexing_status"], document["name"]) == ("waiting", "rules")
    assert document["data_source_info"] == case.made["data_source_info"]
    assert document["dataset_process_rule_id"] != case.made["dataset_process_rule_id"]
    case.product.settle()
    assert case.contents() == ["alpha\nbeta\ngamma"]
    assert case.detail()["document_process_rule"]["mode"] == "automatic"


@pytest.mark.parametrize("route", ["by_text", "by_file", "patch"])
def test_a_name_alone_renames_without_indexing(case: Case, route: str) -> None:
    segments = got(case.product.api.get(f"{case.path}/segments"))
    document = got(getattr(case, route)(name="更名"))["document"]
    assert (document["name"], document["indexing_status"], document["display_status"]) == (
        "更名",
        "completed",
        "available",
    )
    assert document["data_source_info"] == case.made["data_source_info"]
    assert got(case.product.api.get(f"{case.path}/segments")) == segments
    assert case.product.retrieve(case.dataset_id, "beta")[0]["segment"]["document"]["name"] == "更名"


def test_a_rename_to_a_name_that_is_taken_merges_nothing(case: Case) -> None:
    other = case.product.add_text(case.dataset_id, "other", "x")
    got(case.by_text(name="other"))
    listed = got(case.product.api.get(f"/v1/datasets/{case.dataset_id}/documents"))["data"]
    assert {row["id"] for row in listed if row["name"] == "other"} == {case.document_id, other["document"]["id"]}


@pytest.mark.parametrize("route", ["by_text", "by_file", "patch"])
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": None},
        {"doc_language": "Chinese"},
        {"doc_form": "text_model"},
        {"retrieval_model": {"search_method": "keyword_search"}},
        {"process_rule": None, "unknown": 1},
    ],
)
def test_neither_source_nor_rule_nor_name_is_refused(case: Case, route: str, body: Body) -> None:
    assert case.refused(lambda: getattr(case, route)(**body)) == (400, "invalid_param", REQUIRED)


def test_no_body_at_all_is_an_empty_object(case: Case) -> None:
    for send, path in ((case.product.api.patch, case.path), (case.product.api.post, f"{case.path}/update-by-text")):
        assert refusal(send(path)) == (400, "invalid_param", REQUIRED)


def test_the_python_clients_empty_data_beside_a_file_is_accepted(case: Case) -> None:
    files = {"file": ("new.txt", b"delta", "text/plain")}
    reply = case.product.api.post(f"{case.path}/update_by_file", data={"data": "{}"}, files=files)
    assert got(reply)["document"]["name"] == "new.txt"
    case.product.settle()
    underscore = case.product.api.post(f"{case.path}/update_by_text", json={"text": "epsilon"})
    assert got(underscore)["batch"] == case.batch


def test_the_name_in_data_goes_before_the_files_own(case: Case) -> None:
    document = got(case.by_file(b"delta", "报告.md", name="report"))["document"]
    assert document["name"] == "report"
    assert document["data_source_detail_dict"]["upload_file"]["name"] == "报告.md"


def test_doc_language_is_written_when_it_is_sent(case: Case) -> None:
    got(case.by_text(name="a", doc_language="Chinese"))
    assert case.detail()["doc_language"] == "Chinese"
    got(case.by_text(name="b"))
    assert case.detail()["doc_language"] == "Chinese"


def test_the_retrieval_model_is_taken_only_while_the_dataset_has_none(case: Case) -> None:
    path = f"/v1/datasets/{case.dataset_id}"
    got(case.by_text(name="a", retrieval_model={"search_method": "keyword_search", "top_k": 7}))
    assert got(case.product.api.get(path))["retrieval_model_dict"]["top_k"] == 7
    got(case.by_text(name="b", retrieval_model={"search_method": "keyword_search", "top_k": 9}))
    assert got(case.product.api.get(path))["retrieval_model_dict"]["top_k"] == 7


@pytest.mark.parametrize("route", ["by_text", "by_file", "patch"])
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"name": "a", "doc_form": "qa_model"}, "doc_form is different from the dataset doc_form."),
        ({"name": "a", "doc_form": "other"}, None),
        ({"name": ""}, "name: must not be blank"),
        ({"name": " \t"}, "name: must not be blank"),
        ({"name": 7}, None),
        ({"process_rule": {}}, "Process rule mode is required"),
        ({"process_rule": {"mode": "sideways"}}, "Process rule mode is invalid"),
        ({"process_rule": "automatic"}, None),
        ({"process_rule": by_line(4001)}, "Custom segment length should be between 1 and 4000."),
        ({"name": "a", "retrieval_model": {"search_method": "guess"}}, None),
        ({"name": "a", "doc_language": 7}, None),
        ({"name": "a", "embedding_model": []}, None),
    ],
)
def test_a_wrong_field_is_400_and_changes_nothing(case: Case, route: str, body: Body, message: str | None) -> None:
    found = case.refused(lambda: getattr(case, route)(**body))
    assert found[:2] == (400, "invalid_param")
    assert message is None or found[2] == message


def test_a_text_that_is_none_is_400(case: Case) -> None:
    assert case.refused(lambda: case.by_text(text=7))[:2] == (400, "invalid_param")
    assert case.refused(lambda: case.by_text(text=["a"]))[:2] == (400, "invalid_param")


def test_a_body_that_is_no_json_is_400(case: Case) -> None:
    for send, path in ((case.product.api.patch, case.path), (case.product.api.post, f"{case.path}/update-by-text")):
        found = case.refused(lambda send=send, path=path: send(path, content=b"{"))
        assert found == (400, "bad_request", "Invalid JSON payload received or JSON payload is empty.")


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ([("file", ("a.exe", b"x"))], (415, "unsupported_file_type", "File type not allowed.")),
        ([("file", ("noextension", b"x"))], (415, "unsupported_file_type", "File type not allowed.")),
        ([("file", ("a/b.txt", b"x"))], (400, "invalid_param", "Filename contains invalid characters")),
        ([("file", ("a.txt", b"x")), ("file", ("b.txt", b"y"))], (400, "too_many_files", "Only one file is allowed.")),
        ([("other", ("a.txt", b"x"))], (400, "no_file_uploaded", "Please upload your file.")),
    ],
)
def test_a_wrong_file_is_refused_as_on_create(case: Case, files: Any, found: tuple[int, str, str]) -> None:
    assert case.refused(lambda: case.product.api.patch(case.path, files=files)) == found
    assert case.refused(lambda: case.product.api.post(f"{case.path}/update-by-file", files=files)) == found


def test_a_file_without_a_name_is_refused(case: Case) -> None:
    body = b'--B\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\nx\r\n--B--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    found = case.refused(lambda: case.product.api.patch(case.path, content=body, headers=headers))
    assert found == (400, "filename_not_exists_error", "The specified filename does not exist.")


def test_a_file_that_is_too_large_is_413_and_changes_nothing(case: Case) -> None:
    content = b"x" * (case.product.rt.settings.upload_file_bytes + 1)
    assert case.refused(lambda: case.patch(content)) == (413, "file_too_large", "File size exceeded.")


@pytest.mark.parametrize("status", ["waiting", "parsing", "cleaning", "splitting", "indexing"])
def test_an_unfinished_document_is_400_document_indexing(case: Case, status: str) -> None:
    case.write(indexing_status=status)
    assert case.refused(lambda: case.by_text(text="x")) == IN_PROGRESS
    assert case.refused(lambda: case.by_text(name="x")) == IN_PROGRESS
    assert case.refused(lambda: case.patch(b"x")) == IN_PROGRESS


def test_a_paused_document_is_not_available(case: Case) -> None:
    case.write(indexing_status="indexing", paused_at=1.0)
    assert case.refused(lambda: case.by_text(text="x")) == NOT_AVAILABLE


def test_a_disabled_document_is_not_available(case: Case) -> None:
    case.write(is_enabled=False)
    assert case.refused(lambda: case.by_file(b"x")) == NOT_AVAILABLE
    assert case.refused(lambda: case.by_text(name="x")) == NOT_AVAILABLE


def test_an_archived_document_is_403(case: Case) -> None:
    case.write(is_archived=True, is_enabled=False, indexing_status="waiting")
    assert case.refused(lambda: case.by_text(text="x")) == ARCHIVED
    assert case.refused(lambda: case.patch(b"x")) == ARCHIVED


def test_a_wrong_body_is_told_before_the_documents_state(case: Case) -> None:
    case.write(is_archived=True)
    assert case.refused(case.by_text)[2] == REQUIRED
    assert case.refused(lambda: case.patch(b"x", "a.exe"))[0] == 415


def test_an_update_of_a_document_in_error_is_the_retry(case: Case) -> None:
    case.write(indexing_status="error", error="It broke.", stopped_at=1.0)
    document = got(case.by_text(text="delta"))["document"]
    assert (document["indexing_status"], document["error"]) == ("waiting", None)
    case.product.settle()
    assert (case.detail()["indexing_status"], case.contents()) == ("completed", ["delta"])


def test_content_that_fails_leaves_the_former_answering_until_a_later_update(case: Case) -> None:
    got(case.by_file(b""))
    case.product.settle()
    shown = case.detail()
    assert (shown["indexing_status"], shown["error"]) == ("error", "The file is empty.")
    assert case.product.retrieve(case.dataset_id, "beta")[0]["segment"]["content"] == "beta"
    got(case.by_file(b"delta"))
    case.product.settle()
    assert case.contents() == ["delta"]
    # The file that failed is gone; the former one stays with its version.
    assert len(list(case.product.rt.blobs.list_keys(f"{case.dataset_id}/"))) == 2


@pytest.mark.parametrize("path", ["update-by-text", "update_by_text", "update-by-file", "update_by_file"])
def test_an_unknown_document_is_404_before_the_body(case: Case, path: str) -> None:
    url = f"/v1/datasets/{case.dataset_id}/documents/{UNKNOWN}/{path}"
    assert refusal(case.product.api.post(url, content=b"{")) == (404, "not_found", "Document not found.")


def test_a_document_of_another_dataset_is_404(case: Case) -> None:
    other = case.product.create_dataset(f"{case.dataset_id[:8]} other")
    url = f"/v1/datasets/{other}/documents/{case.document_id}"
    assert refusal(case.product.api.patch(url, json={"name": "x"})) == (404, "not_found", "Document not found.")


def test_an_external_dataset_takes_no_updates(case: Case) -> None:
    with case.product.rt.db.begin() as tx:
        tx.execute(update(datasets).where(datasets.c.id == case.dataset_id).values(provider="external"))
    message = "External datasets are not supported."
    assert case.refused(lambda: case.by_text(text="x")) == (400, "invalid_param", message)
    assert case.refused(lambda: case.patch(b"x")) == (400, "invalid_param", message)


def test_a_model_that_is_gone_refuses_new_content_but_no_new_name(product: Product, name: str) -> None:
    dataset_id = product.create_dataset(name, indexing_technique="high_quality")
    case = Case(product, dataset_id, product.add_text(dataset_id, "rules", "alpha"))
    product.settle()
    with product.rt.db.begin() as tx:
        tx.execute(update(datasets).where(datasets.c.id == dataset_id).values(embedding_model="gone"))
    for send in (lambda: case.by_text(text="x"), lambda: case.patch(b"x", "a.exe")):
        assert case.refused(send)[:2] == (400, "provider_not_initialize")
    assert got(case.by_text(name="renamed"))["document"]["name"] == "renamed"


def test_of_parallel_updates_one_wins_and_the_others_meet_document_indexing(case: Case) -> None:
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda number: case.by_text(text=f"text {number}"), range(8)))
    won = [reply for reply in replies if reply.status_code == 200]
    assert len(won) == 1
    assert {refusal(reply) for reply in replies if reply.status_code != 200} == {IN_PROGRESS}
    # Those that lost left no file behind.
    assert len(list(case.product.rt.blobs.list_keys(f"{case.dataset_id}/"))) == 2
    case.product.settle()
    assert case.contents() == [f"text {replies.index(won[0])}"]


def test_creating_with_an_original_document_is_the_same_update(case: Case) -> None:
    case.product.add_text(case.dataset_id, "other", "x", process_rule={"mode": "automatic"})
    case.product.settle()
    case.write(doc_language="Chinese")
    body = {"name": "after", "text": "delta\nepsilon", "original_document_id": case.document_id}
    reply = got(case.product.api.post(f"/v1/datasets/{case.dataset_id}/document/create-by-text", json=body))
    assert (reply["batch"], reply["document"]["name"]) == (case.batch, "after")
    assert reply["document"]["dataset_process_rule_id"] == case.made["dataset_process_rule_id"]
    case.product.settle()
    assert (case.contents(), case.detail()["doc_language"]) == (["delta", "epsilon"], "Chinese")


def test_a_segment_whose_text_stays_keeps_its_id(case: Case) -> None:
    rows = got(case.product.api.get(f"{case.path}/segments"))["data"]
    ids = {row["content"]: row["id"] for row in rows}
    got(case.by_text(text="gamma\ndelta\nalpha"))
    case.product.settle()
    after = {row["content"]: row["id"] for row in got(case.product.api.get(f"{case.path}/segments"))["data"]}
    assert (after["gamma"], after["alpha"]) == (ids["gamma"], ids["alpha"])
    assert "beta" not in after and after["delta"] not in ids.values()
