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


def send_file(visitor: Visitor, path: str, name: str, content: bytes, **fields: str) -> str:
    """Return the page after sending a form with a file."""
    data = {"csrf": visitor.token(), **fields}
    page = visitor.client.post(path, data=data, files={"file": (name, content)})
    return visitor.seen(page).text


RULE = {"mode": "custom", "separator": "\\n\\n", "max_tokens": "200", "chunk_overlap": "0"}


def test_a_file_is_looked_at_with_a_rule_and_then_uploaded_with_it(
    product: Product, visitor: Visitor, dataset_id: str
) -> None:
    path = f"/console/datasets/{dataset_id}/documents"
    assert "Nothing is stored until you upload it." in visitor.open(f"{path}/preview")
    send_file(visitor, f"{path}/preview", "guide.md", GUIDE.encode(), **RULE)
    assert "3 segments, " in visitor.text
    assert "Dogs run in the park." in visitor.text
    assert product.api.get(f"/v1/datasets/{dataset_id}/documents").json()["total"] == 0
    send_file(visitor, f"{path}/upload", "guide.md", GUIDE.encode(), **RULE)
    product.settle()
    made = product.api.get(f"{document_path(product, dataset_id).replace('/console', '/v1')}/segments").json()["data"]
    assert len(made) == 3
    assert 'value="\\n\\n"' in visitor.client.get(f"{path}/preview").text


def test_parents_are_shown_with_their_child_chunks(visitor: Visitor, dataset_id: str) -> None:
    path = f"/console/datasets/{dataset_id}/documents/preview"
    rule = RULE | {"mode": "hierarchical", "child_separator": " ", "child_max_tokens": "50"}
    send_file(visitor, path, "guide.md", GUIDE.encode(), **rule)
    assert "5 child chunks" in visitor.text


def test_a_file_or_rule_that_is_wrong_is_said_in_the_place_of_the_segments(visitor: Visitor, dataset_id: str) -> None:
    path = f"/console/datasets/{dataset_id}/documents/preview"
    send_file(visitor, path, "guide.md", GUIDE.encode(), **RULE | {"max_tokens": "0"})
    assert "should be between 1 and 4000" in visitor.text
    send_file(visitor, path, "empty.md", b"", **RULE)
    assert "The file is empty." in visitor.text
    send_file(visitor, path, "program.exe", b"MZ", **RULE)
    assert "Files of this type cannot be read." in visitor.text


def test_all_documents_are_cut_anew_and_the_settings_show_how_far_that_is(
    product: Product, visitor: Visitor, dataset_id: str
) -> None:
    for name in ("one", "two"):
        product.add_text(dataset_id, name, GUIDE)
    product.settle()
    settings = f"/console/datasets/{dataset_id}/settings"
    visitor.send(f"/console/datasets/{dataset_id}/recut", action="start", **RULE)
    assert "The documents are being cut anew." in visitor.text
    assert "0 of 2 documents are cut anew." in visitor.text
    product.settle()
    assert "All documents are cut: 2 of 2." in visitor.open(settings)
    segments = document_path(product, dataset_id).replace("/console", "/v1") + "/segments"
    assert len(product.api.get(segments).json()["data"]) == 3
    visitor.send(f"/console/datasets/{dataset_id}/recut", action="start", mode="automatic")
    visitor.send(f"/console/datasets/{dataset_id}/recut", action="cancel")
    assert "It was stopped after 0 of 2 documents." in visitor.text
