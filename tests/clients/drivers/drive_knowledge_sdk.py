"""Drives dify-knowledge-sdk: one client with typed replies."""

import sys
from pathlib import Path
from typing import Any

from dify_knowledge_sdk import DifyDatasetClient
from dify_knowledge_sdk.exceptions import DifyAPIError, DifyNotFoundError
from pydantic import ValidationError
from recording import BY_PARAGRAPH, CHINESE, TEXT, Report, Watched, moments, refused

CONFIG = {"rules": {**BY_PARAGRAPH["rules"], "pre_processing_rules": [{"id": "remove_urls_emails", "enabled": False}]}}


def drive_datasets(client: Watched) -> str:
    """Return the id of a new dataset."""
    made = client.create_dataset("From the knowledge SDK", permission="all_team_members", description="Rules")
    assert (made.name, made.permission, made.word_count) == ("From the knowledge SDK", "all_team_members", 0)
    page = client.list_datasets(page=1, limit=100)
    assert made.id in [listed["id"] for listed in page.data]
    return made.id


def indexed(client: Watched, dataset_id: str, created: Any) -> str:
    """Return the document's id when the batch of a reply is done."""
    for _ in moments():
        status = client.get_document_indexing_status(dataset_id, created.batch).data[0]
        assert status.indexing_status != "error", status
        if status.indexing_status == "completed":
            assert status.completed_segments == status.total_segments > 0
            return created.document.id
    raise AssertionError


def drive_documents(client: Watched, dataset_id: str, folder: Path) -> str:
    """Return the id of a document that holds the text."""
    created = client.create_document_by_text(
        dataset_id, "Rules", "To be replaced.", process_rule_mode="custom", process_rule_config=CONFIG
    )
    document_id = indexed(client, dataset_id, created)
    updated = client.update_document_by_text(dataset_id, document_id, "House rules", TEXT)
    assert indexed(client, dataset_id, updated) == document_id

    path = folder / "规则 3.txt"
    path.write_text(CHINESE, encoding="utf-8")
    created = client.create_document_by_file(dataset_id, path, name="规则")
    file_id = indexed(client, dataset_id, created)
    updated = client.update_document_by_file(
        dataset_id, file_id, path, name="规则二", process_rule_mode="custom", process_rule_config=CONFIG
    )
    assert indexed(client, dataset_id, updated) == file_id
    page = client.list_documents(dataset_id, page=1, limit=10)
    assert {listed["id"]: listed["name"] for listed in page.data} == {document_id: "House rules", file_id: "规则二"}
    assert (page.total, page.has_more) == (2, False)
    assert len(client.list_segments(dataset_id, file_id).data) == 2
    assert client.delete_document(dataset_id, file_id).result == "success"
    with refused(DifyNotFoundError, 404):
        client.list_segments(dataset_id, file_id)
    return document_id


def drive_segments(client: Watched, dataset_id: str, document_id: str) -> None:
    added = client.create_segments(dataset_id, document_id, [{"content": "Visitors sign in.", "keywords": ["guests"]}])
    segment = added.data[0]
    assert (segment.content, segment.keywords, segment.position) == ("Visitors sign in.", ["guests"], 4)
    # It reads one segment as a list of them, as Dify never sent it; what it asked for is done nevertheless.
    try:
        client.update_segment(dataset_id, document_id, segment.id, {"content": "Guests sign out.", "enabled": True})
    except ValidationError as error:
        assert [found["loc"] for found in error.errors()] == [("data",)], error
    else:
        raise AssertionError("the client can read the reply now: check what it reads")
    contents = [item.content for item in client.list_segments(dataset_id, document_id).data]
    assert contents == [*TEXT.split("\n\n"), "Guests sign out."]
    assert client.delete_segment(dataset_id, document_id, segment.id).result == "success"
    assert len(client.list_segments(dataset_id, document_id).data) == 3


def drive_metadata(client: Watched, dataset_id: str, document_id: str) -> None:
    field = client.create_metadata_field(dataset_id, "number", "floor")
    renamed = client.update_metadata_field(dataset_id, field.id, "storey")
    assert (renamed.id, renamed.type, renamed.name) == (field.id, "number", "storey")
    value = {"id": field.id, "name": "storey", "value": "7"}
    client.update_document_metadata(dataset_id, [{"document_id": document_id, "metadata_list": [value]}])
    listed = client.list_metadata_fields(dataset_id)
    assert ([item.name for item in listed.doc_metadata], listed.built_in_field_enabled) == (["storey"], False)
    # It sends DELETE where every server has POST.
    with refused(DifyAPIError, 405):
        client.toggle_built_in_metadata_field(dataset_id, "enable")
    assert not client.list_metadata_fields(dataset_id).built_in_field_enabled
    client.delete_metadata_field(dataset_id, field.id)
    assert client.list_metadata_fields(dataset_id).doc_metadata == []


def main(url: str, key: str, folder: Path) -> None:
    """Call every method, then report."""
    report = Report()
    with DifyDatasetClient(key, url) as opened:
        client = report.watch(opened)
        dataset_id = drive_datasets(client)
        document_id = drive_documents(client, dataset_id, folder)
        drive_segments(client, dataset_id, document_id)
        drive_metadata(client, dataset_id, document_id)
        client.delete_dataset(dataset_id)
        with refused(DifyNotFoundError, 404):
            client.list_documents(dataset_id)
    report.write()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
