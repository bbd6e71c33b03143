"""The rate limits of the workspace and of each key: off unless set, for the operations marked RL (contract 2.5)."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.contract.calls import got, refusal
from tests.contract.key_holders import holder, operations
from tests.fake_clock import FakeClock
from tests.product import Product, open_product
from zhiku.db.engine import Database

REFUSED = (
    403,
    "forbidden",
    "Sorry, you have reached the knowledge base request rate limit of your subscription.",
)
DATASET = "/datasets/{dataset_id:id}"
DOCUMENT = f"{DATASET}/documents/{{document_id:id}}"
SEGMENT = f"{DOCUMENT}/segments/{{segment_id:id}}"
CHILD = f"{SEGMENT}/child_chunks/{{child_chunk_id:id}}"
# The contract's operations that are marked RL (3.0), and those of apps, which search and write alike.
LIMITED = {
    "POST /datasets",
    *(f"{method} {DATASET}" for method in ("PATCH", "DELETE")),
    *(f"POST {DATASET}/document/create-by-{source}" for source in ("text", "file")),
    *(f"{method} {DOCUMENT}" for method in ("PATCH", "DELETE")),
    f"GET {DOCUMENT}/download",
    *(f"POST {DOCUMENT}/update-by-{source}" for source in ("text", "file")),
    f"POST {DATASET}/documents/download-zip",
    f"POST {DOCUMENT}/segments",
    *(f"{method} {SEGMENT}" for method in ("POST", "PATCH", "DELETE")),
    f"POST {SEGMENT}/child_chunks",
    *(f"{method} {CHILD}" for method in ("PATCH", "DELETE")),
    f"POST {DATASET}/retrieve",
    f"POST {DATASET}/metadata",
    *(f"{method} {DATASET}/metadata/{{metadata_id:id}}" for method in ("PATCH", "DELETE")),
    f"POST {DATASET}/metadata/built-in/{{action}}",
    f"POST {DATASET}/documents/metadata",
    "POST /apps",
    *(f"{method} /apps/{{app_id:id}}" for method in ("PATCH", "DELETE")),
    "POST /apps/{app_id:id}/retrieve",
}
# What the contract has and leaves unlimited.
UNLIMITED = {
    "GET /datasets",
    f"GET {DATASET}",
    f"GET {DATASET}/documents",
    f"GET {DOCUMENT}",
    f"GET {DATASET}/documents/{{batch}}/indexing-status",
    f"PATCH {DATASET}/documents/status/{{action}}",
    f"GET {DOCUMENT}/segments",
    f"GET {SEGMENT}",
    f"GET {SEGMENT}/child_chunks",
    *(f"{method} /datasets/tags" for method in ("POST", "GET", "PATCH", "DELETE")),
    "POST /datasets/tags/binding",
    "POST /datasets/tags/unbinding",
    *(f"{method} {DATASET}/tags" for method in ("GET", "POST")),
    f"GET {DATASET}/metadata",
    f"GET {DATASET}/metadata/built-in",
    f"GET {DOCUMENT}/upload-file",
}

Opening = Callable[..., AbstractContextManager[Product]]


@pytest.fixture
def limited(tmp_path: Path, sqlite_database: Database, clock: FakeClock) -> Opening:
    """Opens a product with limits, whose time stands still."""

    @contextmanager
    def opened(**settings: Any) -> Iterator[Product]:
        with open_product(tmp_path / "data", sqlite_database, clock, **settings) as product:
            yield product

    return opened


def test_the_operations_that_the_contract_marks_are_limited() -> None:
    declared = {f"{each.method} {each.path}": each.is_rate_limited for each in operations()}
    assert {name for name in UNLIMITED if declared.get(name, True)} == set()
    assert {name for name in LIMITED if not declared.get(name)} == set()


def test_there_is_no_limit_unless_it_is_set(limited: Opening) -> None:
    with limited() as product:
        dataset_id = product.create_dataset()
        for _ in range(50):
            product.retrieve(dataset_id, "a question", "keyword_search")


@pytest.mark.parametrize("alias", ["retrieve", "hit-testing"])
def test_requests_over_the_limit_are_refused_until_the_first_is_a_minute_old(
    limited: Opening, clock: FakeClock, alias: str
) -> None:
    with limited(rate_limit_per_minute=3) as product:
        path = f"/v1/datasets/{product.create_dataset()}/{alias}"
        clock.advance(30)
        got(product.api.post(path, json={"query": "second"}))
        got(product.api.post(path, json={"query": "third"}))
        assert refusal(product.api.post(path, json={"query": "fourth"})) == REFUSED
        clock.advance(29.9)
        assert refusal(product.api.post(path, content=b"not read")) == REFUSED
        clock.advance(0.1)
        got(product.api.post(path, json={"query": "in the place of the first"}))
        assert refusal(product.api.post(path, json={"query": "one too many"})) == REFUSED


def test_what_is_not_limited_goes_on(limited: Opening) -> None:
    with limited(rate_limit_per_minute=1) as product:
        dataset_id = product.create_dataset()
        assert refusal(product.api.post("/v1/datasets", json={"name": "second"})) == REFUSED
        for path in ("/v1/datasets", f"/v1/datasets/{dataset_id}", f"/v1/datasets/{dataset_id}/documents", "/v1/keys"):
            got(product.api.get(path))


def test_the_limit_of_the_workspace_is_one_for_all_keys(limited: Opening) -> None:
    with limited(rate_limit_per_minute=2) as product:
        product.create_dataset()
        got(holder(product).post("/v1/datasets", json={"name": "second"}))
        assert refusal(holder(product).post("/v1/datasets", json={"name": "third"})) == REFUSED


def test_the_limit_of_keys_is_each_key_own(limited: Opening) -> None:
    with limited(key_rate_limit_per_minute=1) as product:
        for number in range(3):
            somebody = holder(product)
            got(somebody.post("/v1/datasets", json={"name": f"first of {number}"}))
            assert refusal(somebody.post("/v1/datasets", json={"name": "second"})) == REFUSED


@pytest.mark.parametrize(("own", "admitted"), [(1, 1), (3, 3), (0, 5), (None, 2)])
def test_what_a_key_says_goes_before_the_setting(limited: Opening, own: int | None, admitted: int) -> None:
    with limited(key_rate_limit_per_minute=2) as product:
        somebody = holder(product, rate_limit_per_minute=own)
        replies = [somebody.post("/v1/datasets", json={"name": f"number {number}"}) for number in range(5)]
        assert [reply.status_code for reply in replies] == [200] * admitted + [403] * (5 - admitted)


def test_a_change_of_a_key_limit_holds_at_once(limited: Opening) -> None:
    with limited() as product:
        somebody = holder(product)
        got(somebody.post("/v1/datasets", json={"name": "free"}))
        got(product.api.patch(f"/v1/keys/{somebody.id}", json={"rate_limit_per_minute": 1}))
        got(somebody.post("/v1/datasets", json={"name": "first"}))
        assert refusal(somebody.post("/v1/datasets", json={"name": "second"})) == REFUSED
        got(product.api.patch(f"/v1/keys/{somebody.id}", json={"rate_limit_per_minute": None}))
        got(somebody.post("/v1/datasets", json={"name": "free again"}))
