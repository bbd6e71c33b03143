"""The console's pages for whoever runs a server: settings, deleting, API, apps, keys, system; without scripts."""

import re

import pytest

from tests.flows.console_visitor import Visitor
from tests.product import Product

SETTINGS = {
    "name": "Guide", "description": "", "permission": "only_me", "search_method": "hybrid_search", "top_k": "7",
    "threshold": "", "enable_api": "on",
}  # fmt: skip


@pytest.fixture
def visitor(product: Product) -> Visitor:
    """Somebody who has signed in."""
    visitor = Visitor(product)
    visitor.sign_in()
    return visitor


def test_settings_are_saved_and_shown_again(product: Product, visitor: Visitor) -> None:
    dataset_id = product.create_dataset(indexing_technique="high_quality")
    path = f"/console/datasets/{dataset_id}/settings"
    visitor.send(path, **SETTINGS | {"description": "Birds", "threshold": "0.4"})
    assert "The settings are saved." in visitor.text
    saved = product.api.get(f"/v1/datasets/{dataset_id}").json()
    assert saved["description"] == "Birds"
    assert saved["retrieval_model_dict"]["search_method"] == "hybrid_search"
    assert saved["retrieval_model_dict"]["top_k"] == 7
    assert saved["retrieval_model_dict"]["score_threshold"] == 0.4
    assert saved["retrieval_model_dict"]["score_threshold_enabled"] is True
    assert saved["embedding_model"] is not None
    visitor.send(path, **SETTINGS)
    assert (
        product.api.get(f"/v1/datasets/{dataset_id}").json()["retrieval_model_dict"]["score_threshold_enabled"] is False
    )


def test_a_dataset_closed_to_the_api_is_still_open_to_the_console(product: Product, visitor: Visitor) -> None:
    dataset_id = product.create_dataset()
    visitor.send(f"/console/datasets/{dataset_id}/settings", **{**SETTINGS, "enable_api": ""})
    assert product.api.get(f"/v1/datasets/{dataset_id}/documents").status_code == 403
    assert "No document yet" in visitor.open(f"/console/datasets/{dataset_id}/documents")


def test_a_name_that_is_taken_is_refused_beside_the_form(product: Product, visitor: Visitor) -> None:
    product.create_dataset("Taken")
    dataset_id = product.create_dataset()
    assert visitor.send(f"/console/datasets/{dataset_id}/settings", **{**SETTINGS, "name": "Taken"}).status_code == 400
    assert "already exists" in visitor.text


def test_a_dataset_is_deleted_only_if_its_name_is_typed(product: Product, visitor: Visitor) -> None:
    dataset_id = product.create_dataset("Guide")
    assert visitor.send(f"/console/datasets/{dataset_id}/delete", name="guide").status_code == 400
    assert "nothing was deleted" in visitor.text
    assert visitor.send(f"/console/datasets/{dataset_id}/delete", name="Guide").url.path == "/console/datasets"
    assert product.api.get(f"/v1/datasets/{dataset_id}").status_code == 404


def test_a_dataset_that_an_app_holds_says_why_it_stays(product: Product, visitor: Visitor) -> None:
    dataset_id = product.create_dataset("Guide")
    visitor.send("/console/apps", name="Help", dataset_ids=[dataset_id], search_method="hybrid_search", top_k="4")
    assert "The app “Help” is ready." in visitor.text
    assert visitor.send(f"/console/datasets/{dataset_id}/delete", name="Guide").status_code == 409
    assert "used by some apps" in visitor.text
    app = product.api.get("/v1/apps").json()["data"][0]
    assert app["retrieval_model"]["top_k"] == 4
    visitor.send(f"/console/apps/{app['id']}/delete")
    assert "its datasets stay" in visitor.text
    assert product.api.get("/v1/apps").json()["total"] == 0


def test_an_app_without_datasets_keeps_what_was_typed(product: Product, visitor: Visitor) -> None:
    product.create_dataset()
    page = visitor.send("/console/apps", name="Help", search_method="hybrid_search", top_k="4")
    assert page.status_code == 400
    assert 'value="Help"' in page.text


def test_the_api_page_has_calls_with_the_real_id(product: Product, visitor: Visitor) -> None:
    dataset_id = product.create_dataset()
    text = visitor.open(f"/console/datasets/{dataset_id}/api")
    assert f"http://testserver/v1/datasets/{dataset_id}/retrieve" in text
    assert "httpx.post" in text
    assert "await fetch" in text


def test_a_key_is_shown_once_and_may_do_what_it_was_made_for(product: Product, visitor: Visitor) -> None:
    seen, hidden = product.create_dataset("Seen"), product.create_dataset("Hidden")
    page = visitor.send("/console/keys", name="Reader", role="read", scope="some", dataset=[seen], days="30")
    key = re.findall(r"dataset-\w{24,}", page.text)[0]
    headers = {"Authorization": f"Bearer {key}"}
    assert product.anonymous.get(f"/v1/datasets/{seen}", headers=headers).status_code == 200
    assert product.anonymous.get(f"/v1/datasets/{hidden}", headers=headers).status_code == 404
    assert product.anonymous.delete(f"/v1/datasets/{seen}", headers=headers).status_code == 403
    assert key not in visitor.open("/console/keys")
    assert "Reader" in visitor.text

    key_id = next(each["id"] for each in product.api.get("/v1/keys").json()["data"] if each["name"] == "Reader")
    visitor.send(f"/console/keys/{key_id}/revoke")
    assert "refused from now on" in visitor.text
    assert product.anonymous.get(f"/v1/datasets/{seen}", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("fields", "said"), [({"name": " "}, "Give the key a name"), ({"days": "0"}, "from 1 to 3,650")]
)
def test_a_key_that_cannot_be_is_refused(visitor: Visitor, fields: dict[str, str], said: str) -> None:
    visitor.send("/console/keys", **{"name": "Reader", "role": "read", "scope": "all", **fields})
    assert said in visitor.text


def test_the_system_page_tells_jobs_and_why_one_failed(product: Product, visitor: Visitor) -> None:
    dataset_id = product.create_dataset("Guide", indexing_technique="economy")
    product.add_text(dataset_id, "one", "Owls hunt.")
    assert "ingest_document" in visitor.open("/console/system")
    assert "Guide" in visitor.text
    product.settle()
    assert "ingest_document" not in visitor.open("/console/system", state="waiting")
    assert "Nothing here." in visitor.text
    assert re.search(r"1 Searchable texts", visitor.text)
