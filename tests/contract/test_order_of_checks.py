"""Which refusal comes first when several would do (contract D1, D2)."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.unit.http import stand_ins
from tests.unit.http.serving import Client, served
from tests.unit.http.stand_ins import DATASET, DOCUMENT, SWITCHED_OFF, UNKNOWN
from zhiku.http.limits import RATE_LIMITED

BROKEN = {"content": b"{not json"}
UPDATE = "/datasets/{}/documents/{}/update-by-text"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[tuple[Client, dict[str, str]]]:
    with served(tmp_path, stand_ins.router) as made:
        yield made


def _refusal(reply: httpx.Response) -> tuple[int, str, str]:
    body = reply.json()
    assert body["status"] == reply.status_code
    return reply.status_code, body["code"], body["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/v1/nothing",
        "/v1/v1/datasets",
        "/datasets/not-a-uuid",
        f"/datasets/{DATASET.replace('-', '')}",
        f"/datasets/{DATASET}0",
        f"/datasets/{{{DATASET}}}",
        f"/datasets/{DATASET}/documents/1/update-by-text",
        f"/datasets/{DATASET}%00",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path_or_malformed_id_is_404_before_the_key(
    client: tuple[Client, dict[str, str]], method: str, path: str
) -> None:
    reply = client[0].request(method, path, **BROKEN)
    status, code, message = _refusal(reply)
    assert (status, code) == (404, "not_found")
    assert message.startswith("The requested URL was not found on the server.")


def test_a_wrong_method_is_405_before_the_key(client: tuple[Client, dict[str, str]]) -> None:
    reply = client[0].request("PUT", f"/datasets/{UNKNOWN}", **BROKEN)
    assert _refusal(reply) == (405, "method_not_allowed", "The method is not allowed for the requested URL.")
    assert reply.headers["allow"] == "GET, HEAD, PATCH, DELETE, OPTIONS"


@pytest.mark.parametrize("path", ["/datasets", UPDATE.format(UNKNOWN, UNKNOWN), UPDATE.format(SWITCHED_OFF, UNKNOWN)])
def test_the_key_comes_before_dataset_and_body(client: tuple[Client, dict[str, str]], path: str) -> None:
    assert _refusal(client[0].request("POST", path, **BROKEN))[:2] == (401, "unauthorized")


def test_the_dataset_comes_before_document_and_body(client: tuple[Client, dict[str, str]]) -> None:
    send, key = client
    reply = send.request("POST", UPDATE.format(UNKNOWN, UNKNOWN), headers=key, **BROKEN)
    assert _refusal(reply) == (404, "not_found", "Dataset not found.")


def test_the_switch_comes_before_document_and_body(client: tuple[Client, dict[str, str]]) -> None:
    send, key = client
    reply = send.request("POST", UPDATE.format(SWITCHED_OFF, UNKNOWN), headers=key, **BROKEN)
    assert _refusal(reply) == (403, "forbidden", "Dataset api access is not enabled.")


def test_the_document_comes_before_the_body(client: tuple[Client, dict[str, str]]) -> None:
    send, key = client
    reply = send.request("POST", UPDATE.format(DATASET, UNKNOWN), headers=key, **BROKEN)
    assert _refusal(reply) == (404, "not_found", "Document not found.")


def test_the_body_comes_last(client: tuple[Client, dict[str, str]]) -> None:
    send, key = client
    reply = send.request("POST", UPDATE.format(DATASET, DOCUMENT), headers=key, **BROKEN)
    assert _refusal(reply) == (400, "bad_request", "Invalid JSON payload received or JSON payload is empty.")


def test_the_rate_comes_after_the_dataset_and_before_the_document(tmp_path: Path) -> None:
    with served(tmp_path, stand_ins.router, rate_limit_per_minute=1) as (send, key):
        assert send.request("DELETE", f"/datasets/{DATASET}", headers=key).status_code == 204
        path = UPDATE.format(DATASET, UNKNOWN)
        assert _refusal(send.request("POST", path, headers=key, **BROKEN)) == (403, "forbidden", RATE_LIMITED)
        assert _refusal(send.request("POST", "/datasets", headers=key, **BROKEN)) == (403, "forbidden", RATE_LIMITED)
        path = UPDATE.format(UNKNOWN, UNKNOWN)
        assert _refusal(send.request("POST", path, headers=key, **BROKEN))[2] == "Dataset not found."
        assert _refusal(send.request("POST", path, **BROKEN))[0] == 401
        assert send.request("GET", f"/datasets/{DATASET}", headers=key).status_code == 200
