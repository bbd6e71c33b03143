"""Pictures inside of documents: kept, linked to by segments, served by signed links, gone with the file (4.11, 13)."""

import base64
import hashlib
import re
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.contract.calls import by_line, got
from tests.product import Product
from zhiku.db.tables import pictures
from zhiku.text.tokens import count_tokens

Body = dict[str, Any]
PNG, GIF = b"\x89PNG\r\n\x1a\n", b"GIF89a"
RULE = by_line(200)
ADDRESS = re.compile(r"/files/([0-9a-f-]{36})/image-preview")
SIGNED = re.compile(r"\((http[^)]+/image-preview\?[^)]+)\)")


def page(*images: bytes, text: str = "alpha") -> bytes:
    """Return an HTML page of one line with the pictures in it."""
    marks = [f'<img alt="chart" src="data:image/png;base64,{base64.b64encode(each).decode()}">' for each in images]
    return f"<p>{text} {' '.join(marks)} beta</p>".encode()


def upload(product: Product, dataset_id: str, content: bytes) -> str:
    """Return the path of a document made of an HTML page."""
    made = product.add_file(dataset_id, "page.html", content, process_rule=RULE)
    product.settle()
    return f"/v1/datasets/{dataset_id}/documents/{made['document']['id']}"


def segments_of(product: Product, path: str) -> list[Body]:
    return got(product.api.get(f"{path}/segments"))["data"]


def first(product: Product, path: str) -> Body:
    return segments_of(product, path)[0]


def stored(product: Product, dataset_id: str) -> tuple[int, int]:
    """Return how many pictures of a dataset there are rows of, and how many of its files are stored."""
    of_dataset = pictures.c.blob_key.startswith(f"{dataset_id}/")
    with product.rt.db.read() as conn:
        rows = conn.execute(select(func.count(pictures.c.id)).where(of_dataset)).scalar_one()
    return rows, len(list(product.rt.blobs.list_keys(f"{dataset_id}/")))


def test_a_segment_links_to_its_picture_and_lists_it(product: Product, dataset_id: str) -> None:
    segment = first(product, upload(product, dataset_id, page(PNG + b"x")))
    (picture_id,) = ADDRESS.findall(segment["content"])
    assert segment["content"] == f"alpha ![chart](/files/{picture_id}/image-preview) beta"
    (attachment,) = segment["attachments"]
    address = attachment.pop("source_url")
    assert attachment == {
        "id": picture_id,
        "name": "image-1.png",
        "size": len(PNG) + 1,
        "extension": "png",
        "mime_type": "image/png",
    }
    for link in (address, *SIGNED.findall(segment["sign_content"])):
        reply = product.api.get(link, headers={"Authorization": ""})
        assert (reply.status_code, reply.content, reply.headers["content-type"]) == (200, PNG + b"x", "image/png")
    assert len(SIGNED.findall(segment["sign_content"])) == 1
    assert product.api.get(f"/files/{picture_id}/image-preview").status_code == 404


def test_a_record_shows_the_pictures_of_its_segment(product: Product, dataset_id: str) -> None:
    path = upload(product, dataset_id, page(GIF + b"x"))
    (record,) = product.retrieve(dataset_id, "alpha", "keyword_search")
    assert [file["id"] for file in record["files"]] == [file["id"] for file in first(product, path)["attachments"]]
    assert product.api.get(record["files"][0]["source_url"]).content == GIF + b"x"
    assert SIGNED.search(record["segment"]["sign_content"])


def test_a_link_counts_neither_for_hash_nor_tokens_nor_words(product: Product, dataset_id: str) -> None:
    segment = first(product, upload(product, dataset_id, page(PNG)))
    assert segment["index_node_hash"] == hashlib.sha256(b"alpha chart betaNone").hexdigest()
    assert segment["tokens"] == count_tokens("alpha chart beta")
    assert product.retrieve(dataset_id, "preview", "keyword_search") == []
    assert segment["word_count"] == len(segment["content"])


def test_at_most_ten_pictures_are_listed(product: Product, dataset_id: str) -> None:
    made = product.add_file(
        dataset_id, "page.html", page(*(PNG + bytes([each]) for each in range(12))), process_rule=by_line(4000)
    )
    product.settle()
    segment = first(product, f"/v1/datasets/{dataset_id}/documents/{made['document']['id']}")
    assert (len(segment["attachments"]), len(SIGNED.findall(segment["sign_content"]))) == (10, 12)


def test_a_picture_of_another_document_is_not_signed(product: Product, dataset_id: str) -> None:
    content = first(product, upload(product, dataset_id, page(PNG)))["content"]
    made = product.add_text(dataset_id, "other", content, process_rule=RULE)
    product.settle()
    segment = first(product, f"/v1/datasets/{dataset_id}/documents/{made['document']['id']}")
    assert (segment["sign_content"], segment["attachments"]) == (content, [])


def test_pictures_go_with_their_document(product: Product, dataset_id: str) -> None:
    path = upload(product, dataset_id, page(PNG + b"1", PNG + b"2"))
    assert stored(product, dataset_id) == (2, 3)
    assert product.api.delete(path).status_code == 204
    product.settle()
    assert stored(product, dataset_id) == (0, 0)


def test_pictures_go_with_their_dataset(product: Product, dataset_id: str) -> None:
    upload(product, dataset_id, page(PNG))
    assert product.api.delete(f"/v1/datasets/{dataset_id}").status_code == 204
    product.settle()
    assert stored(product, dataset_id) == (0, 0)


def test_a_file_that_is_read_again_has_the_same_pictures(product: Product, dataset_id: str) -> None:
    path = upload(product, dataset_id, page(PNG))
    before = first(product, path)
    got(product.api.post(f"{path}/update-by-file", data={"data": '{"process_rule": {"mode": "automatic"}}'}))
    product.settle()
    after = first(product, path)
    assert (after["content"], after["id"], stored(product, dataset_id)) == (before["content"], before["id"], (1, 2))


@pytest.mark.parametrize("picture", [PNG, PNG + b"another"])
def test_a_segment_that_an_update_keeps_links_to_the_new_files_picture(
    product: Product, dataset_id: str, picture: bytes
) -> None:
    path = upload(product, dataset_id, page(PNG))
    before = first(product, path)
    got(product.api.post(f"{path}/update-by-file", files={"file": ("page.html", page(picture, text="alpha"))}))
    product.settle()
    after = first(product, path)
    assert after["id"] == before["id"] and after["content"] != before["content"]
    assert product.api.get(after["attachments"][0]["source_url"]).content == picture


def test_a_version_keeps_its_pictures_and_brings_them_back(product: Product, dataset_id: str) -> None:
    path = upload(product, dataset_id, page(PNG, text="former"))
    got(product.api.post(f"{path}/update-by-file", files={"file": ("page.html", page(GIF, text="latter"))}))
    product.settle()
    assert product.api.get(first(product, path)["attachments"][0]["source_url"]).content == GIF
    (version,) = got(product.api.get(f"{path}/versions"))["data"]
    got(product.api.post(f"{path}/versions/{version['version']}/restore"))
    product.settle()
    segment = first(product, path)
    assert segment["content"].startswith("former")
    assert product.api.get(segment["attachments"][0]["source_url"]).content == PNG
