"""Every operation called by what the server's own OpenAPI says of it: made-up requests, and walks along its links."""

import re
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.config import SchemathesisConfig
from schemathesis.generation.stateful.state_machine import StepInput, StepOutput
from schemathesis.specs.openapi.checks import negative_data_rejection
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.product import Product, open_product
from zhiku.db.engine import Database
from zhiku.http.openapi import build_openapi
from zhiku.server import ROUTERS

SEED = 20261121
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
QUIET: tuple[HealthCheck, ...] = (
    HealthCheck.function_scoped_fixture,
    HealthCheck.too_slow,
    HealthCheck.filter_too_much,
    HealthCheck.data_too_large,
    HealthCheck.large_base_example,
)
EXAMPLES = 8
WALKS = 12
STEPS = 12
REFUSALS = ["400", "401", "403", "404", "405", "409", "413", "415"]
# Many a refusal of a good request comes from what is stored. Which ones an operation has is checked by its description.
CHECKS = {
    "negative_data_rejection": {"expected-statuses": REFUSALS},
    "positive_data_acceptance": {"expected-statuses": ["2xx", "3xx", *REFUSALS]},
}
KEY = b"Bearer the-tests-key"

_numbers = count(1)


class Served:
    """The application under test, known before it is there: operations are gathered when tests are collected."""

    app: ASGIApp | None = None
    key = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        headers = [(name, self.key if value == KEY else value) for name, value in scope["headers"]]
        await self.app({**scope, "headers": headers}, receive, send)


def described() -> Any:
    """Return the server's description to call by; aliases answer by the same code and are left out."""
    document = build_openapi([route for router in ROUTERS for route in router.routes])
    config = SchemathesisConfig.from_dict({"seed": SEED, "checks": CHECKS, "headers": {"Authorization": KEY.decode()}})
    loaded = schemathesis.openapi.from_dict(document, config=config)
    loaded.app = Served()
    return loaded.exclude(deprecated=True)


schema = described()


@pytest.fixture(scope="module", params=[SEED], ids=lambda seed: f"seed {seed}")
def product(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Product]:
    """A whole Zhiku for all calls."""
    folder = tmp_path_factory.mktemp("own_openapi")
    shutil.copyfile(sqlite_template, folder / "catalog.sqlite3")
    database = Database(f"sqlite:///{folder / 'catalog.sqlite3'}")
    with open_product(folder / "data", database) as opened:
        schema.app.app, schema.app.key = opened.api.app, f"Bearer {opened.key}".encode()
        yield opened
    database.close()


def test_the_document_is_an_openapi_document() -> None:
    schema.validate()


@pytest.fixture
def ids(product: Product) -> dict[str, str]:
    """One thing of each kind to put into paths."""
    return make_things(product)


@pytest.mark.slow
@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=QUIET, derandomize=True)
def test_every_operation_keeps_its_description(case: Case, product: Product, ids: dict[str, str]) -> None:
    put_ids(case, ids)
    case.call_and_validate(excluded_checks=checks_that_err_about(case))


@pytest.mark.slow
def test_walks_along_the_links_keep_the_description(product: Product) -> None:
    class Walk(schema.as_state_machine()):
        """Calls an operation, then one that its reply leads to."""

        def setup(self) -> None:
            self.ids = make_things(product)

        def step(self, input: StepInput) -> StepOutput:
            # What no link filled in is a thing that is there, so that walks go far.
            linked = {name for _, name in input.applied_parameters}
            put_ids(input.case, {name: made for name, made in self.ids.items() if name not in linked})
            return super().step(input)

        def validate_response(self, response: Any, case: Case, **kwargs: Any) -> None:
            case.validate_response(response, excluded_checks=checks_that_err_about(case), transport_kwargs=kwargs)

        def after_call(self, response: Any, case: Case) -> None:
            product.settle()

    Walk.run(
        settings=settings(
            max_examples=WALKS,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            suppress_health_check=QUIET,
        )
    )


def make_things(product: Product) -> dict[str, str]:
    """Return the ids of a new dataset and of what is in it, by the names of path parameters."""
    number = next(_numbers)
    dataset_id = product.create_dataset(f"Described {number}")
    rules = {"segmentation": {"separator": "\n\n"}, "subchunk_segmentation": {"separator": "\n", "max_tokens": 40}}
    document = product.add_text(
        dataset_id,
        "guide.txt",
        "Trees\nA tree grows.\n\nStones\nA stone lies.",
        doc_form="hierarchical_model",
        process_rule={"mode": "hierarchical", "rules": rules},
    )
    product.settle()
    place = f"/v1/datasets/{dataset_id}/documents/{document['document']['id']}/segments"
    segment = product.api.get(place).json()["data"][0]
    field = product.api.post(f"/v1/datasets/{dataset_id}/metadata", json={"type": "string", "name": "shelf"}).json()
    held = product.create_dataset(f"Held {number}")
    app = product.api.post("/v1/apps", json={"name": f"App {number}", "dataset_ids": [held]}).json()
    key = product.api.post("/v1/keys", json={"name": f"Key {number}"}).json()
    return {
        "dataset_id": dataset_id,
        "document_id": document["document"]["id"],
        "batch": document["batch"],
        "segment_id": segment["id"],
        "child_chunk_id": segment["child_chunks"][0]["id"],
        "metadata_id": field["id"],
        "app_id": app["id"],
        "key_id": key["id"],
    }


def checks_that_err_about(case: Case) -> list[Any]:
    """Return the checks that do not know the contract: a parameter without a value is absent, whatever its type."""
    is_blank = any(value in ("", None, [], {}) for value in (case.query or {}).values())
    return [negative_data_rejection] if is_blank else []


def put_ids(case: Case, ids: dict[str, str]) -> None:
    """Put things that are there into the path in the place of made-up ids; what is no id stays."""
    for name, value in case.path_parameters.items():
        if name in ids and (name == "batch" or UUID.fullmatch(str(value))):
            case.path_parameters[name] = ids[name]
