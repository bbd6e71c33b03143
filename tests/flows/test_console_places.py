"""What the console shows of where segments stand and of their pictures."""

import base64

import pytest

from tests.flows.console_visitor import Visitor
from tests.product import Product

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def visitor(product: Product) -> Visitor:
    """Somebody who has signed in."""
    visitor = Visitor(product)
    visitor.sign_in()
    return visitor


@pytest.fixture
def path(product: Product) -> str:
    """The console's page of a document with a picture and headings."""
    dataset_id = product.create_dataset(indexing_technique="economy")
    image = base64.b64encode(PNG).decode()
    page = f'<h1>Guide</h1><h2>Install</h2><p>alpha <img alt="red box" src="data:image/png;base64,{image}"></p>'
    made = product.add_file(dataset_id, "guide.html", page.encode())
    product.settle()
    return f"/console/datasets/{dataset_id}/documents/{made['document']['id']}"


def test_a_segment_shows_the_headings_above_it(visitor: Visitor, path: str) -> None:
    assert "<span>Guide</span><span>Install</span>" in visitor.client.get(path).text


def test_a_segment_shows_its_pictures_instead_of_their_links(product: Product, visitor: Visitor, path: str) -> None:
    page = visitor.client.get(path).text
    assert "alpha red box" in page and "image-preview)" not in page
    address = page.partition('<img class="picture" src="')[2].partition('"')[0].replace("&amp;", "&")
    assert product.api.get(address).content == PNG


def test_the_lab_shows_the_headings_of_its_answers(visitor: Visitor, path: str) -> None:
    page = visitor.client.get(path.partition("/documents")[0] + "/lab", params={"query": "alpha"}).text
    assert "<span>Guide</span><span>Install</span>" in page
