"""What clients depend on of every operation, in all spellings that are about (contract 11, D12, D13, D15)."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from httpx2 import Response

from tests.contract.calls import UNKNOWN, got, refusal
from tests.contract.official_calls import CHANGED, DATASET, DOCUMENTS, FIELDS, MADE, READ, SCENES, TAGS, Call, Caller
from tests.contract.official_deviations import DEVIATIONS, deviations_of
from tests.product import Product

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
OLD_NAMES = {
    "create-by-text": "create_by_text",
    "create-by-file": "create_by_file",
    "update-by-text": "update_by_text",
    "update-by-file": "update_by_file",
    "/retrieve": "/hit-testing",
}


@pytest.fixture(scope="module")
def caller(product: Product) -> Caller:
    """A product with one of everything."""
    made = Caller(product)
    for scene in (MADE, CHANGED):
        for call in scene:
            made.send(call)
        product.settle()
    return made


def gets() -> Iterator[Call]:
    """Yield the good reads."""
    return (call for call in (*CHANGED, *READ) if call.operation.startswith("GET") and call.status is None)


def old_spelling(url: str) -> str:
    """Return a URL as the oldest clients write it: without `/v1`, with underscores, a slash at the end."""
    path, _, query = url.removeprefix("/v1").partition("?")
    for name, old in OLD_NAMES.items():
        path = path.replace(name, old)
    return f"{path}/?{query}"


def test_every_operation_works_in_its_oldest_spelling_with_a_forms_content_type(fresh: Product) -> None:
    caller = Caller(
        fresh,
        content_type="application/x-www-form-urlencoded",
        encode=lambda body: body.encode("utf-8-sig"),
        respell=old_spelling,
    )
    found: dict[tuple[str, str], str] = {}
    for scene in SCENES:
        for call in scene:
            found |= deviations_of(call.operation, caller.send(call), call.status)
        fresh.settle()
    assert {place: reason for place, reason in found.items() if place not in DEVIATIONS} == {}


def test_a_read_is_the_same_in_all_spellings_of_its_path(caller: Caller) -> None:
    for call in gets():
        first = caller.send(call)
        for respell in (
            lambda url: url.removeprefix("/v1"),
            lambda url: f"{url.partition('?')[0]}//?{url.partition('?')[2]}",
            lambda url: "/" + url.replace("/datasets/", "//datasets//", 1),
            lambda url: UUID.sub(lambda id: id[0].upper(), url.partition("?")[0]) + f"?{url.partition('?')[2]}",
            lambda url: UUID.sub(lambda id: id[0].replace("-", "%2D"), url),
        ):
            again = replace(caller, respell=respell).send(call)
            assert again.status_code == first.status_code, again.text
            # A signed link is another one each time.
            assert "url" in first.json() or again.json() == first.json()


def test_a_read_takes_any_body_and_a_head(caller: Caller) -> None:
    for call in gets():
        method, path = "GET", caller.fill(f"/v1{call.path}{call.query}")
        for name, value in call.place.items():
            path = caller.fill(path.replace(f"{{{name}}}", value))
        for content in (b"", b"null", b"{}", b"{broken"):
            headers = {"content-type": "application/json"}
            assert caller.product.api.request(method, path, content=content, headers=headers).status_code == 200
        head = caller.product.api.request("HEAD", path)
        assert (head.status_code, head.content) == (200, b"")


def test_every_path_tells_its_methods_without_a_key(caller: Caller) -> None:
    for call in (call for scene in SCENES for call in scene):
        path = re.sub(r"{.*?}", UNKNOWN, call.path)
        reply = caller.product.anonymous.request("OPTIONS", f"/v1{path}")
        assert reply.status_code == 200, path
        assert call.operation.split(" ")[0] in reply.headers["allow"].split(", ")


def test_a_delete_takes_null_for_no_body_and_is_404_the_second_time(fresh: Product) -> None:
    caller = Caller(fresh)
    for scene in (MADE, CHANGED):
        for call in scene:
            caller.send(call)
        fresh.settle()
    for call in SCENES[-1]:
        if not call.operation.startswith("DELETE") or call.path == TAGS:
            continue
        emptied = replace(call, body=None)
        caller.encode = lambda _: b"null"
        assert caller.send(emptied).status_code == 204, call
        assert refusal(caller.send(emptied))[0] == 404


def test_repeating_a_switch_or_a_value_changes_nothing(caller: Caller) -> None:
    calls = [
        Call(f"PATCH {DOCUMENTS}/status/enable", {"document_ids": ["{document_id}"]}),
        Call(f"POST {FIELDS}/built-in/enable"),
        Call(f"POST {TAGS}/binding", {"tag_ids": ["{tag_id}"], "target_id": "{dataset_id}"}),
        next(call for call in CHANGED if call.path == f"{DOCUMENTS}/metadata"),
    ]
    shown = [Call(f"GET {DATASET}"), Call(f"GET {DOCUMENTS}"), Call(f"GET {FIELDS}"), Call(f"GET {TAGS}")]
    for call in calls:
        got(caller.send(call))
        before = [got(caller.send(each)) for each in shown]
        got(caller.send(call))
        assert [got(caller.send(each)) for each in shown] == before


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"keyword": ["a", "b"]}, ["a", "b"]),
        ({"keywords": ["c"], "keyword": ["a"]}, ["c"]),
        ({"keyword": "a"}, []),
        ({}, []),
    ],
)
def test_segments_take_keyword_for_keywords(caller: Caller, sent: dict[str, Any], expected: list[str]) -> None:
    made = got(_segments(caller, {"content": "kappa", **sent}))["data"][0]
    assert made["keywords"] == expected
    path = caller.fill(f"/v1{DOCUMENTS}/{{document_id}}/segments/{made['id']}")
    changed = got(caller.product.api.post(path, json={"segment": {"content": "kappa", "keyword": ["z"]}}))
    assert changed["data"]["keywords"] == ["z"]


def test_a_repeated_create_of_a_segment_adds_another(caller: Caller) -> None:
    ids = [got(_segments(caller, {"content": "lambda"}))["data"][0]["id"] for _ in range(2)]
    assert len(set(ids)) == 2


def _segments(caller: Caller, segment: dict[str, Any]) -> Response:
    path = caller.fill(f"/v1{DOCUMENTS}/{{document_id}}/segments")
    return caller.product.api.post(path, json={"segments": [segment]})


def test_routes_that_only_a_client_library_knows_do_not_exist(caller: Caller) -> None:
    for path in ("/v1/datasets/from-template", caller.fill("/v1/datasets/{dataset_id}/duplicate")):
        assert refusal(caller.product.api.post(path, json={}))[0] in (404, 405)


def test_booleans_in_a_query_may_be_written_as_python_does(caller: Caller) -> None:
    listed = [
        got(caller.product.api.get(f"/v1/datasets?include_all={each}"))["total"] for each in ("True", "False", "1")
    ]
    assert len(set(listed)) == 1
    assert refusal(caller.product.api.get("/v1/datasets?include_all=maybe"))[0] == 400


def test_text_is_kept_character_by_character_but_for_nul(caller: Caller) -> None:
    text = "e\u0301 \u00e9 \U0001f409 \U00020000 \u200d"
    assert got(_segments(caller, {"content": f"{text}\x00"}))["data"][0]["content"] == text
    made = got(caller.product.api.post("/v1/datasets", json={"name": text}))
    assert made["name"] == text
    assert refusal(caller.product.api.post("/v1/datasets", json={"name": "a\x00"}))[:2] == (400, "invalid_param")
