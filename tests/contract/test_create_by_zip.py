"""Create documents from a ZIP of files (contract 13), with the whole product behind the route."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import pytest

from tests.contract.calls import UNKNOWN, got, refusal, state
from tests.product import Product
from zhiku.documents.archive import LISTING_BYTES, MOST_MEMBERS

DATA = {"indexing_technique": "economy", "process_rule": {"mode": "automatic"}}


def zip_of(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def send(product: Product, dataset_id: str, content: bytes, name: str = "all.zip", **data: Any) -> Any:
    return product.api.post(
        f"/v1/datasets/{dataset_id}/document/create-by-file",
        data={"data": json.dumps({**DATA, **data})},
        files=[("file", (name, content))],
    )


def listed(product: Product, dataset_id: str) -> list[dict[str, Any]]:
    """Return the dataset's documents, oldest first."""
    return got(product.api.get(f"/v1/datasets/{dataset_id}/documents?limit=100"))["data"][::-1]


def test_each_file_of_a_zip_becomes_a_document_of_one_batch(product: Product, dataset_id: str) -> None:
    files = {"notes.txt": b"alpha", "docs/": b"", "docs/deep/说明.md": "# 知库".encode(), "docs/t.CSV": b"a,b\n1,2"}
    reply = got(send(product, dataset_id, zip_of(files)))
    documents = listed(product, dataset_id)
    assert [document["name"] for document in documents] == ["notes.txt", "docs/deep/说明.md", "docs/t.CSV"]
    assert reply["document"]["id"] == documents[0]["id"]
    assert [document["position"] for document in documents] == [1, 2, 3]
    shown = documents[1]["data_source_detail_dict"]["upload_file"]
    assert (shown["name"], shown["extension"], shown["size"]) == ("说明.md", "md", 8)
    product.settle()
    progress = got(product.api.get(f"/v1/datasets/{dataset_id}/documents/{reply['batch']}/indexing-status"))["data"]
    assert [each["indexing_status"] for each in progress] == ["completed"] * 3
    assert {each["id"] for each in progress} == {document["id"] for document in documents}


def test_a_file_of_a_zip_replaces_the_document_of_its_path(product: Product, dataset_id: str) -> None:
    send(product, dataset_id, zip_of({"a/x.txt": b"old", "b/x.txt": b"other"}))
    product.settle()
    before = {document["name"]: document["id"] for document in listed(product, dataset_id)}
    got(send(product, dataset_id, zip_of({"a/x.txt": b"new", "c.txt": b"third"}), "ALL.ZIP"))
    after = {document["name"]: document["id"] for document in listed(product, dataset_id)}
    assert after.keys() == {"a/x.txt", "b/x.txt", "c.txt"}
    assert before.items() <= after.items()


def test_what_file_managers_add_is_left_out(product: Product, dataset_id: str) -> None:
    junk = {"__MACOSX/._a.txt": b"x", "a/.DS_Store": b"x", "Thumbs.db": b"x", "a/._b.txt": b"x"}
    got(send(product, dataset_id, zip_of({**junk, "a/b.txt": b"alpha"})))
    assert [document["name"] for document in listed(product, dataset_id)] == ["a/b.txt"]


@pytest.mark.parametrize("encoding", ["gbk", "utf-8"])
def test_paths_written_by_older_programs_are_read(product: Product, dataset_id: str, encoding: str) -> None:
    # Such programs write the bytes of their own encoding and no flag; a name of as many bytes takes their place.
    raw = "资料\\说明.txt".encode(encoding)
    content = zip_of({"x" * len(raw): b"alpha"}).replace(b"x" * len(raw), raw)
    got(send(product, dataset_id, content))
    assert listed(product, dataset_id)[0]["name"] == "资料/说明.txt"


def test_paths_lead_nowhere(product: Product, dataset_id: str) -> None:
    got(send(product, dataset_id, zip_of({"../../etc/./passwd.txt": b"a", "/home/\u202ex.txt": b"b"})))
    assert [document["name"] for document in listed(product, dataset_id)] == ["etc/passwd.txt", "home/x.txt"]


def locked(content: bytes) -> bytes:
    changed = bytearray(content)
    changed[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(changed)


GOOD = zip_of({"a.txt": b"alpha" * 100, "b.txt": b"beta"})
BROKEN = GOOD[:40] + b"\xff\xff\xff" + GOOD[43:]
LONG_LISTING = zip_of({f"{'long' * 1000}{n}.txt": b"" for n in range(LISTING_BYTES // 4000 + 1)})


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (zip_of({"a.txt": b"a", "deep/b.zip": zip_of({"c.txt": b"c"})}), "another one: deep/b.zip"),
        (zip_of({"b.tar.gz": b"x"}), "another one"),
        (zip_of({f"{n}.txt": b"" for n in range(MOST_MEMBERS + 1)}), "more than 1000 files"),
        (LONG_LISTING, "more than 1000 files"),
        (zip_of({"a/b.txt": b"1", "a//b.txt": b"2"}), "same name"),
        (zip_of({}), "holds no file"),
        (zip_of({".DS_Store": b""}), "holds no file"),
        (zip_of({"a.txt": b"a"}, zipfile.ZIP_LZMA), "unusual way"),
        (locked(GOOD), "encrypted"),
        (BROKEN, "damaged"),
        (GOOD[:-30], "damaged"),
        (b"", "damaged"),
        (b"PK\x05\x06", "damaged"),
        (b"no archive at all", "damaged"),
    ],
)
def test_an_archive_that_cannot_be_taken_is_400_and_nothing_is_stored(
    product: Product, dataset_id: str, content: bytes, wrong: str
) -> None:
    before = state(product)
    status, code, message = refusal(send(product, dataset_id, content))
    assert (status, code) == (400, "invalid_param")
    assert wrong in message
    assert state(product) == before


def test_a_bomb_is_400_before_it_is_unpacked(product: Product, dataset_id: str) -> None:
    most = product.rt.settings.upload_file_bytes
    before = state(product)
    bomb = zip_of({f"{n}.txt": bytes(most) for n in range(11)})
    assert len(bomb) < most
    assert "unpacks to more than" in refusal(send(product, dataset_id, bomb))[2]
    assert state(product) == before


def test_a_file_that_is_longer_than_it_says_is_damage(product: Product, dataset_id: str) -> None:
    content = bytearray(zip_of({"a.txt": bytes(1 << 20)}))
    entry = content.index(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = (10).to_bytes(4, "little")
    before = state(product)
    assert "damaged" in refusal(send(product, dataset_id, bytes(content)))[2]
    assert state(product) == before


def test_files_of_other_types_or_sizes_are_named(product: Product, dataset_id: str) -> None:
    before = state(product)
    picture = refusal(send(product, dataset_id, zip_of({"a.txt": b"a", "p/x.png": b"x"})))
    assert picture[:2] == (415, "unsupported_file_type")
    assert "p/x.png" in picture[2]
    large = zip_of({"a.txt": b"a", "big.txt": bytes(product.rt.settings.upload_file_bytes + 1)})
    reply = refusal(send(product, dataset_id, large))
    assert reply[:2] == (413, "file_too_large")
    assert "big.txt" in reply[2]
    assert state(product) == before


def test_a_zip_updates_no_document(product: Product, dataset_id: str) -> None:
    assert refusal(send(product, dataset_id, GOOD, original_document_id=UNKNOWN))[0] == 400
    document = got(send(product, dataset_id, GOOD))["document"]
    product.settle()
    path = f"/v1/datasets/{dataset_id}/documents/{document['id']}/update-by-file"
    assert product.api.post(path, files=[("file", ("x.zip", GOOD))]).status_code == 415


def test_a_first_archive_needs_its_rule(product: Product, dataset_id: str) -> None:
    before = state(product)
    reply = product.api.post(
        f"/v1/datasets/{dataset_id}/document/create-by-file",
        data={"data": json.dumps({"indexing_technique": "economy"})},
        files=[("file", ("all.zip", GOOD))],
    )
    assert refusal(reply)[2] == "process_rule is required."
    assert state(product) == before
