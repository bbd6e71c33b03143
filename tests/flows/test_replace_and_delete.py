"""The same name again, and what deleting takes with it."""

from sqlalchemy import func, select

from tests.product import Product
from zhiku.datasets import store as dataset_store
from zhiku.db.tables import datasets, documents, embeddings, jobs, outbox, segments, uploads
from zhiku.segments.indexing import shard_of

BY_LINE = {"mode": "custom", "rules": {"segmentation": {"separator": "\n", "max_tokens": 100}}}


def _contents(product: Product, dataset_id: str, document_id: str) -> list[tuple[int, str, str]]:
    reply = product.api.get(f"/v1/datasets/{dataset_id}/documents/{document_id}/segments").json()
    return [(row["position"], row["content"], row["id"]) for row in reply["data"]]


def _numbers(product: Product, dataset_id: str) -> tuple[list[int], list[int]]:
    """The postings the index has, and those it should have."""
    with product.rt.db.read() as conn:
        dataset = dataset_store.find_dataset(conn, dataset_id)
        assert dataset is not None
        live = select(segments.c.number).where(segments.c.is_enabled, segments.c.status == "completed")
        expected = sorted(conn.execute(live).scalars())
    return product.index.list_numbers(shard_of(dataset)), expected


def test_a_document_of_the_same_name_is_replaced_in_place(product: Product) -> None:
    dataset_id = product.create_dataset()
    first = product.add_text(dataset_id, "rules", "alpha\nbeta\ngamma", process_rule=BY_LINE)
    product.settle()
    before = _contents(product, dataset_id, first["document"]["id"])

    second = product.add_text(dataset_id, "rules", "gamma\ndelta\nalpha", process_rule=BY_LINE)
    assert second["document"]["id"] == first["document"]["id"]
    assert second["document"]["position"] == first["document"]["position"]
    assert second["batch"] != first["batch"]
    assert product.retrieve(dataset_id, "beta", "full_text_search")[0]["segment"]["content"] == "beta"
    product.settle()

    after = _contents(product, dataset_id, first["document"]["id"])
    ids = {content: segment_id for _, content, segment_id in before}
    assert [content for _, content, _ in after] == ["gamma", "delta", "alpha"]
    assert [position for position, _, _ in after] == [1, 2, 3]
    assert after[0][2] == ids["gamma"] and after[2][2] == ids["alpha"]
    assert product.retrieve(dataset_id, "beta", "full_text_search") == []
    assert product.embedder.embedded == ["alpha", "beta", "gamma", "delta"]
    held, expected = _numbers(product, dataset_id)
    assert held == expected and len(held) == 3
    gone = product.api.get(f"/v1/datasets/{dataset_id}/documents/{first['batch']}/indexing-status")
    assert gone.status_code == 404
    assert product.api.get(f"/v1/datasets/{dataset_id}").json()["document_count"] == 1


def test_replacing_a_document_that_is_still_waiting_lets_the_new_content_win(product: Product) -> None:
    dataset_id = product.create_dataset()
    product.add_text(dataset_id, "rules", "alpha", process_rule=BY_LINE)
    second = product.add_text(dataset_id, "rules", "beta", process_rule=BY_LINE)
    product.settle()
    assert [row[1] for row in _contents(product, dataset_id, second["document"]["id"])] == ["beta"]
    held, expected = _numbers(product, dataset_id)
    assert held == expected and len(held) == 1


def test_duplicate_false_makes_a_second_document(product: Product) -> None:
    dataset_id = product.create_dataset()
    first = product.add_text(dataset_id, "rules", "alpha")
    second = product.add_text(dataset_id, "rules", "beta", duplicate=False)
    assert second["document"]["id"] != first["document"]["id"]
    assert second["document"]["position"] == 2


def test_content_that_fails_leaves_the_former_content_answering(product: Product) -> None:
    dataset_id = product.create_dataset()
    first = product.add_file(dataset_id, "rules.txt", b"alpha beta")
    product.settle()
    second = product.add_file(dataset_id, "rules.txt", b"")
    product.settle()
    assert product.status(dataset_id, second["batch"])["indexing_status"] == "error"
    assert product.retrieve(dataset_id, "alpha", "full_text_search")[0]["segment"]["content"] == "alpha beta"
    assert second["document"]["id"] == first["document"]["id"]


def test_deleting_a_document_removes_its_postings_rows_file_and_embeddings(product: Product) -> None:
    dataset_id = product.create_dataset()
    gone = product.add_text(dataset_id, "gone", "alpha\nbeta", process_rule=BY_LINE)
    product.add_text(dataset_id, "stays", "beta\ngamma", process_rule=BY_LINE)
    product.settle()

    response = product.api.delete(f"/v1/datasets/{dataset_id}/documents/{gone['document']['id']}")
    assert (response.status_code, response.content) == (204, b"")
    assert product.retrieve(dataset_id, "alpha", "full_text_search") == []
    product.settle()

    held, expected = _numbers(product, dataset_id)
    assert held == expected and len(held) == 2
    with product.rt.db.read() as conn:
        assert conn.execute(select(func.count()).select_from(embeddings)).scalar_one() == 2
        assert conn.execute(select(func.count()).select_from(uploads)).scalar_one() == 1
        dataset = dataset_store.find_dataset(conn, dataset_id)
    assert dataset is not None and dataset.posting_count == 2
    assert len(list(product.rt.blobs.list_keys())) == 1
    again = product.api.delete(f"/v1/datasets/{dataset_id}/documents/{gone['document']['id']}")
    assert (again.status_code, again.json()["message"]) == (404, "Document Not Exists.")


def test_the_document_form_is_free_again_when_the_last_document_is_gone(product: Product) -> None:
    dataset_id = product.create_dataset()
    created = product.add_text(dataset_id, "only", "alpha")
    assert product.api.get(f"/v1/datasets/{dataset_id}").json()["doc_form"] == "text_model"
    product.settle()
    product.api.delete(f"/v1/datasets/{dataset_id}/documents/{created['document']['id']}")
    assert product.api.get(f"/v1/datasets/{dataset_id}").json()["doc_form"] is None


def test_deleting_a_dataset_that_is_being_indexed_leaves_nothing_behind(product: Product) -> None:
    dataset_id = product.create_dataset()
    product.add_text(dataset_id, "done", "alpha\nbeta", process_rule=BY_LINE)
    product.settle()
    product.add_text(dataset_id, "waiting", "gamma")

    assert product.api.delete(f"/v1/datasets/{dataset_id}").status_code == 204
    product.settle()

    with product.rt.db.read() as conn:
        for table in (datasets, documents, segments, uploads, embeddings, jobs, outbox):
            assert conn.execute(select(func.count()).select_from(table)).scalar_one() == 0, table.name
    assert list(product.rt.blobs.list_keys()) == []
    assert product.api.delete(f"/v1/datasets/{dataset_id}").status_code == 404
