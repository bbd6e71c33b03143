"""Whether the product tells over its API what the model says."""

from typing import Any

from tests.contract.calls import got
from tests.product import Product
from tests.properties.catalog_model import Model, ModelDataset, ModelDocument, ModelSegment, matched

BUILT_IN_FIELDS = ["document_name", "uploader", "upload_date", "last_update_date", "source"]


class CatalogChecks:
    """Compares a product with a model; takes over ids of segments and child chunks that only the product knows."""

    def __init__(self, product: Product, model: Model) -> None:
        self.product = product
        self.model = model
        self.known: set[str] = set()

    def get(self, path: str) -> Any:
        """Return the body of a good reply."""
        return got(self.product.api.get(f"/v1{path}"))

    def check_lists(self) -> None:
        """Compare the lists of datasets and of tags."""
        listed = self.get("/datasets?limit=100")
        assert [row["id"] for row in listed["data"]] == list(reversed(self.model.datasets))
        assert listed["total"] == len(self.model.datasets)
        tags = [(tag["id"], tag["name"], tag["binding_count"]) for tag in self.get("/datasets/tags")]
        expected = [(tag, name, str(self.model.bindings_of(tag))) for tag, name in self.model.tags.items()]
        assert tags == list(reversed(expected))
        for tag in self.model.tags:
            bound = [row["id"] for row in self.get(f"/datasets?limit=100&tag_ids={tag}")["data"]]
            having = [dataset.id for dataset in self.model.datasets.values() if tag in dataset.tags]
            assert bound == list(reversed(having))

    def check_dataset(self, dataset: ModelDataset) -> None:
        """Compare a dataset with all that is in it."""
        shown = self.get(f"/datasets/{dataset.id}")
        documents = dataset.documents
        available = sum(document.is_available for document in documents)
        assert (shown["name"], shown["doc_form"]) == (dataset.name, dataset.doc_form if documents else None)
        assert (shown["document_count"], shown["total_documents"]) == (len(documents), len(documents))
        assert shown["total_available_documents"] == available
        assert shown["word_count"] == sum(document.word_count for document in documents)
        assert {tag["id"] for tag in shown["tags"]} == dataset.tags
        built_in = BUILT_IN_FIELDS if dataset.has_built_in_fields else []
        assert [each["name"] for each in shown["doc_metadata"]] == [*dataset.fields.values(), *built_in]
        self._check_fields(dataset)
        listed = self.get(f"/datasets/{dataset.id}/documents?limit=100")
        assert [row["id"] for row in listed["data"]] == [document.id for document in reversed(documents)]
        assert listed["total"] == len(documents)
        for document, row in zip(reversed(documents), listed["data"], strict=True):
            self._check_document(dataset, document, row)

    def _check_fields(self, dataset: ModelDataset) -> None:
        listed = self.get(f"/datasets/{dataset.id}/metadata")
        assert listed["built_in_field_enabled"] is dataset.has_built_in_fields
        counts = [(each["id"], each["name"], each["count"], each["use_count"]) for each in listed["doc_metadata"]]
        used = {field: sum(field in document.values for document in dataset.documents) for field in dataset.fields}
        assert counts == [(field, name, used[field], used[field]) for field, name in dataset.fields.items()]

    def _check_document(self, dataset: ModelDataset, document: ModelDocument, row: dict[str, Any]) -> None:
        path = f"/datasets/{dataset.id}/documents/{document.id}"
        self._check_segments(dataset, document, path)
        detail = self.get(path)
        hits = sum(segment.hits for segment in document.segments)
        state = "archived" if document.is_archived else "available" if document.is_enabled else "disabled"
        for shown in (row, detail):
            assert (shown["name"], shown["indexing_status"], shown["error"]) == (document.name, "completed", None)
            assert (shown["display_status"], shown["enabled"]) == (state, document.is_enabled)
            assert (shown["word_count"], shown["hit_count"]) == (document.word_count, hits)
            custom = {each["name"]: each["value"] for each in shown["doc_metadata"] if each["id"] != "built-in"}
            assert custom == {dataset.fields[field]: value for field, value in document.values.items()}
        assert detail["segment_count"] == len(document.segments)

    def _check_segments(self, dataset: ModelDataset, document: ModelDocument, path: str) -> None:
        listed = self.get(f"{path}/segments?limit=100")
        rows = listed["data"]
        shown = [(row["content"], row["position"], row["enabled"], row["hit_count"]) for row in rows]
        expected = [(each.content, each.position, each.is_enabled, each.hits) for each in document.segments]
        assert shown == expected
        assert listed["total"] == len(expected)
        for segment, row in zip(document.segments, rows, strict=True):
            segment.id = self._known(segment.id, row["id"])
            children = row["child_chunks"]
            if not dataset.has_children:
                # Segments show them in hierarchical documents only.
                assert children == []
                children = self._list_children(segment, path)
            assert [(each["content"], each["type"] == "customized") for each in children] == [
                (child.content, child.is_customized) for child in segment.children
            ]
            for child, each in zip(segment.children, children, strict=True):
                child.id = self._known(child.id, each["id"])

    def _list_children(self, segment: ModelSegment, path: str) -> list[dict[str, Any]]:
        if not segment.children:
            return []
        listed = self.get(f"{path}/segments/{segment.id}/child_chunks?limit=100")
        assert listed["total"] == len(segment.children)
        return listed["data"]

    def _known(self, expected: str, shown: str) -> str:
        """Return the id that the product shows: the one the model has, or one that was never seen."""
        assert shown == expected or (not expected and shown not in self.known)
        self.known.add(shown)
        return shown

    def check_answers(self, dataset: ModelDataset, word: str) -> None:
        """Compare what a search for a word finds with what it must find."""
        self._compare_answers(dataset, word, {})

    def check_answers_where(self, dataset: ModelDataset, word: str, field: str, value: str) -> None:
        """Compare what a search finds in documents of one metadata value."""
        condition = {"name": dataset.fields[field], "comparison_operator": "is", "value": value}
        self._compare_answers(dataset, word, {field: value}, metadata_filtering_conditions={"conditions": [condition]})

    def _compare_answers(self, dataset: ModelDataset, word: str, values: dict[str, str], **model: Any) -> None:
        expected = {
            segment.id: segment
            for document, segment in dataset.answers(word)
            if all(document.values.get(field) == value for field, value in values.items())
        }
        records = self.product.retrieve(dataset.id, word, "full_text_search", top_k=100, **model)
        assert sorted(record["segment"]["id"] for record in records) == sorted(expected), (dataset, word)
        for record in records:
            segment = expected[record["segment"]["id"]]
            assert record["segment"]["hit_count"] == segment.hits
            assert {each["id"] for each in record["child_chunks"]} == {each.id for each in matched(segment, word)}
            segment.hits += 1
