"""`zhiku index switches`: what is on its way to another technique or model, and what was given up."""

from pathlib import Path

from typer.testing import CliRunner

from tests.contract.calls import got
from tests.product import RIVAL, Product, open_product
from tests.word_embedder import WordEmbedder
from zhiku.cli.main import app
from zhiku.datasets import switch_store
from zhiku.db.engine import Database


def list_switches(data_dir: Path) -> str:
    printed = CliRunner().invoke(app, ["index", "switches", "--data-dir", str(data_dir)])
    assert printed.exit_code == 0, printed.output
    return printed.output


def begin_switch(product: Product) -> str:
    dataset_id = product.create_dataset("Fruit")
    product.add_text(dataset_id, "a", "apples")
    product.settle()
    fields = {"embedding_model": RIVAL.model, "embedding_model_provider": RIVAL.provider}
    got(product.api.patch(f"/v1/datasets/{dataset_id}", json=fields))
    return dataset_id


def test_switches_are_listed_with_how_far_they_are(tmp_path: Path, sqlite_database: Database) -> None:
    # The command looks for the catalog where the fixture has put it.
    assert "No dataset is being switched" in list_switches(tmp_path)
    with open_product(tmp_path, sqlite_database, rival=WordEmbedder("other", 32)) as product:
        dataset_id = begin_switch(product)
        line = f"{dataset_id}  Fruit  to high_quality with other-words of rival: "
        assert f"{line}texts are being embedded" in list_switches(tmp_path)
        with product.rt.db.begin() as tx:
            switch = switch_store.find_switch(tx, dataset_id)
            assert switch is not None
            switch_store.mark_ready(tx, switch, 32, "test:other:1")
        assert f"{line}the new index is being built" in list_switches(tmp_path)
        with product.rt.db.begin() as tx:
            switch_store.mark_given_up(tx, switch, "rival: the key is wrong")
        expected = f"{line}given up, the former index goes on answering. rival: the key is wrong"
        assert expected in list_switches(tmp_path)
        got(product.api.patch(f"/v1/datasets/{dataset_id}", json={"indexing_technique": "economy"}))
        assert f"{dataset_id}  Fruit  to economy: the new index is being built" in list_switches(tmp_path)
