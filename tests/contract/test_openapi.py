"""The server's own OpenAPI: complete, valid, and a measure that replies can fail."""

from collections.abc import Iterator
from typing import Any, cast

import pytest
import schemathesis
from httpx2 import Response
from starlette.applications import Starlette
from starlette.routing import Route

from tests.documented import ApiDocument
from tests.product import Product
from zhiku.http.openapi import build_openapi
from zhiku.http.operation import Endpoint
from zhiku.server import ROUTERS

ROUTES = [route for router in ROUTERS for route in router.routes]
DOCUMENT = build_openapi(ROUTES)
OPERATIONS = [
    (f"{method.upper()} {path}", described)
    for path, methods in DOCUMENT["paths"].items()
    for method, described in methods.items()
]
# Replies whose fields are not Zhiku's to fix: this document, and what a pipeline puts out.
OPEN = {"GET /openapi.json", "POST /datasets/{dataset_id}/pipeline/run"}
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]


def replies_of(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for status, reply in described["responses"].items():
        for content in reply.get("content", {}).values():
            yield status, content["schema"]


def fields_within(place: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every property of a schema, with those of objects in it that have no name of their own."""
    for name, field in schema.get("properties", {}).items():
        yield f"{place}.{name}", field
        yield from fields_within(f"{place}.{name}", field)
    for inner in [schema.get("items"), *schema.get("anyOf", []), *schema.get("allOf", [])]:
        if isinstance(inner, dict):
            yield from fields_within(place, inner)


def test_it_is_a_valid_openapi_document() -> None:
    schemathesis.openapi.from_dict(DOCUMENT).validate()


def test_it_is_served_as_it_is_built(product: Product) -> None:
    assert product.anonymous.get("/v1/openapi.json").json() == DOCUMENT


@pytest.mark.parametrize(("name", "described"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_an_operation_says_what_it_does_takes_gives_and_refuses(name: str, described: dict[str, Any]) -> None:
    assert described["summary"].endswith("."), "the first line of the route's docstring"
    assert set(described["tags"]) <= {tag["name"] for tag in DOCUMENT["tags"]}, "TAGS in http/openapi.py"
    assert all(parameter["description"] for parameter in described["parameters"])
    statuses = set(described["responses"])
    assert "500" in statuses
    assert bool(described["security"]) == ("401" in statuses)
    for status, schema in replies_of(described):
        # The external knowledge API has a shape of its own for some of its refusals.
        is_refusal = "code" in schema.get("properties", {}) or schema.get("$ref", "").endswith("/ExternalRefusal")
        assert status.startswith(("4", "5")) == is_refusal
    successes = [described["responses"][status] for status in statuses if status.startswith("2")]
    assert len(successes) == 1
    assert ("content" in successes[0]) != ("204" in statuses)


def test_operations_have_names_of_their_own() -> None:
    names = [described["operationId"] for _, described in OPERATIONS]
    assert len(set(names)) == len(names)


def test_every_named_shape_and_each_of_its_fields_is_described() -> None:
    silent = [name for name, schema in SCHEMAS.items() if not schema.get("description")]
    for name, schema in SCHEMAS.items():
        silent += [place for place, field in fields_within(name, schema) if not field.get("description")]
    assert not silent


def test_every_field_of_a_reply_has_a_type() -> None:
    of_replies = {name: schema for name, schema in SCHEMAS.items() if schema.get("additionalProperties") is False}
    assert "Dataset" in of_replies
    known = {"type", "anyOf", "$ref", "enum", "const"}
    untyped = [
        place
        for name, schema in of_replies.items()
        for place, field in fields_within(name, schema)
        if not known & field.keys()
    ]
    assert not untyped


def test_every_reply_in_json_is_declared_field_by_field() -> None:
    vague = [
        name
        for name, described in OPERATIONS
        for status, schema in replies_of(described)
        if schema.get("type") == "object" and name not in OPEN and status.startswith("2")
    ]
    assert not vague


def test_links_lead_to_operations_with_all_that_their_paths_need() -> None:
    parameters = {
        described["operationId"]: {f"path.{each['name']}" for each in described["parameters"] if each["in"] == "path"}
        for _, described in OPERATIONS
    }
    links = [
        link
        for _, described in OPERATIONS
        for reply in described["responses"].values()
        for link in reply.get("links", {}).values()
    ]
    assert links
    assert all(set(link["parameters"]) == parameters[link["operationId"]] for link in links)


def test_every_id_that_a_path_names_is_given_by_some_reply() -> None:
    wanted = {each["name"] for _, described in OPERATIONS for each in described["parameters"] if each["in"] == "path"}
    given = {name for route in endpoints() for name in route.operation.gives}
    assert {name for name in wanted if name.endswith("_id")} - {"node_id", "file_id"} <= given


def endpoints() -> list[Endpoint]:
    """Return the endpoints of all operations."""
    return [route.endpoint for route in ROUTES if isinstance(route, Route) and isinstance(route.endpoint, Endpoint)]


@pytest.mark.parametrize(
    ("status", "media_type", "body", "fault"),
    [
        (200, "application/json", b'{"status": "ok", "stray": 1}', "stray"),
        (200, "application/json", b'{"status": "unwell"}', "status"),
        (200, "application/json", b"{}", "status"),
        (200, "text/plain", b"ok", "content type"),
        (201, "application/json", b'{"status": "ok"}', "not documented"),
        (500, "application/json", b'{"code": "not_found", "message": "x", "status": 500}', "code"),
        (500, "application/json", b'{"code": "internal_server_error", "message": "x", "status": 501}', "status"),
    ],
)
def test_a_reply_that_is_not_documented_is_found(status: int, media_type: str, body: bytes, fault: str) -> None:
    routes = [route for route in ROUTES if isinstance(route, Route)]
    health = next(endpoint for endpoint in endpoints() if endpoint.path == "/healthz")
    document = ApiDocument(routes)
    good = _reply(200, "application/json", b'{"status": "ok"}')
    assert document.faults(health, good) == []
    found = document.faults(health, _reply(status, media_type, body))
    assert len(found) == 1
    assert fault in found[0]


def test_the_hook_is_there(product: Product) -> None:
    app = cast(Starlette, product.api.app)
    assert app.state.openapi is None or app.state.openapi == DOCUMENT
    assert product.api.event_hooks["response"]
    assert product.anonymous.event_hooks["response"]


def _reply(status: int, media_type: str, body: bytes) -> Response:
    from httpx2 import Request

    return Response(
        status, headers={"content-type": media_type}, content=body, request=Request("GET", "http://x/healthz")
    )
