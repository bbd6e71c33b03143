"""The console without scripts: question sets, evaluations and their figures."""

import pytest

from tests.flows.console_visitor import Visitor
from tests.product import Product

ANIMALS = ("Cats sleep in the sun.", "Dogs run in the park.", "Owls hunt at night.")
QUESTIONS = b"question,document\n" + b"".join(b"%s %d,guide\n" % (b"owls hunt", number) for number in range(12))


@pytest.fixture
def visitor(product: Product) -> Visitor:
    """Somebody who has signed in."""
    visitor = Visitor(product)
    visitor.sign_in()
    return visitor


@pytest.fixture
def path(product: Product) -> str:
    """The evaluation page of a dataset with one document."""
    dataset_id = product.create_dataset()
    product.add_text(dataset_id, "guide", "\n\n".join(ANIMALS))
    product.settle()
    return f"/console/datasets/{dataset_id}/evaluation"


def upload(visitor: Visitor, path: str, content: bytes) -> str:
    data = {"csrf": visitor.token()}
    headers = {"Referer": f"{visitor.client.base_url}{path}"}
    page = visitor.client.post(f"{path}/sets", data=data, files={"file": ("owls.csv", content)}, headers=headers)
    return visitor.seen(page).text


def set_id(product: Product, path: str) -> str:
    dataset_id = path.split("/")[3]
    return product.api.get(f"/v1/datasets/{dataset_id}/question-sets").json()["data"][0]["id"]


def test_a_file_becomes_a_set_whose_questions_compare_the_methods(
    product: Product, visitor: Visitor, path: str
) -> None:
    visitor.open(path)
    assert "Upload a CSV file" in visitor.text
    upload(visitor, path, QUESTIONS)
    assert "“owls.csv” is ready: 12 questions." in visitor.text
    methods = ["hybrid_search", "full_text_search"]
    page = visitor.send(f"{path}/runs", question_set_id=set_id(product, path), method=methods)
    assert "12 questions are being asked." in visitor.text
    assert "Waiting" in visitor.text
    product.settle()
    run = page.url.path
    shown = visitor.open(run)
    assert "Completed 12 of 12 questions asked" in shown
    assert "Hybrid 1.000 best 1.000 best 1.000 best" in shown
    assert "a hybrid search is best with a vector weight of 0.60" in shown
    assert "owls hunt 3 1.000 1.000" in shown
    assert "Full text 1.000" in visitor.open(path)


def test_a_run_is_cancelled_and_deleted_and_a_set_too(product: Product, visitor: Visitor, path: str) -> None:
    upload(visitor, path, QUESTIONS)
    run = visitor.send(f"{path}/runs", question_set_id=set_id(product, path), method="hybrid_search").url.path
    visitor.send(f"{run}/cancel")
    assert "The evaluation is cancelled" in visitor.text
    assert visitor.send(f"{run}/delete").url.path == path
    assert "The evaluation is deleted." in visitor.text
    visitor.send(f"{path}/sets/{set_id(product, path)}/delete")
    assert "The question set is deleted" in visitor.text
    assert "owls.csv" not in visitor.open(path)


def test_a_file_that_cannot_be_read_is_refused_on_the_page(product: Product, visitor: Visitor, path: str) -> None:
    assert "file: row 2, document: there is no document" in upload(visitor, path, b"question,document\nx,none\n")


def test_the_pages_are_in_chinese_too(product: Product, visitor: Visitor, path: str) -> None:
    upload(visitor, path, QUESTIONS)
    run = visitor.send(f"{path}/runs", question_set_id=set_id(product, path), method="hybrid_search").url.path
    product.settle()
    visitor.client.headers["Accept-Language"] = "zh"
    assert "问题集" in visitor.open(path)
    assert "对这些问题，混合检索的向量权重取 0.60 最好" in visitor.open(run)
