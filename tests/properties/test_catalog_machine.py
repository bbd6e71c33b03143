"""Datasets, documents, segments, metadata and tags changed in any order, beside a small model of what comes of it."""

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
from httpx2 import Response
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.contract.calls import by_line, got
from tests.product import Product, open_product
from tests.properties.catalog_checks import CatalogChecks
from tests.properties.catalog_model import (
    BETWEEN_CHILDREN,
    Model,
    ModelChild,
    ModelDataset,
    ModelDocument,
    ModelSegment,
)
from zhiku.db.engine import Database

T = TypeVar("T")
InDocument = tuple[ModelDataset, ModelDocument]
InSegment = tuple[ModelDataset, ModelDocument, ModelSegment]

WORDS = ["amber", "birch", "cedar", "fjord", "glade", "heron"]
CONTENT = st.lists(st.sampled_from(WORDS), min_size=1, max_size=2, unique=True).map(BETWEEN_CHILDREN.join)
LINES = st.lists(CONTENT, max_size=4)
NAME = st.sampled_from(["one", "two", "three"])
VALUE = st.sampled_from(["red", "blue"])
# Which of the datasets, documents and so on that there are, counted around.
WHICH = st.integers(0, 30)
KIND = st.sampled_from(
    [("high_quality", "text_model"), ("high_quality", "hierarchical_model"), ("economy", "text_model")]
)
MOST_DATASETS = 3
BY_PARENT = {
    "mode": "hierarchical",
    "rules": {
        "segmentation": {"separator": "\n", "max_tokens": 100},
        "parent_mode": "paragraph",
        "subchunk_segmentation": {"separator": BETWEEN_CHILDREN, "max_tokens": 50},
    },
}


class CatalogMachine(RuleBasedStateMachine):
    """The product under changes over its API, and the model under the same."""

    product: Product

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.checks = CatalogChecks(self.product, self.model)
        self.numbers = count(1)
        self.touched: ModelDataset | None = None
        for kept in self.checks.get("/datasets?limit=100")["data"]:
            self.expect(204, self.call("DELETE", f"/datasets/{kept['id']}"))
        for kept in self.checks.get("/datasets/tags"):
            self.expect(200, self.call("DELETE", "/datasets/tags", {"tag_id": kept["id"]}))
        self.product.settle()

    # Datasets

    @precondition(lambda self: len(self.model.datasets) < MOST_DATASETS)
    @rule(kind=KIND)
    def create_dataset(self, kind: tuple[str, str]) -> None:
        name = f"Dataset {next(self.numbers)}"
        made = got(self.call("POST", "/datasets", {"name": name, "indexing_technique": kind[0]}))
        self.touched = self.model.datasets[made["id"]] = ModelDataset(made["id"], name, *kind)
        refused = self.call("POST", "/datasets", {"name": name})
        assert refused.json()["code"] == "dataset_name_duplicate"

    @precondition(lambda self: self.model.datasets)
    @rule(which=WHICH, name=NAME)
    def rename_dataset(self, which: int, name: str) -> None:
        self.touched = dataset = pick(list(self.model.datasets.values()), which)
        reply = self.call("PATCH", f"/datasets/{dataset.id}", {"name": name})
        if any(other.name == name for other in self.model.datasets.values() if other is not dataset):
            assert reply.json()["message"] == "Dataset name already exists"
        else:
            assert got(reply)["name"] == name
            dataset.name = name

    @precondition(lambda self: self.model.datasets)
    @rule(which=WHICH)
    def delete_dataset(self, which: int) -> None:
        dataset = pick(list(self.model.datasets.values()), which)
        # Rarely, so that others live long enough to be changed.
        if which % 3 == 0:
            self.expect(204, self.call("DELETE", f"/datasets/{dataset.id}"))
            self.expect(404, self.call("GET", f"/datasets/{dataset.id}"))
            del self.model.datasets[dataset.id]
            self.touched = None

    # Documents

    @precondition(lambda self: self.model.datasets)
    @rule(which=WHICH, name=NAME, lines=LINES, duplicate=st.sampled_from([True, True, False]))
    def create_document(self, which: int, name: str, lines: list[str], duplicate: bool) -> None:
        self.touched = dataset = pick(list(self.model.datasets.values()), which)
        self._created(dataset, name, lines, duplicate)
        self.product.settle()

    @precondition(lambda self: self.model.datasets)
    @rule(which=WHICH, names=st.lists(NAME, min_size=2, max_size=3), lines=LINES)
    def create_documents_at_once(self, which: int, names: list[str], lines: list[str]) -> None:
        self.touched = dataset = pick(list(self.model.datasets.values()), which)
        for number, name in enumerate(names):
            self._created(dataset, name, lines[number:], duplicate=True)
        self.product.settle()

    @precondition(lambda self: self.documents())
    @rule(which=WHICH, lines=LINES, name=st.none() | NAME)
    def update_document(self, which: int, lines: list[str], name: str | None) -> None:
        dataset, document = self.touch(pick(self.documents(), which))
        body = {"text": "\n".join(lines), **({"name": name} if name else {})}
        reply = self.call("POST", f"{path_of(dataset, document)}/update-by-text", body)
        if self._refuses_updates(document, reply):
            return
        assert got(reply)["document"]["indexing_status"] == "waiting"
        again = self.call("POST", f"{path_of(dataset, document)}/update-by-text", body)
        assert again.json()["code"] == "document_indexing"
        dataset.replace_content(document, lines)
        document.name = name or document.name
        self.product.settle()

    @precondition(lambda self: self.documents())
    @rule(which=WHICH, name=NAME)
    def rename_document(self, which: int, name: str) -> None:
        dataset, document = self.touch(pick(self.documents(), which))
        reply = self.call("POST", f"{path_of(dataset, document)}/update-by-text", {"name": name})
        if not self._refuses_updates(document, reply):
            self.expect(200, reply)
            document.name = name

    @precondition(lambda self: self.documents())
    @rule(which=WHICH, is_archiving=st.booleans())
    def switch_document(self, which: int, is_archiving: bool) -> None:
        """Switch a document over: off or on, or into the archive or out of it."""
        dataset, document = self.touch(pick(self.documents(), which))
        action = "disable" if document.is_enabled else "enable"
        if is_archiving:
            action = "un_archive" if document.is_archived else "archive"
        path = f"/datasets/{dataset.id}/documents/status/{action}"
        self.expect(200, self.call("PATCH", path, {"document_ids": [document.id]}))
        if action in ("enable", "disable"):
            document.is_enabled = action == "enable"
        else:
            document.is_archived = action == "archive"

    @precondition(lambda self: self.documents())
    @rule(which=WHICH)
    def delete_document(self, which: int) -> None:
        dataset, document = self.touch(pick(self.documents(), which))
        reply = self.call("DELETE", path_of(dataset, document))
        if document.is_archived:
            assert reply.json()["code"] == "archived_document_immutable"
            return
        self.expect(204, reply)
        dataset.documents.remove(document)

    # Segments

    @precondition(lambda self: self.documents())
    @rule(which=WHICH, contents=st.lists(CONTENT, min_size=1, max_size=2))
    def add_segments(self, which: int, contents: list[str]) -> None:
        dataset, document = self.touch(pick(self.documents(), which))
        body = {"segments": [{"content": content} for content in contents]}
        reply = self.call("POST", f"{path_of(dataset, document)}/segments", body)
        if not document.is_enabled:
            self.expect(404, reply)
            return
        self.expect(200, reply)
        last = max((segment.position for segment in document.segments), default=0)
        document.segments += [
            ModelSegment(content, position, is_manual=True, children=dataset.cut(content))
            for position, content in enumerate(contents, last + 1)
        ]

    @precondition(lambda self: self.segments())
    @rule(which=WHICH, content=CONTENT, is_enabled=st.sampled_from([None, True, False]), is_cut_anew=st.booleans())
    def change_segment(self, which: int, content: str, is_enabled: bool | None, is_cut_anew: bool) -> None:
        dataset, document, segment = self.touch_segment(which)
        change: dict[str, Any] = {"content": content, "regenerate_child_chunks": is_cut_anew}
        if is_enabled is not None:
            change["enabled"] = is_enabled
        reply = self.call("POST", path_of(dataset, document, segment), {"segment": change})
        if not segment.is_enabled and is_enabled is not True:
            self.expect(400, reply)
            return
        self.expect(200, reply)
        segment.content = content
        if is_cut_anew and dataset.has_children:
            segment.children = dataset.cut(content)
        segment.is_enabled = is_enabled is not False

    @precondition(lambda self: self.segments())
    @rule(which=WHICH, is_enabled=st.booleans())
    def switch_segment(self, which: int, is_enabled: bool) -> None:
        dataset, document, segment = self.touch_segment(which)
        got(self.call("POST", path_of(dataset, document, segment), {"segment": {"enabled": is_enabled}}))
        segment.is_enabled = is_enabled

    @precondition(lambda self: self.segments())
    @rule(which=WHICH)
    def delete_segment(self, which: int) -> None:
        dataset, document, segment = self.touch_segment(which)
        path = path_of(dataset, document, segment)
        self.expect(204, self.call("DELETE", path))
        self.expect(404, self.call("DELETE", path))
        document.segments.remove(segment)

    @precondition(lambda self: self.segments())
    @rule(which=WHICH, content=CONTENT)
    def add_child(self, which: int, content: str) -> None:
        dataset, document, segment = self.touch_segment(which)
        got(self.call("POST", f"{path_of(dataset, document, segment)}/child_chunks", {"content": content}))
        segment.children.append(ModelChild(content, is_customized=True))

    @precondition(lambda self: self.children())
    @rule(which=WHICH, content=CONTENT)
    def change_child(self, which: int, content: str) -> None:
        (dataset, document, segment), child = pick(self.children(), which)
        self.touched = dataset
        path = f"{path_of(dataset, document, segment)}/child_chunks/{child.id}"
        got(self.call("PATCH", path, {"content": content}))
        child.content, child.is_customized = content, True

    @precondition(lambda self: self.children())
    @rule(which=WHICH)
    def delete_child(self, which: int) -> None:
        (dataset, document, segment), child = pick(self.children(), which)
        self.touched = dataset
        path = f"{path_of(dataset, document, segment)}/child_chunks/{child.id}"
        self.expect(204, self.call("DELETE", path))
        segment.children.remove(child)

    # Metadata

    @precondition(lambda self: self.model.datasets)
    @rule(which=WHICH, name=NAME)
    def create_field(self, which: int, name: str) -> None:
        self.touched = dataset = pick(list(self.model.datasets.values()), which)
        reply = self.call("POST", f"/datasets/{dataset.id}/metadata", {"type": "string", "name": name})
        if name in dataset.fields.values():
            self.expect(400, reply)
        else:
            self.expect(201, reply)
            dataset.fields[reply.json()["id"]] = name

    @precondition(lambda self: self.fields())
    @rule(which=WHICH, name=NAME)
    def rename_field(self, which: int, name: str) -> None:
        dataset, field = pick(self.fields(), which)
        self.touched = dataset
        reply = self.call("PATCH", f"/datasets/{dataset.id}/metadata/{field}", {"name": name})
        if name in dataset.fields.values() and dataset.fields[field] != name:
            self.expect(400, reply)
        else:
            self.expect(200, reply)
            dataset.fields[field] = name

    @precondition(lambda self: self.fields())
    @rule(which=WHICH)
    def delete_field(self, which: int) -> None:
        dataset, field = pick(self.fields(), which)
        self.touched = dataset
        self.expect(204, self.call("DELETE", f"/datasets/{dataset.id}/metadata/{field}"))
        del dataset.fields[field]
        for document in dataset.documents:
            document.values.pop(field, None)

    @precondition(lambda self: self.fields() and self.documents())
    @rule(which=WHICH, is_partial=st.booleans(), value=st.none() | VALUE)
    def set_values(self, which: int, is_partial: bool, value: str | None) -> None:
        """Write one value, or none, into a document; without `is_partial` the others go."""
        dataset, document = self.touch(pick(self.documents(), which))
        fields = [] if value is None or not dataset.fields else [pick(list(dataset.fields), which)]
        values = [{"id": field, "name": dataset.fields[field], "value": value} for field in fields]
        operation = {"document_id": document.id, "metadata_list": values, "partial_update": is_partial}
        got(self.call("POST", f"/datasets/{dataset.id}/documents/metadata", {"operation_data": [operation]}))
        kept = document.values if is_partial else {}
        document.values = {**kept, **{field: value for field in fields if value}}

    @precondition(lambda self: self.model.datasets)
    @rule(which=WHICH, action=st.sampled_from(["enable", "disable"]))
    def switch_built_in_fields(self, which: int, action: str) -> None:
        self.touched = dataset = pick(list(self.model.datasets.values()), which)
        got(self.call("POST", f"/datasets/{dataset.id}/metadata/built-in/{action}"))
        dataset.has_built_in_fields = action == "enable"

    @precondition(lambda self: self.fields())
    @rule(which=WHICH, word=st.sampled_from(WORDS), value=VALUE)
    def ask_where(self, which: int, word: str, value: str) -> None:
        dataset, field = pick(self.fields(), which)
        self.checks.check_answers_where(dataset, word, field, value)

    # Tags

    @rule(name=NAME)
    def create_tag(self, name: str) -> None:
        reply = self.call("POST", "/datasets/tags", {"name": name})
        if name in self.model.tags.values():
            self.expect(400, reply)
        else:
            self.model.tags[got(reply)["id"]] = name

    @precondition(lambda self: self.model.tags)
    @rule(which=WHICH, name=NAME)
    def rename_tag(self, which: int, name: str) -> None:
        tag = pick(list(self.model.tags), which)
        reply = self.call("PATCH", "/datasets/tags", {"tag_id": tag, "name": name})
        if name in self.model.tags.values() and self.model.tags[tag] != name:
            self.expect(400, reply)
        else:
            assert got(reply)["binding_count"] == self.model.bindings_of(tag)
            self.model.tags[tag] = name

    @precondition(lambda self: self.model.tags)
    @rule(which=WHICH)
    def delete_tag(self, which: int) -> None:
        tag = pick(list(self.model.tags), which)
        got(self.call("DELETE", "/datasets/tags", {"tag_id": tag}))
        del self.model.tags[tag]
        for dataset in self.model.datasets.values():
            dataset.tags.discard(tag)

    @precondition(lambda self: self.model.tags and self.model.datasets)
    @rule(which=WHICH, is_bound=st.sampled_from([True, True, False]))
    def bind_or_unbind(self, which: int, is_bound: bool) -> None:
        tag = pick(list(self.model.tags), which)
        self.touched = dataset = pick(list(self.model.datasets.values()), which)
        path = "/datasets/tags/binding" if is_bound else "/datasets/tags/unbinding"
        got(self.call("POST", path, {"tag_ids": [tag], "target_id": dataset.id}))
        dataset.tags = dataset.tags | {tag} if is_bound else dataset.tags - {tag}

    # What must hold

    @invariant()
    def the_product_tells_what_the_model_says(self) -> None:
        self.checks.check_lists()
        if self.touched is not None:
            self._check(self.touched)

    def teardown(self) -> None:
        """Whatever was done to one dataset, the others are as they were."""
        for dataset in self.model.datasets.values():
            self._check(dataset)

    def _check(self, dataset: ModelDataset) -> None:
        self.checks.check_dataset(dataset)
        for word in WORDS:
            self.checks.check_answers(dataset, word)

    def _created(self, dataset: ModelDataset, name: str, lines: Sequence[str], duplicate: bool) -> None:
        """Create a document by text in product and model; its work waits."""
        body = {
            "name": name,
            "text": "\n".join(lines),
            "indexing_technique": dataset.technique,
            "doc_form": dataset.doc_form,
            "process_rule": BY_PARENT if dataset.has_children else by_line(),
            "duplicate": duplicate,
        }
        made = got(self.call("POST", f"/datasets/{dataset.id}/document/create-by-text", body))["document"]
        document = dataset.replaceable(name) if duplicate else None
        if document is None:
            assert made["id"] not in [each.id for each in dataset.documents]
            document = ModelDocument(made["id"], name)
            dataset.documents.append(document)
        assert made["id"] == document.id
        dataset.replace_content(document, lines)

    def _refuses_updates(self, document: ModelDocument, reply: Response) -> bool:
        """Tell whether the document's state forbids updates; the reply then says so."""
        if document.is_archived:
            assert reply.json()["code"] == "archived_document_immutable"
        elif not document.is_enabled:
            assert reply.json()["message"] == "Document is not available"
        return not document.is_available

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Response:
        """Return the reply to a request."""
        return self.product.api.request(method, f"/v1{path}", json=body)

    def expect(self, status: int, reply: Response) -> None:
        """Check a reply's status."""
        assert reply.status_code == status, reply.text

    def touch(self, found: InDocument) -> InDocument:
        """Return what was given, and remember its dataset as changed."""
        self.touched = found[0]
        return found

    def touch_segment(self, which: int) -> InSegment:
        """Return one of the segments, and remember its dataset as changed."""
        found = pick(self.segments(), which)
        self.touched = found[0]
        return found

    def documents(self) -> list[InDocument]:
        """Return all documents with their datasets."""
        return [(dataset, document) for dataset in self.model.datasets.values() for document in dataset.documents]

    def segments(self) -> list[InSegment]:
        """Return all segments with what they are in."""
        return [(dataset, document, each) for dataset, document in self.documents() for each in document.segments]

    def children(self) -> list[tuple[InSegment, ModelChild]]:
        """Return all child chunks with what they are in."""
        return [(found, child) for found in self.segments() for child in found[2].children]

    def fields(self) -> list[tuple[ModelDataset, str]]:
        """Return the ids of all metadata fields with their datasets."""
        return [(dataset, field) for dataset in self.model.datasets.values() for field in dataset.fields]


def pick(found: Sequence[T], which: int) -> T:
    """Return one of several things that there are."""
    return found[which % len(found)]


def path_of(dataset: ModelDataset, document: ModelDocument, segment: ModelSegment | None = None) -> str:
    """Return the path of a document, or of a segment in it."""
    path = f"/datasets/{dataset.id}/documents/{document.id}"
    return f"{path}/segments/{segment.id}" if segment else path


@pytest.fixture
def product(tmp_path: Path, database: Database) -> Iterator[Product]:
    """A whole Zhiku on each of the two databases."""
    with open_product(tmp_path / "data", database) as opened:
        yield opened


@pytest.mark.slow
def test_after_any_changes_lists_counts_and_answers_are_what_the_model_says(product: Product) -> None:
    class Machine(CatalogMachine):
        pass

    Machine.product = product
    is_quick = product.rt.db.dialect == "sqlite"
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=10 if is_quick else 3,
            stateful_step_count=40,
            deadline=None,
            print_blob=True,
            # A failure's steps can be read as they are; finding fewer of them takes minutes.
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
