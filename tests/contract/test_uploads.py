"""Multipart uploads as clients send them (contract 11.4, 11.5, 3.3-7)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.http import stand_ins
from tests.unit.http.serving import Client, served
from tests.unit.http.stand_ins import DATASET

PATH = f"/datasets/{DATASET}/document/create-by-file"
DATA = '{"name": "知库", "process_rule": {"mode": "automatic"}}'

Made = tuple[Client, dict[str, str], Path]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Made]:
    with served(tmp_path, stand_ins.router, upload_file_bytes=1000) as (send, key):
        yield send, key, tmp_path / "incoming"


def _send(made: Made, **options: Any) -> httpx.Response:
    send, key, incoming = made
    reply = send.request("POST", PATH, headers=key, **options)
    assert list(incoming.glob("*")) == [], "a temporary file was left behind"
    return reply


def _send_raw(made: Made, body: bytes, content_type: str = "multipart/form-data; boundary=B") -> httpx.Response:
    send, key, incoming = made
    reply = send.request("POST", PATH, headers=key | {"Content-Type": content_type}, content=body)
    assert list(incoming.glob("*")) == [], "a temporary file was left behind"
    return reply


def _part(disposition: str, content: bytes, content_type: str = "") -> bytes:
    kind = f"Content-Type: {content_type}\r\n" if content_type else ""
    return f"--B\r\nContent-Disposition: form-data; {disposition}\r\n{kind}\r\n".encode() + content + b"\r\n"


FILE = _part('name="file"; filename="a.txt"', b"hello", "text/plain")
END = b"--B--\r\n"


def _refusal(reply: httpx.Response) -> tuple[int, str]:
    assert reply.json()["status"] == reply.status_code
    return reply.status_code, reply.json()["code"]


@pytest.mark.parametrize(
    "data",
    [
        _part('name="data"', DATA.encode()),
        _part('name="data"', DATA.encode(), "text/plain"),
        _part('name="data"', DATA.encode(), "application/json; charset=utf-8"),
        _part('name="data"; filename="blob"', DATA.encode(), "application/json"),
        _part('name="data"', f'"{DATA}"'.encode()),
        _part('name="data"', json.dumps(DATA).encode()),
        _part('name="data"', b"\xef\xbb\xbf" + DATA.encode()),
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_data_may_be_written_in_many_ways_and_places(client: Made, data: bytes, is_first: bool) -> None:
    reply = _send_raw(client, (data + FILE if is_first else FILE + data) + END)
    assert reply.status_code == 200, reply.text
    assert reply.json() == {
        "name": "知库",
        "process_rule": {"mode": "automatic"},
        "duplicate": True,
        "mime_type": "text/plain",
        "size": 5,
        "content": "hello",
    }


def test_other_plain_fields_count_as_if_in_data_and_data_wins(client: Made) -> None:
    fields = {"name": "plain", "process_rule": '{"mode": "custom"}', "duplicate": "false", "empty": ""}
    reply = _send(client, data=fields, files={"file": ("a.md", b"x")})
    assert reply.json()["name"] == "plain"
    assert reply.json()["process_rule"] == {"mode": "custom"}
    assert reply.json()["duplicate"] is False
    reply = _send(client, data=fields | {"data": '{"name": "won"}'}, files={"file": ("a.md", b"x")})
    assert (reply.json()["name"], reply.json()["duplicate"]) == ("won", False)


@pytest.mark.parametrize("content", [b"", b"\r\n", b"\r\n\r\n--B", b"\x00\xff" * 400])
def test_a_file_arrives_as_it_was(client: Made, content: bytes) -> None:
    reply = _send(client, files={"file": ("知库.bin", content)})
    assert reply.json()["name"] == "知库.bin"
    assert reply.json()["content"].encode("latin-1") == content


def test_lf_only_and_no_final_newline_are_tolerated(client: Made) -> None:
    body = (_part('name="data"', DATA.encode()) + FILE + b"--B--").replace(b"\r\n", b"\n")
    assert _send_raw(client, body).json()["content"] == "hello"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (END, "no_file_uploaded"),
        (_part('name="data"', DATA.encode()) + END, "no_file_uploaded"),
        (_part('name="document"; filename="a.txt"', b"x") + END, "no_file_uploaded"),
        (_part('name="file"', b"x") + END, "no_file_uploaded"),
        (FILE + FILE + END, "too_many_files"),
        (FILE + _part('name="other"; filename="b.txt"', b"x") + END, "too_many_files"),
        (_part('name="file"; filename=""', b"") + END, "filename_not_exists_error"),
        (_part('name="data"', b"{") + FILE + END, "invalid_param"),
        (_part('name="data"', b"[]") + FILE + END, "invalid_param"),
        (_part('name="data"', b'"text"') + FILE + END, "invalid_param"),
        (_part('name="data"', b'{"name": "a\\u0000"}') + FILE + END, "invalid_param"),
        (_part('name="data"', b'{"name": 7}') + FILE + END, "invalid_param"),
        (_part('name="name"', b"\xff\xfe") + FILE + END, "bad_request"),
        (FILE, "bad_request"),
        (FILE + b"--B-", "bad_request"),
        (FILE[:-20], "bad_request"),
        (b"", "bad_request"),
        (b"garbage", "bad_request"),
        (_part('name="x"', b"") * 2000 + FILE + END, "bad_request"),
        (_part(f'name="{"x" * 20_000}"', b"") + FILE + END, "bad_request"),
    ],
)
def test_a_wrong_upload_is_refused_and_leaves_nothing(client: Made, body: bytes, code: str) -> None:
    assert _refusal(_send_raw(client, body)) == (400, code)


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", 'multipart/form-data; boundary=""', "multipart/x; boundary=C"]
)
def test_a_missing_or_foreign_boundary_is_refused(client: Made, content_type: str) -> None:
    assert _refusal(_send_raw(client, FILE + END, content_type)) == (400, "bad_request")


def test_a_file_over_the_limit_is_413_after_its_extension_is_judged(client: Made) -> None:
    assert _send(client, files={"file": ("a.txt", b"x" * 1000)}).json()["size"] == 1000
    assert _refusal(_send(client, files={"file": ("a.txt", b"x" * 1001)})) == (413, "file_too_large")
    assert _refusal(_send(client, files={"file": ("a.exe", b"x" * 1001)})) == (415, "unsupported_file_type")


def test_a_body_over_every_limit_is_refused_while_it_is_read(client: Made) -> None:
    assert _refusal(_send(client, files={"file": ("a.exe", b"x" * 2_000_000)})) == (413, "file_too_large")
    assert _refusal(_send(client, data={"data": "x" * 1_100_000}, files={"file": ("a", b"")})) == (
        413,
        "file_too_large",
    )


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"name": "a"}', "application/json"),
        (b'{"name": "a"}', "application/x-www-form-urlencoded"),
        (b"data=%7B%22name%22%3A%22a%22%7D", "application/x-www-form-urlencoded"),
        (b"name=a&name=b", "application/x-www-form-urlencoded"),
        (b"", ""),
    ],
)
def test_a_body_that_is_not_multipart_has_no_file(client: Made, body: bytes, content_type: str) -> None:
    assert _refusal(_send_raw(client, body, content_type)) == (400, "no_file_uploaded")


def test_what_a_killed_server_left_is_cleared_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "incoming").mkdir()
    (tmp_path / "incoming" / "tmpleft").write_bytes(b"x")
    with served(tmp_path):
        assert list((tmp_path / "incoming").iterdir()) == []
