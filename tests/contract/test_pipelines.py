"""Knowledge pipelines: uploads, and the routes of datasets without one (contract 9, D6, D10, 3.7-43 to 46)."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.contract.calls import UNKNOWN, UUID, refusal, state, switch_api
from tests.contract.test_bad_input import BOOLEANS, LISTS, NUL, OBJECTS, TEXTS, choices, put
from tests.fake_clock import FakeClock
from tests.product import Product, open_product
from zhiku.db.engine import Database
from zhiku.jobs import queue
from zhiku.jobs.worker import JobContext

UPLOAD = "/v1/datasets/pipeline/file-upload"
NO_PIPELINE = (400, "invalid_param", "Pipeline not found")
RUN_NODE: dict[str, Any] = {"inputs": {}, "datasource_type": "website_crawl", "is_published": True}
RUN: dict[str, Any] = {
    "inputs": {},
    "datasource_type": "local_file",
    "datasource_info_list": [{"reference": UNKNOWN, "name": "quarterly-report.pdf"}],
    "start_node_id": "1719288585006",
    "is_published": True,
    "response_mode": "blocking",
}
ITEMS: dict[str, dict[str, Any]] = {
    "local_file": {"reference": UNKNOWN},
    "online_document": {"workspace_id": "w", "page": {"page_id": "p", "type": "page"}},
    "website_crawl": {"url": "https://example.com/docs"},
    "online_drive": {"id": "f", "type": "file"},
}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def timed(tmp_path: Path, sqlite_database: Database, clock: FakeClock) -> Iterator[Product]:
    """A whole Zhiku whose time the test moves; files may have 1,000 bytes."""
    with open_product(tmp_path / "data", sqlite_database, clock, upload_file_bytes=1000) as opened:
        yield opened


def part(disposition: str, content: bytes = b"x", content_type: str | None = "text/plain") -> bytes:
    kind = "" if content_type is None else f"Content-Type: {content_type}\r\n"
    return f"--B\r\nContent-Disposition: form-data; {disposition}\r\n{kind}\r\n".encode() + content + b"\r\n"


def send(product: Product, *parts: bytes) -> Any:
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    return product.api.post(UPLOAD, content=b"".join(parts) + b"--B--\r\n", headers=headers)


def blobs(product: Product) -> dict[str, bytes]:
    return {key: product.rt.blobs.get(key) for key in product.rt.blobs.list_keys("pipeline/")}


def test_an_upload_is_201_with_its_time_as_iso_8601(timed: Product, clock: FakeClock) -> None:
    reply = timed.api.post(UPLOAD, files={"file": ("Quarterly Report.PDF", b"%PDF-", "application/pdf")})
    assert reply.status_code == 201
    made = reply.json()
    assert UUID.fullmatch(made["id"])
    assert UUID.fullmatch(made["created_by"])
    assert {name: made[name] for name in made if name not in ("id", "created_by")} == {
        "name": "Quarterly Report.PDF",
        "size": 5,
        "extension": "pdf",
        "mime_type": "application/pdf",
        "created_at": "2023-11-14T22:13:20+00:00",
    }
    assert datetime.fromisoformat(made["created_at"]) == datetime.fromtimestamp(clock.now(), UTC)
    assert blobs(timed) == {f"pipeline/{made['id']}": b"%PDF-"}


def test_each_upload_is_stored_by_itself(product: Product) -> None:
    replies = [product.api.post(UPLOAD, files={"file": ("a.txt", content)}) for content in (b"one", b"two", b"two")]
    ids = [reply.json()["id"] for reply in replies]
    stored = blobs(product)
    assert [stored[f"pipeline/{upload_id}"] for upload_id in ids] == [b"one", b"two", b"two"]


def test_a_file_name_keeps_its_script_and_its_stem_is_cut_to_200_characters(product: Product) -> None:
    name = "报告" * 150 + ".Docx"
    made = product.api.post(UPLOAD, files={"file": (name, b"x")}).json()
    assert (made["name"], made["extension"]) == (("报告" * 150)[:200] + ".Docx", "docx")


def test_an_upload_that_no_pipeline_takes_is_gone_after_a_day(timed: Product, clock: FakeClock) -> None:
    before = state(timed)
    first = timed.api.post(UPLOAD, files={"file": ("a.txt", b"one")}).json()["id"]
    clock.advance(3600)
    second = timed.api.post(UPLOAD, files={"file": ("b.txt", b"two")}).json()["id"]
    clock.advance(23 * 3600 - 1)
    timed.settle()
    assert set(blobs(timed)) == {f"pipeline/{first}", f"pipeline/{second}"}
    clock.advance(1)
    timed.settle()
    assert set(blobs(timed)) == {f"pipeline/{second}"}
    clock.advance(3600)
    timed.settle()
    assert state(timed) == before


def test_removing_an_upload_may_be_cut_off_and_is_done_again(timed: Product, clock: FakeClock) -> None:
    before = state(timed)
    timed.api.post(UPLOAD, files={"file": ("a.txt", b"one")})
    clock.advance(24 * 3600)
    handler = timed.handlers["purge_pipeline_upload"]
    job = queue.claim(timed.rt.db, clock, "killed", 30, list(timed.handlers))
    assert job is not None
    handler.run(timed.rt, JobContext(job, Event()), job.payload)
    clock.advance(31)
    timed.settle()
    assert state(timed) == before


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], (400, "no_file_uploaded", "Please upload your file.")),
        ([part('name="data"', b"{}")], (400, "no_file_uploaded", "Please upload your file.")),
        ([part('name="document"; filename="a.txt"')], (400, "no_file_uploaded", "Please upload your file.")),
        ([part('name="file"')], (400, "no_file_uploaded", "Please upload your file.")),
        ([part('name="file"; filename="a.txt"')] * 2, (400, "too_many_files", "Only one file is allowed.")),
        (
            [part('name="file"; filename="a.txt"'), part('name="other"; filename="b.txt"')],
            (400, "too_many_files", "Only one file is allowed."),
        ),
        (
            [part('name="file"; filename=""')],
            (400, "filename_not_exists_error", "The specified filename does not exist."),
        ),
        ([part('name="file"; filename="a.exe"')], (415, "unsupported_file_type", "File type not allowed.")),
        ([part('name="file"; filename="a"')], (415, "unsupported_file_type", "File type not allowed.")),
        ([part('name="file"; filename="a.zip"')], (415, "unsupported_file_type", "File type not allowed.")),
        (
            [part('name="file"; filename="a.txt"', b"x", None)],
            (415, "unsupported_file_type", "File type not allowed."),
        ),
        (
            [part('name="file"; filename="a.exe"', b"x" * 1001)],
            (415, "unsupported_file_type", "File type not allowed."),
        ),
        ([part('name="file"; filename="a.txt"', b"x" * 1001)], (413, "file_too_large", "File size exceeded.")),
        (
            [part('name="file"; filename="../a.txt"')],
            (400, "invalid_param", "Filename contains invalid characters"),
        ),
    ],
)
def test_a_wrong_upload_is_refused_and_leaves_nothing(
    timed: Product, parts: list[bytes], expected: tuple[int, str, str]
) -> None:
    before = state(timed)
    assert refusal(send(timed, *parts)) == expected
    assert state(timed) == before


@pytest.mark.parametrize("content", [b"", b"{}", b"file=a.txt"])
def test_a_body_that_is_no_form_of_files_has_no_file(product: Product, content: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert refusal(product.api.post(UPLOAD, content=content, headers=headers))[:2] == (400, "no_file_uploaded")


def test_a_form_that_breaks_off_is_bad_request(product: Product) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    reply = product.api.post(UPLOAD, content=part('name="file"; filename="a.txt"'), headers=headers)
    assert refusal(reply)[:2] == (400, "bad_request")


def test_an_upload_needs_a_key_before_its_body_is_read(product: Product) -> None:
    assert refusal(product.anonymous.post(UPLOAD, content=b"x"))[:2] == (401, "unauthorized")


def routes(dataset_id: str) -> list[tuple[str, str, dict[str, Any] | None]]:
    root = f"/v1/datasets/{dataset_id}/pipeline"
    return [
        ("GET", f"{root}/datasource-plugins", None),
        ("POST", f"{root}/datasource/nodes/1719288585006/run", RUN_NODE),
        ("POST", f"{root}/run", RUN),
    ]


def test_a_dataset_without_a_pipeline_is_400(product: Product, dataset_id: str) -> None:
    before = state(product)
    for method, path, body in routes(dataset_id):
        assert refusal(product.api.request(method, path, json=body)) == NO_PIPELINE
    assert state(product) == before


@pytest.mark.parametrize("query", ["", "?is_published=false", "?is_published=True", "?is_published=", "?other=1"])
def test_the_nodes_of_either_version_are_asked_for_alike(product: Product, dataset_id: str, query: str) -> None:
    assert refusal(product.api.get(f"/v1/datasets/{dataset_id}/pipeline/datasource-plugins{query}")) == NO_PIPELINE


def test_a_version_that_is_no_boolean_is_400_that_names_it(product: Product, dataset_id: str) -> None:
    reply = product.api.get(f"/v1/datasets/{dataset_id}/pipeline/datasource-plugins?is_published=maybe")
    status, code, message = refusal(reply)
    assert (status, code) == (400, "invalid_param")
    assert message.startswith("is_published: ")


def test_pipeline_routes_ask_for_the_key_then_the_dataset_then_its_switch_then_the_body(
    product: Product, dataset_id: str
) -> None:
    for method, path, _ in routes(UNKNOWN):
        assert refusal(product.anonymous.request(method, path, content=b"{"))[:2] == (401, "unauthorized")
        assert refusal(product.api.request(method, path, content=b"{")) == (404, "not_found", "Dataset not found.")
    switch_api(product, dataset_id, is_on=False)
    off = (403, "forbidden", "Dataset api access is not enabled.")
    for method, path, _ in routes(dataset_id):
        assert refusal(product.api.request(method, path, content=b"{")) == off
    switch_api(product, dataset_id, is_on=True)
    for method, path, _ in routes(dataset_id)[1:]:
        assert refusal(product.api.request(method, path, content=b"{"))[:2] == (400, "bad_request")


@pytest.mark.parametrize("kind", ITEMS)
def test_an_item_of_each_type_is_taken(product: Product, dataset_id: str, kind: str) -> None:
    path = f"/v1/datasets/{dataset_id}/pipeline/run"
    for mode in ("streaming", "blocking"):
        body = RUN | {"datasource_type": kind, "datasource_info_list": [ITEMS[kind]] * 2, "response_mode": mode}
        assert refusal(product.api.post(path, json=body)) == NO_PIPELINE


@pytest.mark.parametrize("item", [{"related_id": UNKNOWN}, {"reference": None, "related_id": UNKNOWN, "name": None}])
def test_related_id_is_another_name_for_the_reference(product: Product, dataset_id: str, item: dict[str, Any]) -> None:
    reply = product.api.post(f"/v1/datasets/{dataset_id}/pipeline/run", json=RUN | {"datasource_info_list": [item]})
    assert refusal(reply) == NO_PIPELINE


WRONG_NODE: dict[str, list[Any]] = {
    "inputs": [None, *OBJECTS],
    "datasource_type": [None, *choices("local")],
    "credential_id": [*TEXTS, NUL],
    "is_published": [None, *BOOLEANS],
}
WRONG_RUN: dict[str, list[Any]] = {
    "inputs": [None, *OBJECTS],
    "datasource_type": [None, *choices("local")],
    "datasource_info_list": [None, *LISTS, [], [1], [None], [[]], [{}], [{}] * 1001],
    "start_node_id": [None, "", "x" * 256, *TEXTS, NUL],
    "is_published": [None, *BOOLEANS],
    "response_mode": [None, *choices("sse")],
}
WRONG_ITEMS: dict[str, dict[str, list[Any]]] = {
    "local_file": {"reference": [None, "", *TEXTS], "name": TEXTS},
    "online_document": {
        "workspace_id": [None, "", *TEXTS],
        "page": [None, *OBJECTS],
        "page.page_id": [None, "", *TEXTS],
        "page.type": [None, "", *TEXTS],
        "page.page_name": TEXTS,
        "credential_id": TEXTS,
    },
    "website_crawl": {"url": [None, "", *TEXTS], "title": TEXTS},
    "online_drive": {
        "id": [None, "", *TEXTS],
        "type": [None, "folders", 1, [], {}],
        "bucket": TEXTS,
        "name": TEXTS,
    },
}


def wrong(product: Product, path: str, body: dict[str, Any], named: str) -> None:
    """Send what must be refused with a message that begins with the field."""
    before = state(product)
    status, code, message = refusal(product.api.post(path, content=json.dumps(body)))
    assert (status, code) == (400, "invalid_param"), message
    assert message.startswith(named), message
    assert state(product) == before


@pytest.fixture(scope="module")
def root(product: Product) -> str:
    """The path under which a dataset's pipeline would be run."""
    return f"/v1/datasets/{product.create_dataset('Target of pipelines')}/pipeline"


@pytest.mark.parametrize(("field", "value"), [(field, value) for field in WRONG_NODE for value in WRONG_NODE[field]])
def test_a_wrong_value_for_a_node_is_400_that_names_the_field(
    product: Product, root: str, field: str, value: Any
) -> None:
    wrong(product, f"{root}/datasource/nodes/1/run", RUN_NODE | {field: value}, field)


@pytest.mark.parametrize(("field", "value"), [(field, value) for field in WRONG_RUN for value in WRONG_RUN[field]])
def test_a_wrong_value_for_a_run_is_400_that_names_the_field(
    product: Product, root: str, field: str, value: Any
) -> None:
    wrong(product, f"{root}/run", RUN | {field: value}, field)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [(kind, field, value) for kind, fields in WRONG_ITEMS.items() for field in fields for value in fields[field]],
)
def test_a_wrong_value_in_an_item_is_400_that_names_item_and_field(
    product: Product, root: str, kind: str, field: str, value: Any
) -> None:
    items = [ITEMS[kind], put(ITEMS[kind], field, value)]
    body = RUN | {"datasource_type": kind, "datasource_info_list": items}
    wrong(product, f"{root}/run", body, f"datasource_info_list.1.{field}")


@pytest.mark.parametrize("field", RUN)
def test_what_a_run_needs_is_named_when_it_is_missing(product: Product, root: str, field: str) -> None:
    wrong(product, f"{root}/run", {name: value for name, value in RUN.items() if name != field}, f"{field}: ")


@pytest.mark.parametrize("field", RUN_NODE)
def test_what_a_node_needs_is_named_when_it_is_missing(product: Product, root: str, field: str) -> None:
    body = {name: value for name, value in RUN_NODE.items() if name != field}
    wrong(product, f"{root}/datasource/nodes/1/run", body, f"{field}: ")


def test_a_credential_may_be_left_out_or_null(product: Product, dataset_id: str) -> None:
    path = f"/v1/datasets/{dataset_id}/pipeline/datasource/nodes/1/run"
    for extra in ({}, {"credential_id": None}, {"credential_id": "c"}):
        assert refusal(product.api.post(path, json=RUN_NODE | extra)) == NO_PIPELINE
