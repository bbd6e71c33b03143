"""Create a document from a file (contract 3.3-7, D6, D43, 11.4, 11.5), with the whole product behind the route."""

import json
from typing import Any

import pytest

from tests.contract.calls import UNKNOWN, by_line, got, refusal, state
from tests.product import Product

DATA = {"indexing_technique": "economy", "process_rule": {"mode": "automatic"}}
Files = list[tuple[str, tuple[str | None, bytes]]]


def send(product: Product, dataset_id: str, files: Files, data: Any = None, alias: str = "create-by-file") -> Any:
    fields = {} if data is None else {"data": data if isinstance(data, str) else json.dumps(data)}
    return product.api.post(f"/v1/datasets/{dataset_id}/document/{alias}", data=fields, files=files)


def upload(product: Product, dataset_id: str, filename: str, content: bytes = b"alpha", **data: Any) -> dict[str, Any]:
    """Return the document made of a file."""
    return got(send(product, dataset_id, [("file", (filename, content))], {**DATA, **data}))["document"]


def send_raw(product: Product, dataset_id: str, body: bytes) -> Any:
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    return product.api.post(f"/v1/datasets/{dataset_id}/document/create-by-file", content=body, headers=headers)


def part(disposition: bytes, content: bytes) -> bytes:
    return b"--B\r\nContent-Disposition: form-data; " + disposition + b"\r\n\r\n" + content + b"\r\n"


def file(product: Product, dataset_id: str, document: dict[str, Any]) -> dict[str, Any]:
    detail = got(product.api.get(f"/v1/datasets/{dataset_id}/documents/{document['id']}"))
    return detail["data_source_info"]["upload_file"]


def test_a_file_becomes_a_waiting_document(product: Product, dataset_id: str) -> None:
    reply = got(send(product, dataset_id, [("file", ("Guide.MD", b"# alpha"))], DATA))
    document = reply["document"]
    assert set(reply) == {"document", "batch"}
    assert (document["name"], document["indexing_status"], document["position"]) == ("Guide.MD", "waiting", 1)
    assert (document["data_source_type"], document["created_from"]) == ("upload_file", "api")
    shown = document["data_source_detail_dict"]["upload_file"]
    assert (shown["name"], shown["size"], shown["extension"]) == ("Guide.MD", 7, "md")
    assert file(product, dataset_id, document) == shown
    assert {"id": shown["id"]} == {"id": document["data_source_info"]["upload_file_id"]}
    product.settle()
    assert product.status(dataset_id, reply["batch"])["indexing_status"] == "completed"


def test_both_spellings_of_the_upload_path_are_served(product: Product, dataset_id: str) -> None:
    reply = send(product, dataset_id, [("file", ("a.txt", b"a"))], DATA, "create_by_file")
    assert reply.status_code == 200


@pytest.mark.parametrize("with_name", [True, False])
def test_the_name_in_data_comes_before_the_filename(product: Product, dataset_id: str, with_name: bool) -> None:
    fields: dict[str, Any] = {"name": "Chosen"} if with_name else {}
    document = upload(product, dataset_id, "given.txt", **fields)
    assert document["name"] == ("Chosen" if with_name else "given.txt")
    assert file(product, dataset_id, document)["name"] == "given.txt"


@pytest.mark.parametrize("wrong", ["", " ", "\u3000"])
def test_a_blank_name_in_data_is_400(product: Product, dataset_id: str, wrong: str) -> None:
    before = state(product)
    reply = send(product, dataset_id, [("file", ("a.txt", b"a"))], {**DATA, "name": wrong})
    assert refusal(reply) == (400, "invalid_param", "name: must not be blank")
    assert state(product) == before


@pytest.mark.parametrize(
    "extension",
    [*("txt", "markdown", "md", "mdx", "pdf", "html", "htm", "xlsx", "xls", "vtt", "properties", "docx", "csv"), "TXT"],
)
def test_every_extension_of_the_contract_is_accepted_in_any_case(
    product: Product, dataset_id: str, extension: str
) -> None:
    document = upload(product, dataset_id, f"a.{extension}")
    assert document["name"] == f"a.{extension}"
    assert file(product, dataset_id, document)["extension"] == extension.lower()


@pytest.mark.parametrize("filename", ["a.exe", "a", "a.", ".txt", "a.txt.zip2", "a.png", "txt", "知识"])
def test_another_or_no_extension_is_415(product: Product, dataset_id: str, filename: str) -> None:
    before = state(product)
    reply = send(product, dataset_id, [("file", (filename, b"x"))], DATA)
    assert refusal(reply) == (415, "unsupported_file_type", "File type not allowed.")
    assert state(product) == before


@pytest.mark.parametrize("filename", ["a/b.txt", "../a.txt", "a\\b.txt", "/etc/passwd", "C:\\a.txt", "/"])
def test_a_path_as_filename_is_400(product: Product, dataset_id: str, filename: str) -> None:
    before = state(product)
    body = part(f"name=\"file\"; filename*=UTF-8''{filename.replace('/', '%2F')}".encode(), b"x")
    body += part(b'name="data"', json.dumps(DATA).encode()) + b"--B--\r\n"
    reply = send_raw(product, dataset_id, body)
    assert refusal(reply) == (400, "invalid_param", "Filename contains invalid characters")
    assert state(product) == before


def test_a_file_over_the_limit_is_413_and_the_largest_allowed_one_is_not(product: Product, dataset_id: str) -> None:
    limit = product.rt.settings.upload_file_bytes
    assert limit == 15 * 1024 * 1024
    before = state(product)
    reply = send(product, dataset_id, [("file", ("a.txt", b"x" * (limit + 1)))], DATA)
    assert refusal(reply) == (413, "file_too_large", "File size exceeded.")
    assert state(product) == before
    assert upload(product, dataset_id, "b.txt", b"x" * limit)["name"] == "b.txt"
    product.api.delete(f"/v1/datasets/{dataset_id}")


ONE: Files = [("file", ("a.txt", b"x"))]


@pytest.mark.parametrize(
    ("files", "data", "expected"),
    [
        ([], DATA, (400, "no_file_uploaded", "Please upload your file.")),
        ([("other", ("a.txt", b"x"))], DATA, (400, "no_file_uploaded", "Please upload your file.")),
        ([("file", (None, b"x"))], DATA, (400, "no_file_uploaded", "Please upload your file.")),
        (ONE * 2, DATA, (400, "too_many_files", "Only one file is allowed.")),
        ([*ONE, ("other", ("b.txt", b"x"))], DATA, (400, "too_many_files", "Only one file is allowed.")),
        (ONE, "{broken", (400, "invalid_param", None)),
        (ONE, "[]", (400, "invalid_param", None)),
        (ONE, "7", (400, "invalid_param", None)),
        (ONE, {"process_rule": {"mode": "automatic"}}, (400, "invalid_param", "indexing_technique is required.")),
        (ONE, None, (400, "invalid_param", "indexing_technique is required.")),
        (ONE, {"indexing_technique": "economy"}, (400, "invalid_param", "process_rule is required.")),
        (ONE, {"indexing_technique": "other"}, (400, "invalid_param", None)),
        (ONE, {**DATA, "process_rule": {"mode": "x"}}, (400, "invalid_param", "Process rule mode is invalid")),
        (ONE, {**DATA, "original_document_id": UNKNOWN}, (404, "not_found", "Document not found")),
    ],
)
def test_a_wrong_upload_is_refused_with_the_contracts_code_and_changes_nothing(
    product: Product, dataset_id: str, files: Files, data: Any, expected: tuple[int, str, str | None]
) -> None:
    before = state(product)
    sent = files or [("ignored", (None, b""))]
    found = refusal(send(product, dataset_id, sent, data))
    assert found[: 2 if expected[2] is None else 3] == expected[: 2 if expected[2] is None else 3]
    assert state(product) == before


def test_an_empty_filename_is_400(product: Product, dataset_id: str) -> None:
    before = state(product)
    body = part(b'name="file"; filename=""', b"x") + part(b'name="data"', json.dumps(DATA).encode()) + b"--B--\r\n"
    expected = (400, "filename_not_exists_error", "The specified filename does not exist.")
    assert refusal(send_raw(product, dataset_id, body)) == expected
    assert state(product) == before


@pytest.mark.parametrize(
    ("files", "data", "expected"),
    [
        ([("file", ("a/b.exe", b"x"))] * 2, "{broken", "invalid_param"),
        ([], {"indexing_technique": "other"}, "invalid_param"),
        ([], {"indexing_technique": "high_quality", "embedding_model": "unknown"}, "invalid_param"),
        ([("file", ("a.exe", b"x"))] * 2, {"indexing_technique": "economy"}, "too_many_files"),
        ([("file", ("a.exe", b"x"))], {"indexing_technique": "economy"}, "unsupported_file_type"),
    ],
)
def test_the_first_of_several_wrong_things_is_told(
    product: Product, dataset_id: str, files: Files, data: Any, expected: str
) -> None:
    assert refusal(send(product, dataset_id, files or [("x", (None, b""))], data))[1] == expected


def test_the_extension_is_judged_before_the_size_and_the_size_before_the_rule(fresh: Product) -> None:
    dataset_id = fresh.create_dataset("d", indexing_technique="economy")
    large = b"x" * (15 * 1024 * 1024 + 1)
    assert refusal(send(fresh, dataset_id, [("file", ("a.exe", large))], {}))[1] == "unsupported_file_type"
    assert refusal(send(fresh, dataset_id, [("file", ("a.txt", large))], {}))[1] == "file_too_large"


def test_a_later_file_inherits_the_datasets_rule(product: Product, dataset_id: str) -> None:
    first = upload(product, dataset_id, "first.txt", process_rule=by_line(77))
    second = got(send(product, dataset_id, [("file", ("second.txt", b"a"))]))["document"]
    assert second["dataset_process_rule_id"] == first["dataset_process_rule_id"]


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_truncated_upload_is_400_and_leaves_nothing(product: Product, dataset_id: str, cut: int) -> None:
    whole = part(b'name="data"', json.dumps(DATA).encode()) + part(b'name="file"; filename="a.txt"', b"alpha" * 9)
    before = state(product)
    status, code, _ = refusal(send_raw(product, dataset_id, whole[:-cut]))
    assert (status, code) == (400, "bad_request")
    assert state(product) == before


@pytest.mark.parametrize(
    ("disposition", "expected"),
    [
        (b"filename*=UTF-8''%E7%9F%A5%E8%AF%86.txt; filename=x.txt", "知识.txt"),
        (b"filename*=GBK''%D6%AA%CA%B6.txt", "知识.txt"),
        ('filename="知识.txt"'.encode(), "知识.txt"),
        (b'filename="=?UTF-8?B?55+l6K+GLnR4dA==?="', "知识.txt"),
        ('filename="规则.txt"'.encode("gbk"), "规则.txt"),
        (b'filename="100%25.txt"', "100%25.txt"),
        (b'filename="a\\"b.txt"', 'a"b.txt'),
        (b'filename="a\x01\x7fb.txt"', "ab.txt"),
        (b'filename="Case.TXT"', "Case.TXT"),
    ],
)
def test_a_filename_is_decoded_as_clients_encode_it(
    product: Product, dataset_id: str, disposition: bytes, expected: str
) -> None:
    body = part(b'name="file"; ' + disposition, b"x") + part(b'name="data"', json.dumps(DATA).encode()) + b"--B--\r\n"
    assert got(send_raw(product, dataset_id, body))["document"]["name"] == expected


def test_a_filename_over_200_characters_keeps_its_extension(product: Product, dataset_id: str) -> None:
    assert upload(product, dataset_id, "x" * 201 + ".txt")["name"] == "x" * 200 + ".txt"


@pytest.mark.parametrize("quote", ["'{}'", '"{}"'])
def test_data_may_be_wrapped_in_double_quotes_only(product: Product, dataset_id: str, quote: str) -> None:
    reply = send(product, dataset_id, ONE, quote.format(json.dumps(DATA)))
    assert reply.status_code == (200 if quote[0] == '"' else 400)


def test_fields_beside_data_count_and_data_wins(product: Product, dataset_id: str) -> None:
    fields = {
        "data": json.dumps({"name": "from data"}),
        "name": "beside",
        "indexing_technique": "economy",
        "process_rule": json.dumps(by_line(33)),
    }
    path = f"/v1/datasets/{dataset_id}/document/create-by-file"
    document = got(product.api.post(path, data=fields, files=ONE))["document"]
    assert document["name"] == "from data"
    detail = got(product.api.get(f"/v1/datasets/{dataset_id}/documents/{document['id']}"))
    assert detail["document_process_rule"]["rules"]["segmentation"]["max_tokens"] == 33


def test_the_same_filename_replaces_in_place_and_duplicate_false_does_not(product: Product, dataset_id: str) -> None:
    first = upload(product, dataset_id, "a.txt", b"old")
    second = upload(product, dataset_id, "a.txt", b"newer")
    third = upload(product, dataset_id, "a.txt", b"third", duplicate=False)
    assert first["id"] == second["id"] != third["id"]
    assert file(product, dataset_id, second)["size"] == len(b"newer")


def test_a_text_and_a_file_of_one_name_are_one_document(product: Product, dataset_id: str) -> None:
    first = upload(product, dataset_id, "a.txt", b"old")
    second = product.add_text(dataset_id, "a.txt", "new")["document"]
    assert second["id"] == first["id"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "big5"])
def test_a_text_file_is_read_in_the_encoding_it_has(product: Product, dataset_id: str, encoding: str) -> None:
    text = "知識庫的備份每天夜裡複製一次，密碼九十天後過期。" * 3
    document = upload(product, dataset_id, f"{encoding}.txt", text.encode(encoding))
    product.settle()
    path = f"/v1/datasets/{dataset_id}/documents/{document['id']}/segments"
    assert got(product.api.get(path))["data"][0]["content"] == text
