"""The console without scripts: a document's versions, what has changed since one, and bringing it back."""

import pytest

from tests.flows.console_visitor import Visitor
from tests.product import Product

RULE = {"mode": "custom", "rules": {"segmentation": {"separator": "\n", "max_tokens": 100}}}


@pytest.fixture
def visitor(product: Product) -> Visitor:
    """Somebody who has signed in."""
    visitor = Visitor(product)
    visitor.sign_in()
    return visitor


@pytest.fixture
def path(product: Product) -> str:
    """The page of a document that has been updated once."""
    dataset_id = product.create_dataset(indexing_technique="economy")
    made = product.add_text(dataset_id, "pets", "Cats sleep.\nDogs <b>run</b>.", process_rule=RULE)
    product.settle()
    path = f"/datasets/{dataset_id}/documents/{made['document']['id']}"
    product.api.post(f"/v1{path}/update-by-text", json={"text": "Cats sleep.\nOwls hunt."})
    product.settle()
    return f"/console{path}"


def test_a_version_is_compared_with_what_answers_and_restored(product: Product, visitor: Visitor, path: str) -> None:
    assert "Versions" in visitor.open(path)
    assert "Compare and restore" in visitor.open(f"{path}/versions")
    shown = visitor.open(f"{path}/versions/1")
    assert "1 added, 1 removed, 1 unchanged" in shown
    for said in ("Unchanged #1 Cats sleep. #1 Cats sleep.", "Removed #2 Dogs <b>run</b>.", "Added #2 Owls hunt."):
        assert said in " ".join(shown.split()), said
    assert visitor.send(f"{path}/versions/1/restore").url.path == path
    assert "Version 1 is being restored." in visitor.text
    product.settle()
    assert "Dogs <b>run</b>." in visitor.open(path)
    assert "Compare and restore" in visitor.open(f"{path}/versions")


def test_a_version_that_is_not_there_is_said_so(visitor: Visitor, path: str) -> None:
    response = visitor.seen(visitor.client.get(f"{path}/versions/7"))
    assert response.status_code == 404 and "Version not found." in visitor.text


def test_a_restore_that_is_refused_is_said_on_the_page(product: Product, visitor: Visitor, path: str) -> None:
    visitor.open(f"{path}/versions/1")
    product.api.post(f"/v1{path.removeprefix('/console')}/update-by-text", json={"text": "Owls hunt."})
    visitor.send(f"{path}/versions/1/restore")
    assert "is being processed" in visitor.text
