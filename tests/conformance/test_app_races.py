"""An app and the end of its datasets at one moment, on both engines: never an app without its dataset."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from tests.product import Product, open_product
from zhiku.access.service import find_actor
from zhiku.apps import service as apps
from zhiku.apps.schemas import CreateApp, ListApps, UpdateApp
from zhiku.datasets import service as datasets
from zhiku.db.engine import Database
from zhiku.errors import DatasetInUse, InvalidParam, NotFound, ZhikuError
from zhiku.http.paging import Page

ROUNDS = 15


@pytest.fixture
def product(tmp_path: Path, database: Database) -> Iterator[Product]:
    """A whole Zhiku over each of the two engines."""
    with open_product(tmp_path / "data", database) as opened:
        yield opened


@pytest.fixture
def create(product: Product) -> Callable[..., str]:
    """Makes an app of datasets and returns its id."""
    actor = find_actor(product.rt, product.key)
    assert actor is not None

    def make(name: str, *dataset_ids: str) -> str:
        request = CreateApp(name=name, dataset_ids=list(dataset_ids))
        return apps.create_app(product.rt, actor, request).app.id

    return make


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


def test_an_app_and_the_end_of_its_dataset_leave_one_of_them(product: Product, create: Callable[..., str]) -> None:
    for number in range(ROUNDS):
        dataset_id = product.create_dataset(f"Race {number}")
        refused_app, refused_end = together(
            lambda number=number, dataset_id=dataset_id: create(f"App {number}", dataset_id),
            lambda dataset_id=dataset_id: datasets.delete_dataset(product.rt, dataset_id),
        )
        if refused_app is None:
            assert isinstance(refused_end, DatasetInUse)
            assert datasets.get_dataset(product.rt, dataset_id).app_count == 1
        else:
            assert isinstance(refused_app, NotFound)
            assert refused_end is None


def test_two_apps_over_the_same_datasets_in_other_orders_both_come_to_be(
    product: Product, create: Callable[..., str]
) -> None:
    ids = [product.create_dataset(f"Shared {number}") for number in range(4)]
    for number in range(ROUNDS):
        refused = together(
            lambda number=number: create(f"Forth {number}", *ids),
            lambda number=number: create(f"Back {number}", *reversed(ids)),
        )
        assert refused == [None, None]
    assert datasets.get_dataset(product.rt, ids[0]).app_count == 2 * ROUNDS


def test_one_of_two_apps_of_one_name_comes_to_be(product: Product, create: Callable[..., str]) -> None:
    dataset_id = product.create_dataset("Guide")
    for number in range(ROUNDS):
        refused = together(*[lambda number=number: create(f"App {number}", dataset_id)] * 2)
        assert [type(each) for each in refused if each is not None] == [InvalidParam]
    actor = find_actor(product.rt, product.key)
    assert actor is not None
    assert apps.list_apps(product.rt, actor, ListApps(), Page())[1] == ROUNDS


def test_two_changes_of_one_apps_datasets_leave_those_of_the_later_one(
    product: Product, create: Callable[..., str]
) -> None:
    ids = [product.create_dataset(f"Held {number}") for number in range(4)]
    app_id = create("App", *ids)
    actor = find_actor(product.rt, product.key)
    assert actor is not None
    for _ in range(ROUNDS):
        refused = together(
            lambda: apps.update_app(product.rt, actor, app_id, UpdateApp(dataset_ids=ids[:3])),
            lambda: apps.update_app(product.rt, actor, app_id, UpdateApp(dataset_ids=ids[:0:-1])),
        )
        assert refused == [None, None]
        assert list(apps.get_app(product.rt, actor, app_id).dataset_ids) in (ids[:3], ids[:0:-1])
