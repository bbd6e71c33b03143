"""Connections and what is bound to them, on both engines: never a dataset without its connection."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from tests.contract.calls import got, refusal
from tests.external_source import KEY, ExternalSource
from tests.product import Product, open_product
from zhiku.access.service import find_actor
from zhiku.datasets.schemas import CreateDataset
from zhiku.datasets.service import create_dataset
from zhiku.db.engine import Database
from zhiku.errors import ExternalConnectionInUse, InvalidParam, ZhikuError
from zhiku.external.connections import ConnectionChange, create_connection, delete_connection

ROUNDS = 10
ROUTE = "/v1/datasets/external-knowledge-api"


@pytest.fixture
def source() -> Iterator[ExternalSource]:
    with ExternalSource() as opened:
        yield opened


@pytest.fixture
def product(tmp_path: Path, database: Database) -> Iterator[Product]:
    """A whole Zhiku over each of the two engines."""
    with open_product(tmp_path / "data", database, outbound_hosts="127.0.0.1") as opened:
        yield opened


def together(*calls: Callable[[], object]) -> list[ZhikuError | None]:
    """Return what each of the calls was refused with when all begin at once."""
    ready = Barrier(len(calls))

    def run(call: Callable[[], object]) -> ZhikuError | None:
        ready.wait()
        try:
            call()
        except ZhikuError as error:
            return error
        return None

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_a_connection_is_made_listed_changed_used_and_deleted(product: Product, source: ExternalSource) -> None:
    source.answer({"content": "Owls hunt.", "score": 0.5, "title": "owls", "metadata": {}})
    body = {"name": "Other", "settings": {"endpoint": source.endpoint, "api_key": KEY}}
    connection_id = got(product.api.post(ROUTE, json=body))["id"]
    ids = {"external_knowledge_api_id": connection_id, "external_knowledge_id": "k"}
    dataset_id = product.create_dataset("Far", provider="external", **ids)
    got(product.api.patch(f"{ROUTE}/{connection_id}", json={"name": "Renamed"}))
    listed = got(product.api.get(ROUTE, params={"keyword": "name"}))
    assert [each["dataset_bindings"] for each in listed["data"]] == [[{"id": dataset_id, "name": "Far"}]]
    for unknown in ("x" * 99, "00000000-0000-4000-8000-000000000000"):
        ids = {"external_knowledge_api_id": unknown, "external_knowledge_id": "k"}
        fresh = product.api.post("/v1/datasets", json={"name": "New", "provider": "external", **ids})
        assert refusal(fresh)[2] == "External API template not found."
        changed = product.api.patch(f"/v1/datasets/{dataset_id}", json={"external_knowledge_api_id": unknown})
        assert refusal(changed)[2] == "api template not found"
    (shown,) = got(product.api.get("/v1/datasets"))["data"]
    assert shown["external_knowledge_info"]["external_knowledge_api_name"] == "Renamed"
    (record,) = product.retrieve(dataset_id, "owls")
    assert record["content"] == "Owls hunt."
    assert refusal(product.api.delete(f"{ROUTE}/{connection_id}"))[0] == 409
    assert product.api.delete(f"/v1/datasets/{dataset_id}").status_code == 204
    assert product.api.delete(f"{ROUTE}/{connection_id}").status_code == 204


def test_a_dataset_and_the_end_of_its_connection_leave_both_or_neither(
    product: Product, source: ExternalSource
) -> None:
    actor = find_actor(product.rt, product.key)
    assert actor is not None
    for number in range(ROUNDS):
        change = ConnectionChange("Other", "", source.endpoint, KEY)
        connection_id = create_connection(product.rt, actor, change).connection.id
        request = CreateDataset(
            name=f"Far {number}",
            provider="external",
            external_knowledge_api_id=connection_id,
            external_knowledge_id="k",
        )
        refused, kept = together(
            lambda request=request: create_dataset(product.rt, actor, request),
            lambda connection_id=connection_id: delete_connection(product.rt, connection_id),
        )
        if refused is None:
            assert isinstance(kept, ExternalConnectionInUse)
        else:
            assert isinstance(refused, InvalidParam)
            assert kept is None
