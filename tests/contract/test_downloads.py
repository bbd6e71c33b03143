"""Stored files: links, ZIPs and signed routes (contract 2.5, 3.3-12, 16, 47, 48, 11.5, 11.13)."""

import io
import re
import zipfile
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from httpx2 import Response
from sqlalchemy import update

from tests.contract.calls import UNKNOWN, got, refusal
from tests.fake_clock import FakeClock
from tests.product import Product, open_product
from zhiku.db.engine import Database
from zhiku.db.tables import documents
from zhiku.documents.files import zip_names

REFUSED = (404, "not_found", "File not found or signature is invalid")
NO_DOCUMENT = (404, "not_found", "Document not found.")
NO_FILE = (404, "not_found", "Only uploaded-file documents can be downloaded as ZIP.")


@pytest.fixture
def economy(product: Product, name: str) -> str:
    return product.create_dataset(name, indexing_technique="economy")


def add_file(product: Product, dataset_id: str, filename: str, content: bytes = b"hello", **fields: Any) -> str:
    return product.add_file(dataset_id, filename, content, **fields)["document"]["id"]


def link_to(product: Product, dataset_id: str, document_id: str, **headers: str) -> str:
    path = f"/v1/datasets/{dataset_id}/documents/{document_id}/download"
    return got(product.api.get(path, headers=headers))["url"]


def file_of(product: Product, dataset_id: str, document_id: str, **headers: str) -> dict[str, Any]:
    path = f"/v1/datasets/{dataset_id}/documents/{document_id}/upload-file"
    return got(product.api.get(path, headers=headers))


def opened(product: Product, link: str, **changed: str) -> Response:
    """Return what a link gives to somebody without a key, with some of its parameters changed."""
    parts = urlsplit(link)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changed
    return product.anonymous.get(parts.path, params={name: value for name, value in query.items() if value != "-"})


def packed(product: Product, dataset_id: str, *document_ids: str) -> Response:
    path = f"/v1/datasets/{dataset_id}/documents/download-zip"
    return product.api.post(path, json={"document_ids": list(document_ids)})


def entries(reply: Response) -> dict[str, bytes]:
    assert reply.status_code == 200, reply.text
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        assert archive.testzip() is None
        return {entry: archive.read(entry) for entry in archive.namelist()}


def make_other_source(product: Product, document_id: str) -> None:
    with product.rt.db.begin() as tx:
        changed = update(documents).where(documents.c.id == document_id)
        tx.execute(changed.values(data_source_type="website_crawl"))


def test_a_download_link_is_absolute_and_saves_the_file_without_a_key(product: Product, economy: str) -> None:
    document_id = add_file(product, economy, "notes.txt", b"hello \xff")
    link = link_to(product, economy, document_id)
    assert re.fullmatch(r"http://testserver/files/[0-9a-f-]{36}/file-preview\?.*&as_attachment=true", link)
    reply = product.anonymous.get(link)
    assert (reply.status_code, reply.content) == (200, b"hello \xff")
    assert reply.headers["content-type"] == "text/plain"
    assert reply.headers["content-disposition"] == "attachment; filename=\"notes.txt\"; filename*=UTF-8''notes.txt"
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_a_text_is_downloaded_as_the_utf_8_it_is(product: Product, economy: str) -> None:
    made = product.add_text(economy, "规则", "größe 知识")["document"]["id"]
    reply = product.anonymous.get(link_to(product, economy, made))
    assert (reply.content.decode(), reply.headers["content-type"]) == ("größe 知识", "text/plain; charset=utf-8")


@pytest.mark.parametrize("filename", ["知识 库.md", "a;b,c'd.md", "100%.md", "größe.md"])
def test_the_file_name_comes_in_filename_star_whatever_its_script(
    product: Product, economy: str, filename: str
) -> None:
    reply = product.anonymous.get(link_to(product, economy, add_file(product, economy, filename)))
    found = re.fullmatch(
        r"attachment; filename=\"([A-Za-z0-9 ._()-]+)\"; filename\*=UTF-8''([A-Za-z0-9%._~-]+)",
        reply.headers["content-disposition"],
    )
    assert found is not None and unquote(found[2]) == filename


def test_a_name_with_line_ends_cannot_add_headers(product: Product, economy: str) -> None:
    made = product.add_text(economy, "a\r\nSet-Cookie: x=1", "x")["document"]["id"]
    reply = product.anonymous.get(link_to(product, economy, made))
    assert reply.status_code == 200 and "set-cookie" not in reply.headers


def test_upload_file_tells_of_the_file_with_both_links(product: Product, economy: str) -> None:
    made = product.add_file(economy, "报告.PDF", b"%PDF-1.4")["document"]
    body = file_of(product, economy, made["id"])
    shown = made["data_source_detail_dict"]["upload_file"]
    assert set(body) == {
        "id", "name", "size", "extension", "url", "download_url", "mime_type", "created_by", "created_at",
    }  # fmt: skip
    assert {key: body[key] for key in shown} == shown
    assert (body["name"], body["size"], body["extension"]) == ("报告.PDF", 8, "pdf")
    assert body["mime_type"] == "application/pdf"
    assert body["download_url"] == f"{body['url']}&as_attachment=true"
    inline, saved = product.anonymous.get(body["url"]), product.anonymous.get(body["download_url"])
    assert inline.content == saved.content == b"%PDF-1.4"
    assert inline.headers["content-disposition"].startswith("inline; ")
    assert saved.headers["content-disposition"].startswith("attachment; ")
    assert inline.headers["content-type"] == "application/pdf"


@pytest.mark.parametrize(
    ("filename", "mime_type"),
    [
        ("a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("a.html", "text/html"),
        ("a.csv", "text/csv"),
        ("a.md", "text/markdown"),
        ("a.json", "application/json"),
    ],
)
def test_the_content_type_is_that_of_the_file(product: Product, economy: str, filename: str, mime_type: str) -> None:
    body = file_of(product, economy, add_file(product, economy, filename, duplicate=False))
    assert body["mime_type"] == mime_type
    assert product.anonymous.get(body["url"]).headers["content-type"] == mime_type


@pytest.mark.parametrize("filename", ["page.html", "page.htm", "drawing.xml"])
def test_what_could_run_scripts_is_never_shown_in_place(product: Product, economy: str, filename: str) -> None:
    reply = product.anonymous.get(file_of(product, economy, add_file(product, economy, filename))["url"])
    assert reply.headers["content-disposition"].startswith("attachment; ")


@pytest.mark.parametrize(
    "changed",
    [
        {"sign": "AAAA"},
        {"sign": "-"},
        {"sign": "知"},
        {"nonce": "other"},
        {"nonce": "-"},
        {"nonce": "a\0b"},
        {"timestamp": "9999999999"},
        {"timestamp": "-"},
        {"timestamp": "soon"},
        {"timestamp": "١٢٣"},
        {"timestamp": "9" * 400},
    ],
)
def test_a_link_that_was_changed_is_404(product: Product, economy: str, changed: dict[str, str]) -> None:
    link = link_to(product, economy, add_file(product, economy, "a.txt"))
    assert opened(product, link).status_code == 200
    assert refusal(opened(product, link, **changed)) == REFUSED


def test_a_signature_is_good_for_one_file_and_one_route(product: Product, economy: str) -> None:
    link = link_to(product, economy, add_file(product, economy, "a.txt"))
    other = file_of(product, economy, add_file(product, economy, "b.txt"))["id"]
    own = urlsplit(link).path.split("/")[2]
    assert refusal(opened(product, link.replace(own, other))) == REFUSED
    assert refusal(opened(product, link.replace("file-preview", "image-preview"))) == REFUSED
    assert opened(product, link.replace(own, own.upper())).status_code == 200


def test_a_link_without_query_or_for_an_unknown_file_is_404_and_never_401(product: Product) -> None:
    for kind in ("file-preview", "image-preview"):
        for prefix in ("", "/v1"):
            assert refusal(product.anonymous.get(f"{prefix}/files/{UNKNOWN}/{kind}")) == REFUSED
    assert product.anonymous.get("/files/not-a-uuid/file-preview").status_code == 404


def test_a_link_is_good_for_300_seconds(tmp_path: Path, sqlite_database: Database, clock: FakeClock) -> None:
    with open_product(tmp_path / "data", sqlite_database, clock) as product:
        dataset_id = product.create_dataset(indexing_technique="economy")
        link = link_to(product, dataset_id, add_file(product, dataset_id, "a.txt"))
        clock.advance(300)
        assert opened(product, link).status_code == 200
        clock.advance(1)
        assert refusal(opened(product, link)) == REFUSED


def test_each_link_is_another(product: Product, economy: str) -> None:
    document_id = add_file(product, economy, "a.txt")
    assert link_to(product, economy, document_id) != link_to(product, economy, document_id)


def test_a_link_to_a_deleted_file_is_404(product: Product, economy: str) -> None:
    document_id = add_file(product, economy, "a.txt")
    product.settle()
    link = link_to(product, economy, document_id)
    assert product.api.delete(f"/v1/datasets/{economy}/documents/{document_id}").status_code == 204
    assert refusal(opened(product, link)) == REFUSED


def test_a_file_that_is_lost_from_the_store_is_404(product: Product, economy: str) -> None:
    document_id = add_file(product, economy, "a.txt")
    link = link_to(product, economy, document_id)
    for key in list(product.rt.blobs.list_keys(f"{economy}/")):
        product.rt.blobs.delete(key)
    assert refusal(opened(product, link)) == REFUSED
    assert refusal(packed(product, economy, document_id)) == NO_FILE


def test_head_gives_the_headers_of_a_link(product: Product, economy: str) -> None:
    reply = product.anonymous.head(link_to(product, economy, add_file(product, economy, "a.txt")))
    assert (reply.status_code, reply.content, reply.headers["content-length"]) == (200, b"", "5")


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        ({"Host": "kb.example.org:8080"}, "http://kb.example.org:8080"),
        ({"X-Forwarded-Proto": "https"}, "https://testserver"),
        ({"X-Forwarded-Host": "kb.example.org"}, "http://kb.example.org"),
        (
            {"X-Forwarded-Proto": "https, http", "X-Forwarded-Host": "kb.example.org, inner", "Host": "inner"},
            "https://kb.example.org",
        ),
        ({"X-Forwarded-Host": "[2001:db8::1]:5001"}, "http://[2001:db8::1]:5001"),
        ({"X-Forwarded-Proto": "javascript", "X-Forwarded-Host": "a/b?c"}, "http://testserver"),
    ],
)
def test_links_begin_where_the_client_reached_the_server(
    product: Product, economy: str, headers: dict[str, str], base: str
) -> None:
    document_id = add_file(product, economy, "a.txt")
    assert link_to(product, economy, document_id, **headers).startswith(f"{base}/files/")
    assert file_of(product, economy, document_id, **headers)["url"].startswith(f"{base}/files/")


def test_the_configured_address_goes_before_what_the_request_says(tmp_path: Path, sqlite_database: Database) -> None:
    with open_product(tmp_path / "data", sqlite_database, public_url="https://zhiku.example.org/kb/") as product:
        dataset_id = product.create_dataset(indexing_technique="economy")
        document_id = add_file(product, dataset_id, "a.txt")
        link = link_to(product, dataset_id, document_id, **{"X-Forwarded-Host": "other.example.org"})
        assert link.startswith("https://zhiku.example.org/kb/files/")


def test_documents_from_elsewhere_have_no_file(product: Product, economy: str) -> None:
    document_id = add_file(product, economy, "a.txt")
    make_other_source(product, document_id)
    path = f"/v1/datasets/{economy}/documents/{document_id}"
    assert refusal(product.api.get(f"{path}/download")) == (
        404,
        "not_found",
        "Document does not have an uploaded file to download.",
    )
    assert refusal(product.api.get(f"{path}/upload-file")) == (
        400,
        "invalid_param",
        "Document data source type (website_crawl) is not upload_file.",
    )
    assert refusal(packed(product, economy, document_id)) == NO_FILE


@pytest.mark.parametrize("route", ["download", "upload-file"])
def test_an_unknown_document_is_404(product: Product, economy: str, route: str) -> None:
    assert refusal(product.api.get(f"/v1/datasets/{economy}/documents/{UNKNOWN}/{route}")) == NO_DOCUMENT


def test_a_zip_holds_the_files_in_the_order_asked_for(product: Product, economy: str) -> None:
    first = add_file(product, economy, "b.txt", b"first")
    second = add_file(product, economy, "知识.md", "第二".encode())
    reply = packed(product, economy, second, first)
    assert reply.headers["content-type"] == "application/zip"
    assert re.fullmatch(r"attachment; filename=[0-9a-f]{32}\.zip", reply.headers["content-disposition"])
    assert int(reply.headers["content-length"]) == len(reply.content)
    found = entries(reply)
    assert found == {"知识.md": "第二".encode(), "b.txt": b"first"}
    assert list(found) == ["知识.md", "b.txt"]


def test_a_zip_larger_than_memory_allows_is_whole(product: Product, economy: str) -> None:
    contents = {f"{number}.txt": Random(number).randbytes(3_000_000) for number in range(4)}
    made = [add_file(product, economy, filename, content) for filename, content in contents.items()]
    assert entries(packed(product, economy, *made)) == contents
    assert [path.name for path in product.rt.settings.data_dir.iterdir() if path.name.startswith("tmp")] == []


def test_an_id_that_comes_twice_is_packed_once(product: Product, economy: str) -> None:
    document_id = add_file(product, economy, "a.txt")
    assert list(entries(packed(product, economy, document_id, document_id.upper(), document_id))) == ["a.txt"]


def test_equal_names_are_numbered(product: Product, economy: str) -> None:
    made = [add_file(product, economy, "a.txt", bytes([number]), duplicate=False) for number in range(3)]
    assert entries(packed(product, economy, *made)) == {"a.txt": b"\0", "a (1).txt": b"\1", "a (2).txt": b"\2"}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "a", "a"], ["a", "a (1)", "a (2)"]),
        (["a.txt", "a (1).txt", "a.txt"], ["a.txt", "a (1).txt", "a (2).txt"]),
        (["x/y/a.txt", "z\\a.txt"], ["a.txt", "a (1).txt"]),
        (["../../etc/passwd", "..", ".", "", "a/"], ["passwd", "file", "file (1)", "file (2)", "file (3)"]),
        ([".env", ".env"], [".env", ".env (1)"]),
        (["a\r\nb.txt", "a.tar.gz", "a.tar.gz"], ["ab.txt", "a.tar.gz", "a.tar (1).gz"]),
    ],
)
def test_names_in_a_zip_have_no_folders_and_are_different(names: list[str], expected: list[str]) -> None:
    assert zip_names(names) == expected


def test_any_missing_document_refuses_the_zip_first(product: Product, economy: str) -> None:
    document_id = add_file(product, economy, "a.txt")
    make_other_source(product, document_id)
    other = product.create_dataset(f"{economy[:8]} other", indexing_technique="economy")
    stranger = add_file(product, other, "b.txt")
    for missing in (UNKNOWN, "not-a-uuid", "", stranger):
        assert refusal(packed(product, economy, document_id, missing)) == NO_DOCUMENT


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"document_ids": []},
        {"document_ids": None},
        {"document_ids": "x"},
        {"document_ids": [7]},
        {"document_ids": [None]},
        {"document_ids": [UNKNOWN] * 101},
        {"document_ids": {"a": 1}},
    ],
)
def test_document_ids_of_a_zip_are_1_to_100_strings(product: Product, economy: str, body: dict[str, Any]) -> None:
    status, code, message = refusal(product.api.post(f"/v1/datasets/{economy}/documents/download-zip", json=body))
    assert (status, code) == (400, "invalid_param") and message.startswith("document_ids")


def test_100_documents_are_not_too_many(product: Product, economy: str) -> None:
    made = [product.add_text(economy, f"n{number}", "x")["document"]["id"] for number in range(100)]
    assert len(entries(packed(product, economy, *made))) == 100
