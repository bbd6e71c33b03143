"""Health, readiness, metrics, the API's description and its page."""

from pathlib import Path

import pytest

from tests.unit.http import stand_ins
from tests.unit.http.serving import Client, make_app, make_key, make_runtime, served
from tests.unit.http.stand_ins import DATASET


def test_health_needs_nothing(tmp_path: Path) -> None:
    with Client(make_app(make_runtime(tmp_path))) as client:
        assert client.request("GET", "/healthz").json() == {"status": "ok"}


def test_readiness_waits_for_the_catalog_and_for_every_check(tmp_path: Path) -> None:
    reason: str | None = None
    rt = make_runtime(tmp_path)
    with Client(make_app(rt, checks=(lambda: reason,))) as client:
        assert client.request("GET", "/readyz").json()["code"] == "unavailable"
        make_key(rt)
        assert client.request("GET", "/readyz").json() == {"status": "ready"}
        reason = "The index is being rebuilt. Try again in a minute."
        reply = client.request("GET", "/readyz")
        assert (reply.status_code, reply.json()["message"]) == (503, reason)
        assert "retry-after" in reply.headers


def test_metrics_count_by_route_and_status_without_ids(tmp_path: Path) -> None:
    with served(tmp_path, stand_ins.router) as (client, key):
        for _ in range(3):
            client.request("GET", f"/v1/datasets/{DATASET}?keyword=private", headers=key)
        for path in ("/secret-one", "/secret-two"):
            client.request("BREW", path)
        text = client.request("GET", "/metrics").text
    assert 'count{method="GET",route="/datasets/{dataset_id:id}",status="200"} 3.0' in text
    assert 'count{method="other",route="other",status="404"} 2.0' in text
    assert "process_resident_memory_bytes" in text
    for hidden in (DATASET, "secret", "private", key["Authorization"].split()[1]):
        assert hidden not in text


def test_the_docs_page_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    with served(tmp_path) as (client, _):
        page = client.request("GET", "/docs")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "://" not in page.text
        for asset, kind in {
            "swagger-ui.css": "text/css",
            "swagger-ui-bundle.js": "text/javascript",
            "start.js": "text/javascript",
        }.items():
            assert f"/docs/{asset}" in page.text
            reply = client.request("GET", f"/docs/{asset}")
            assert reply.headers["content-type"].startswith(kind)
            assert "script-src 'self'" in reply.headers["content-security-policy"]
        assert client.request("GET", "/docs/README.md").status_code == 404
        assert client.request("GET", "/docs/..%2Froutes.py").status_code == 404


def test_the_openapi_describes_operations_aliases_and_errors(tmp_path: Path) -> None:
    with served(tmp_path, stand_ins.router) as (client, _):
        document = client.request("GET", "/openapi.json").json()
    create = document["paths"]["/datasets"]["post"]
    assert create["summary"] == "Create a dataset."
    assert create["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/NewDataset"}
    assert create["responses"]["200"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Named"}
    assert set(create["responses"]) == {"200", "400", "401", "403", "409", "413", "500", "503", "507"}
    assert set(create["responses"]["400"]["content"]["application/json"]["examples"]) == {
        "bad_request",
        "invalid_param",
    }
    assert create["security"] == [{"key": []}]
    listed = document["paths"]["/datasets"]["get"]["parameters"]
    assert [parameter["name"] for parameter in listed] == ["keyword", "page", "limit"]
    updates = document["paths"]["/datasets/{dataset_id}/documents/{document_id}/update_by_text"]["post"]
    assert updates["deprecated"] is True
    assert document["paths"]["/datasets/{dataset_id}"]["delete"]["responses"]["204"].get("content") is None
    upload = document["paths"]["/datasets/{dataset_id}/document/create-by-file"]["post"]["requestBody"]["content"]
    assert set(upload["multipart/form-data"]["schema"]["properties"]) == {"file", "data"}
    assert document["paths"]["/healthz"]["get"]["security"] == []


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/metrics", "/healthz"])
def test_the_servers_own_routes_need_no_key(tmp_path: Path, path: str) -> None:
    with served(tmp_path) as (client, _):
        assert client.request("GET", path).status_code == 200
