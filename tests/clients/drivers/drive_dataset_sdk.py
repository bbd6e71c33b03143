"""Drives dify-dataset-sdk: its six clients, with typed requests and replies."""

import sys
from pathlib import Path
from typing import Any

from dify_dataset_sdk import DifyDatasetClient
from dify_dataset_sdk import DifyNotFoundError as NotFound
from dify_dataset_sdk.datasets.models import MetadataCondition, MetadataFilteringConditions, RetrievalModel
from dify_dataset_sdk.documents.models import ProcessRule, SubchunkSegmentation
from recording import BY_PARAGRAPH, CHINESE, TEXT, Report, moments, refused

RULES = {**BY_PARAGRAPH["rules"], "pre_processing_rules": [{"id": "remove_extra_spaces", "enabled": True}]}


class Clients:
    """The client's parts, each watched."""

    def __init__(self, client: DifyDatasetClient, report: Report) -> None:
        self.datasets = report.watch(client.datasets)
        self.documents = report.watch(client.documents)
        self.segments = report.watch(client.segments)
        self.tags = report.watch(client.tags)
        self.metadata = report.watch(client.metadata)
        self.models = report.watch(client.models)


def searching(method: str, **more: Any) -> RetrievalModel:
    """Return a retrieval model with everything that this client requires."""
    return RetrievalModel(search_method=method, reranking_enable=False, top_k=3, score_threshold_enabled=False, **more)


def drive_datasets(clients: Clients) -> str:
    """Return the id of a new dataset."""
    made = clients.datasets.create(
        "From the dataset SDK", description="Rules", indexing_technique="high_quality", permission="all_team_members",
        retrieval_model=searching("hybrid_search"),
    )  # fmt: skip
    assert (made.name, made.permission, made.document_count) == ("From the dataset SDK", "all_team_members", 0)
    changed = clients.datasets.update(made.id, description="Rules of the house", permission="only_me")
    assert (changed.id, changed.description) == (made.id, "Rules of the house")
    assert clients.datasets.get(made.id).permission == "only_me"
    page = clients.datasets.list(keyword="dataset SDK", page=1, limit=10, include_all=True)
    assert ([listed["id"] for listed in page.data], page.total, page.has_more) == ([made.id], 1, False)
    with refused(NotFound, 404):
        clients.datasets.get("00000000-0000-4000-8000-000000000000")
    return made.id


def indexed(clients: Clients, dataset_id: str, created: Any) -> str:
    """Return the document's id when the batch of a reply is done."""
    for _ in moments():
        status = clients.documents.get_indexing_status(dataset_id, created.batch).data[0]
        assert status.indexing_status != "error", status
        if status.indexing_status == "completed":
            assert status.completed_segments == status.total_segments > 0
            return created.document.id
    raise AssertionError


def drive_documents(clients: Clients, dataset_id: str, folder: Path) -> str:
    """Return the id of a document that holds the text."""
    by_paragraph = ProcessRule(mode="custom", rules=RULES)
    created = clients.documents.create_by_text(dataset_id, "Rules", "To be replaced.", process_rule=by_paragraph)
    document_id = indexed(clients, dataset_id, created)
    updated = clients.documents.update_by_text(dataset_id, document_id, name="House rules", text=TEXT)
    assert indexed(clients, dataset_id, updated) == document_id

    path = folder / "规则 2.txt"
    path.write_text(CHINESE, encoding="utf-8")
    created = clients.documents.create_by_file(dataset_id, path, process_rule=by_paragraph, doc_form="text_model")
    assert created.document.name == path.name
    file_id = indexed(clients, dataset_id, created)
    assert clients.documents.get_upload_file(dataset_id, file_id)["name"] == path.name
    path.write_text("办公室六点关门。", encoding="utf-8")
    updated = clients.documents.update_by_file(dataset_id, file_id, path, name="Closing time")
    assert indexed(clients, dataset_id, updated) == file_id
    page = clients.documents.list(dataset_id, keyword="closing")
    assert ([listed["id"] for listed in page.data], page.total) == ([file_id], 1)

    document = clients.documents.get(dataset_id, document_id)
    assert (document.name, document.indexing_status) == ("House rules", "completed")
    for action in ("disable", "enable", "archive", "un_archive"):
        assert clients.documents.batch_update_status(dataset_id, action, [document_id])["result"] == "success"
    clients.documents.delete(dataset_id, file_id)
    with refused(NotFound, 404):
        clients.documents.get(dataset_id, file_id)
    assert clients.datasets.get(dataset_id).document_count == 1
    return document_id


def drive_segments(clients: Clients, dataset_id: str, document_id: str) -> None:
    added = clients.segments.create(
        dataset_id, document_id, [{"content": "Visitors sign in.", "keywords": ["guests"]}, {"content": "Dogs wait."}]
    )
    first, second = added.data
    assert (first.keywords, added.doc_form) == (["guests"], "text_model")
    listed = clients.segments.list(dataset_id, document_id, keyword="visitors", status="completed")
    assert [segment.id for segment in listed.data] == [first.id]
    assert len(clients.segments.list(dataset_id, document_id, page=2, limit=3).data) == 2
    changed = clients.segments.update(
        dataset_id, document_id, first.id, {"content": "Guests sign out.", "keywords": ["leaving"], "enabled": True}
    )
    assert changed["data"]["keywords"] == ["leaving"]
    assert clients.segments.get(dataset_id, document_id, first.id)["data"]["content"] == "Guests sign out."
    clients.segments.delete(dataset_id, document_id, second.id)
    with refused(NotFound, 404):
        clients.segments.get(dataset_id, document_id, second.id)
    clients.segments.delete(dataset_id, document_id, first.id)
    assert len(clients.segments.list(dataset_id, document_id).data) == 3


def drive_children(clients: Clients, folder: Path) -> None:
    """Parents and children in a dataset of their own."""
    rules = {**RULES, "parent_mode": "paragraph", "subchunk_segmentation": SubchunkSegmentation(
        separator=". ", max_tokens=50
    )}  # fmt: skip
    dataset_id = clients.datasets.create("Parents and children", indexing_technique="high_quality").id
    created = clients.documents.create_by_text(
        dataset_id, "Rules", TEXT, doc_form="hierarchical_model",
        process_rule=ProcessRule(mode="hierarchical", rules=rules),
    )  # fmt: skip
    document_id = indexed(clients, dataset_id, created)
    parent = clients.segments.list(dataset_id, document_id).data[0]
    place = (dataset_id, document_id, parent.id)
    made = clients.segments.create_child_chunk(*place, "Copies lie in the cellar.")["data"]
    found = clients.segments.list_child_chunks(*place, keyword="cellar")
    assert [child.id for child in found.data] == [made["id"]]
    clients.segments.update_child_chunk(*place, made["id"], "Copies lie in the attic.")
    record = clients.datasets.retrieve(dataset_id, "attic", searching("semantic_search")).records[0]
    assert record.segment.id == parent.id
    assert "Copies lie in the attic." in [child.content for child in record.child_chunks or []]
    clients.segments.delete_child_chunk(*place, made["id"])
    assert made["id"] not in [child.id for child in clients.segments.list_child_chunks(*place).data]
    clients.datasets.delete(dataset_id)


def drive_metadata(clients: Clients, dataset_id: str, document_id: str) -> None:
    field = clients.metadata.create(dataset_id, "string", "team")
    renamed = clients.metadata.update(dataset_id, field.id, "owner")
    assert (renamed.id, renamed.type, renamed.name) == (field.id, "string", "owner")
    value = {"id": field.id, "name": "owner", "value": "security"}
    clients.metadata.update_document_metadata(dataset_id, [{"document_id": document_id, "metadata_list": [value]}])
    clients.metadata.toggle_built_in(dataset_id, "enable")
    listed = clients.metadata.list(dataset_id)
    assert listed.built_in_field_enabled
    assert "owner" in [item.name for item in listed.doc_metadata]
    for team, count in (("security", 3), ("kitchen", 0)):
        condition = MetadataCondition(name="owner", comparison_operator="is", value=team)
        where = MetadataFilteringConditions(logical_operator="and", conditions=[condition])
        model = searching("hybrid_search", metadata_filtering_conditions=where)
        assert len(clients.datasets.retrieve(dataset_id, "passwords backups office", model).records) == count
    clients.metadata.toggle_built_in(dataset_id, "disable")
    clients.metadata.delete(dataset_id, field.id)
    left = clients.metadata.list(dataset_id)
    assert (left.built_in_field_enabled, left.doc_metadata) == (False, [])


def drive_tags(clients: Clients, dataset_id: str) -> None:
    tag = clients.tags.create(f"Old {dataset_id}")
    assert clients.tags.update(tag.id, dataset_id).name == dataset_id
    clients.tags.bind_to_dataset(dataset_id, [tag.id])
    assert [bound.id for bound in clients.tags.get_dataset_tags(dataset_id)] == [tag.id]
    assert clients.tags.get_dataset_tags(dataset_id, return_detail=True).total == 1
    listed = {known.id: known for known in clients.tags.list()}
    assert (listed[tag.id].name, listed[tag.id].binding_count) == (dataset_id, 1)
    assert [found["id"] for found in clients.datasets.list(tag_ids=[tag.id]).data] == [dataset_id]
    clients.tags.unbind_from_dataset(dataset_id, tag.id)
    assert clients.tags.get_dataset_tags(dataset_id) == []
    clients.tags.delete(tag.id)
    assert tag.id not in [known.id for known in clients.tags.list()]


def main(url: str, key: str, folder: Path) -> None:
    """Call every method, then report."""
    report = Report()
    with DifyDatasetClient(key, url) as client:
        clients = Clients(client, report)
        dataset_id = drive_datasets(clients)
        document_id = drive_documents(clients, dataset_id, folder)
        for method in ("semantic_search", "full_text_search", "hybrid_search", "keyword_search"):
            found = clients.datasets.retrieve(dataset_id, "passwords expire", searching(method))
            assert found.query.content == "passwords expire"
            assert found.records[0].segment.content == "Passwords expire after ninety days."
            assert found.records[0].segment.document.id == document_id
        drive_segments(clients, dataset_id, document_id)
        drive_children(clients, folder)
        drive_metadata(clients, dataset_id, document_id)
        drive_tags(clients, dataset_id)
        models = [
            model["model"] for provider in clients.models.list_embedding_models().data for model in provider["models"]
        ]
        assert "words" in models
        clients.datasets.delete(dataset_id)
    report.write()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
