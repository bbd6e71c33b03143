"""The console's settings of a dataset that an external source answers for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.external_source import KEY, ExternalSource
from tests.flows.console_visitor import Visitor
from tests.product import Product, open_product
from zhiku.db.engine import Database


@pytest.fixture
def product(tmp_path: Path, sqlite_database: Database) -> Iterator[Product]:
    """A whole Zhiku whose operator allows loopback."""
    with open_product(tmp_path / "data", sqlite_database, outbound_hosts="127.0.0.1") as opened:
        yield opened


@pytest.fixture
def visitor(product: Product) -> Visitor:
    """Somebody who has signed in."""
    visitor = Visitor(product)
    visitor.sign_in()
    return visitor


def test_the_settings_show_the_source_and_change_how_it_is_asked(product: Product, visitor: Visitor) -> None:
    with ExternalSource() as source:
        body = {"name": "Far away", "settings": {"endpoint": source.endpoint, "api_key": KEY}}
        made = product.api.post("/v1/datasets/external-knowledge-api", json=body).json()
        ids = {"external_knowledge_api_id": made["id"], "external_knowledge_id": "<manual>"}
        dataset_id = product.create_dataset("Mounted", provider="external", **ids)
        path = f"/console/datasets/{dataset_id}/settings"
        shown = visitor.open(path)
        assert "Far away" in shown
        assert source.endpoint in shown
        assert "is called <manual>." in shown
        assert "Cut all documents" not in shown
        assert KEY not in shown
        assert "Search method" not in shown

        form = {"name": "Renamed", "description": "", "permission": "only_me", "enable_api": "on"}
        visitor.send(path, **form, top_k="9", threshold="0.4")

        assert "The settings are saved." in visitor.text
        changed = product.api.get(f"/v1/datasets/{dataset_id}").json()
        model = {"top_k": 9, "score_threshold": 0.4, "score_threshold_enabled": True}
        assert changed["external_retrieval_model"] == model
        assert (changed["name"], changed["indexing_technique"]) == ("Renamed", None)
        visitor.send(path, **form, top_k="9", threshold="")
        changed = product.api.get(f"/v1/datasets/{dataset_id}").json()
        assert changed["external_retrieval_model"]["score_threshold_enabled"] is False
