"""What a real web server makes of hostile and unusual bytes (contract 11.12, promise 14)."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import uvicorn

from tests.unit.http import stand_ins
from tests.unit.http.serving import make_app, make_key, make_runtime
from tests.unit.http.stand_ins import DATASET

UPLOAD = f"/v1/datasets/{DATASET}/document/create-by-file"
Wire = tuple[int, str, Path]


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    folder = tmp_path_factory.mktemp("wire")
    rt = make_runtime(folder, json_body_bytes=100_000, upload_file_bytes=100_000)
    config = uvicorn.Config(make_app(rt, stand_ins.router), log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
    thread.start()
    try:
        yield listening.getsockname()[1], make_key(rt)["Authorization"], folder
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
        rt.db.close()


def _talk(port: int, *pieces: bytes, is_cut: bool = False) -> tuple[int, dict[str, str], bytes]:
    """Send pieces and return the last reply; `is_cut` ends our side in the middle."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        try:
            for piece in pieces:
                line.sendall(piece)
            if is_cut:
                line.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = b""
        # A server that closes with our bytes unread resets the line behind its reply.
        with suppress(ConnectionResetError):
            while piece := line.recv(65536):
                answer += piece
    if not answer:
        return 0, {}, b""
    head, _, body = answer.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 100"):
        head, _, body = body.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), headers, body


def _head(method: str, path: str, key: str | None, **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: zhiku.test", "Connection: close"]
    lines += [f"Authorization: {key}"] if key else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def _chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def test_a_chunked_body_is_read(wire: Wire) -> None:
    port, key, _ = wire
    head = _head("POST", "/datasets", key, Transfer_Encoding="chunked")
    status, _, body = _talk(port, head, _chunk(b'{"name": '), _chunk(b'"a"}'), b"0\r\n\r\n")
    assert (status, json.loads(body)["name"]) == (200, "a")


def test_an_endless_chunked_body_is_refused_while_it_comes(wire: Wire) -> None:
    port, key, _ = wire
    head = _head("POST", "/datasets", key, Transfer_Encoding="chunked")
    status, _, body = _talk(port, head, *[_chunk(b" " * 10_000)] * 15)
    assert (status, json.loads(body)["code"]) == (413, "file_too_large")


def test_a_client_that_waits_for_leave_is_refused_without_sending(wire: Wire) -> None:
    port, key, _ = wire
    head = _head("POST", "/datasets", key, Content_Length="900000", Expect="100-continue")
    assert _talk(port, head)[0] == 413
    head = _head("POST", "/datasets", None, Content_Length="10", Expect="100-continue")
    assert _talk(port, head)[0] == 401


def test_a_client_that_waits_for_leave_gets_it(wire: Wire) -> None:
    port, key, _ = wire
    head = _head("POST", "/datasets", key, Content_Length="13", Expect="100-continue")
    assert _talk(port, head, b'{"name": "a"}')[0] == 200


def test_head_sends_no_body_and_204_no_type(wire: Wire) -> None:
    port, key, _ = wire
    status, headers, body = _talk(port, _head("HEAD", f"//datasets/{DATASET}/", key))
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0
    status, headers, body = _talk(port, _head("DELETE", f"/datasets/{DATASET}", key))
    assert (status, body, "content-type" in headers) == (204, b"", False)


def test_an_upload_that_breaks_off_leaves_nothing_and_the_server_goes_on(wire: Wire) -> None:
    port, key, folder = wire
    part = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n' + b"x" * 50_000
    kind = {"Content_Type": "multipart/form-data; boundary=B"}
    for _ in range(3):
        _talk(port, _head("POST", UPLOAD, key, Content_Length="90000", **kind), part, is_cut=True)
        _talk(port, _head("POST", UPLOAD, key, Transfer_Encoding="chunked", **kind), _chunk(part), is_cut=True)
    whole = part + b"\r\n--B--"
    status, _, body = _talk(port, _head("POST", UPLOAD, key, Content_Length=str(len(whole)), **kind), whole)
    assert (status, json.loads(body)["size"]) == (200, 50_000)
    assert list((folder / "incoming").iterdir()) == []


@pytest.mark.parametrize("path", ["/%00", "/datasets%2F" + DATASET, "/%ff%fe", "/" + "a" * 5000, "/..%2f..%2fetc"])
def test_odd_paths_are_plain_404_or_found(wire: Wire, path: str) -> None:
    port, key, _ = wire
    status, headers, body = _talk(port, _head("GET", path, key))
    assert status == (200 if DATASET in path else 404)
    assert headers["content-type"] == "application/json"
    assert status == 200 or json.loads(body)["status"] == 404
