"""The console without scripts: pausing and retrying documents."""

import pytest

from tests.flows.console_visitor import Visitor
from tests.product import Product

GUIDE = "Cats sleep in the sun.\n\nDogs run in the park.\n\nOwls hunt at night."


@pytest.fixture
def visitor(product: Product) -> Visitor:
    """Somebody who has signed in."""
    visitor = Visitor(product)
    visitor.sign_in()
    return visitor


@pytest.fixture
def dataset_id(product: Product) -> str:
    """An economy dataset."""
    return product.create_dataset(indexing_technique="economy")


def document_path(product: Product, dataset_id: str) -> str:
    listed = product.api.get(f"/v1/datasets/{dataset_id}/documents").json()["data"]
    return f"/console/datasets/{dataset_id}/documents/{listed[0]['id']}"


def test_a_document_is_paused_resumed_stopped_and_retried_on_its_page(
    product: Product, visitor: Visitor, dataset_id: str
) -> None:
    product.add_text(dataset_id, "one", GUIDE)
    path = document_path(product, dataset_id)
    visitor.open(path)
    for action, said, state in (
        ("pause", "The indexing is paused.", "Paused"),
        ("resume", "The indexing goes on.", "Waiting"),
        ("cancel", "The indexing is stopped", "Failed Cancelled."),
        ("retry", "is being indexed again", "Waiting"),
    ):
        assert visitor.send(f"{path}/work", action=action).url.path == path
        assert said in visitor.text
        assert state in visitor.text
    product.settle()
    assert "Pause" not in visitor.open(path)
    assert visitor.send(f"{path}/work", action="pause").status_code == 200
    assert "nothing to pause" in visitor.text


def test_the_work_of_picked_documents_is_stopped_where_there_is_any(
    product: Product, visitor: Visitor, dataset_id: str
) -> None:
    first = product.add_text(dataset_id, "one", GUIDE)["document"]["id"]
    product.settle()
    others = [product.add_text(dataset_id, name, GUIDE)["document"]["id"] for name in ("two", "three")]
    path = f"/console/datasets/{dataset_id}/documents/actions"
    visitor.send(path, action="pause", document=[first, *others])
    assert "The indexing of 2 documents is paused." in visitor.text
    visitor.send(path, action="pause", document=[first])
    assert "nothing to pause" in visitor.text
    shown = visitor.open(f"/console/datasets/{dataset_id}/documents", status="paused")
    assert "three TXT" in shown
    assert "one TXT" not in shown


def test_a_job_leads_to_the_document_it_works_on(product: Product, visitor: Visitor, dataset_id: str) -> None:
    product.add_text(dataset_id, "one", GUIDE)
    path = document_path(product, dataset_id)
    visitor.send(f"{path}/work", action="pause")
    assert f'href="{path}"' in visitor.client.get("/console/system", params={"state": "paused"}).text
