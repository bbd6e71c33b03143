"""Who asks: clients with keys of their own, and every operation that a key is asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from httpx2 import Response
from starlette.routing import Route

from tests.contract.calls import UNKNOWN, got
from tests.product import Product
from zhiku.http.operation import Endpoint, Operation
from zhiku.server import ROUTERS

WORDS = {"action": "enable", "batch": "1", "model_type": "text-embedding", "node_id": "1", "version": "1"}


@dataclass
class Holder:
    """Sends requests with one key; `id` is the key's, `actor_id` its holder's."""

    product: Product
    key: str
    id: str
    actor_id: str

    def request(self, method: str, path: str, **options: Any) -> Response:
        """Return the reply to a request with the key."""
        headers = {"Authorization": f"Bearer {self.key}"}
        return self.product.anonymous.request(method, path, headers=headers, **options)

    def get(self, path: str, **options: Any) -> Response:
        """Return the reply to a GET."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Response:
        """Return the reply to a POST."""
        return self.request("POST", path, **options)

    def listed(self, **query: Any) -> list[str]:
        """Return the ids of the datasets that the key lists, and check that they are counted alike."""
        body = got(self.get("/v1/datasets", params={"limit": 100, **query}))
        assert body["total"] == len(body["data"])
        return [dataset["id"] for dataset in body["data"]]


def holder(product: Product, **rights: Any) -> Holder:
    """Return somebody with a new key."""
    made = got(product.api.post("/v1/keys", json={"name": "test", **rights}))
    return Holder(product, made["key"], made["id"], made["actor_id"])


def operations() -> Iterator[Operation]:
    """Yield every operation that is asked a key for, without its aliases."""
    for route in (route for router in ROUTERS for route in router.routes):
        if not isinstance(route, Route) or not isinstance(route.endpoint, Endpoint):
            continue
        if route.endpoint.operation.is_keyed and route.endpoint.path == route.endpoint.operation.path:
            yield route.endpoint.operation


def keyed(*, writing: bool | None = None, of_dataset: bool | None = None) -> list[str]:
    """Return `METHOD /path` of the operations that write or not, and that are a dataset's or not."""
    return [
        f"{declared.method} {declared.path}"
        for declared in operations()
        if writing in (None, declared.is_writing) and of_dataset in (None, "{dataset_id:" in declared.path)
    ]


def call(who: Holder, written: str, dataset_id: str = UNKNOWN) -> Response:
    """Return the reply to an operation on a dataset, without a body and with ids that nothing has."""
    method, _, path = written.partition(" ")
    parts = [
        dataset_id if part == "{dataset_id:id}" else _filled(part) if part.startswith("{") else part
        for part in path.split("/")
    ]
    return who.request(method, "/v1" + "/".join(parts))


def _filled(part: str) -> str:
    name = part.strip("{}")
    return UNKNOWN if name.endswith(":id") else WORDS[name.partition(":")[0]]
