"""Drives dify-python-sdk: its knowledge base client and its workspace client, each in both kinds."""

import asyncio
import sys
import warnings
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from dify_client import AsyncKnowledgeBaseClient, AsyncWorkspaceClient, KnowledgeBaseClient, WorkspaceClient
from dify_client.exceptions import APIError
from recording import BY_PARAGRAPH, CHINESE, TEXT, Awaited, Report, moments

NOBODY = "00000000-0000-4000-8000-000000000000"


async def drive(knowledge: type, workspace: type, report: Report, url: str, key: str, folder: Path) -> None:
    """Call every method that a pair of classes has."""
    watched = report.watch(knowledge(key, url))
    client = Awaited(watched)
    name = f"From {knowledge.__name__}"
    dataset = (await client.create_dataset(name)).json()
    assert dataset["name"] == name
    watched.client.dataset_id = dataset["id"]
    await drive_dataset(client, dataset["id"], name)
    document_id = await drive_documents(client, folder, is_async=knowledge is AsyncKnowledgeBaseClient)
    await drive_retrieval(client)
    await drive_segments(client, document_id)
    await drive_metadata(client, document_id)
    await drive_tags(client, url, key, dataset["id"])
    await drive_pipeline(client, folder, is_async=knowledge is AsyncKnowledgeBaseClient)
    await drive_what_no_server_has(client, dataset["id"])
    await drive_workspace(Awaited(report.watch(workspace(key, url))))
    assert (await client.delete_document(document_id)).status_code == 204
    assert (await client.delete_dataset()).status_code == 204
    await refuse(client.get_dataset(), 404, "Dataset not found.")


async def drive_dataset(client: Awaited, dataset_id: str, name: str) -> None:
    changed = await client.update_dataset(
        description="Rules of the house", retrieval_model={"search_method": "hybrid_search", "top_k": 4}
    )
    assert changed.json()["retrieval_model_dict"]["top_k"] == 4
    assert (await client.get_dataset()).json()["description"] == "Rules of the house"
    assert (await client.get_dataset(dataset_id)).json()["name"] == name
    page = (await client.list_datasets(page=1, page_size=100)).json()
    assert dataset_id in [listed["id"] for listed in page["data"]]
    assert page["total"] == len(page["data"])


async def indexed(client: Awaited, created: Any) -> str:
    """Return the document's id when the batch of a reply is done."""
    reply = created.json()
    for _ in moments():
        status = (await client.batch_indexing_status(reply["batch"])).json()["data"][0]
        assert status["indexing_status"] != "error", status
        if status["indexing_status"] == "completed":
            return reply["document"]["id"]
    raise AssertionError


async def drive_documents(client: Awaited, folder: Path, *, is_async: bool) -> str:
    """Return the id of a document that holds the text."""
    document_id = await indexed(client, await client.create_document_by_text("Rules", "To be replaced."))
    again = await client.update_document_by_text(
        document_id, "House rules", TEXT, extra_params={"process_rule": BY_PARAGRAPH}
    )
    assert await indexed(client, again) == document_id

    path = folder / "规则.txt"
    path.write_text(CHINESE, encoding="utf-8")
    if is_async:
        with ends_in_the_client():
            await client.create_document_by_file(str(path))
        with ends_in_the_client():
            await client.update_document_by_file(document_id, str(path))
    else:
        file_id = await indexed(client, await client.create_document_by_file(str(path)))
        path.write_text("办公室六点关门。", encoding="utf-8")
        assert await indexed(client, await client.update_document_by_file(file_id, str(path))) == file_id
        found = (await client.list_documents(page=1, page_size=10, keyword="规则")).json()
        assert [document["id"] for document in found["data"]] == [file_id]
        replaced = await client.create_document_by_file(str(path), original_document_id=file_id)
        assert await indexed(client, replaced) == file_id
        await client.delete_document(file_id)

    listed = (await client.list_documents()).json()
    assert [(document["id"], document["name"]) for document in listed["data"]] == [(document_id, "House rules")]
    for action in ("disable", "enable", "archive", "un_archive"):
        assert (await client.batch_update_document_status(action, [document_id])).json() == {"result": "success"}
    return document_id


async def refuse(call: Awaitable[Any], status: int, says: str = "") -> None:
    """Expect a refusal: one kind raises what the server said, the other returns the reply as it is."""
    try:
        reply = (await call).json()
    except APIError as error:
        reply = error.response
    assert (reply["status"], bool(reply["code"])) == (status, True), reply
    assert says in reply["message"], reply


@contextmanager
def ends_in_the_client() -> Iterator[None]:
    """Expect the client's own mistake: it hands httpx a file of aiofiles, which it cannot read; none is sent."""
    warnings.simplefilter("ignore", RuntimeWarning)
    try:
        yield
    except TypeError as error:
        assert "coroutine" in str(error), error
        return
    raise AssertionError("the client can send files now: drive it like the other one")


async def drive_retrieval(client: Awaited) -> None:
    for retrieval_model in (None, {"top_k": 2}, {"search_method": "full_text_search", "reranking_mode": ""}):
        found = (await client.hit_testing("when do passwords expire", retrieval_model)).json()
        assert found["query"] == {"content": "when do passwords expire"}
        assert found["records"][0]["segment"]["content"] == "Passwords expire after ninety days."
    assert (await client.hit_testing("backups", None, {"top_k": 1})).json()["records"]


async def drive_segments(client: Awaited, document_id: str) -> None:
    added = await client.add_segments(document_id, [{"content": "Visitors sign in.", "keyword": ["guests"]}])
    segment = added.json()["data"][0]
    assert segment["keywords"] == ["guests"]
    found = (await client.query_segments(document_id, keyword="visitors", status="completed")).json()
    assert [item["id"] for item in found["data"]] == [segment["id"]]
    page = (await client.query_segments(document_id, params={"page": 2, "limit": 3})).json()
    assert [item["id"] for item in page["data"]] == [segment["id"]]
    assert (page["total"], page["has_more"]) == (4, False)
    changed = await client.update_document_segment(
        document_id, segment["id"], {"content": "Guests sign out.", "keyword": ["leaving"], "enabled": True}
    )
    assert (changed.json()["data"]["content"], changed.json()["data"]["keywords"]) == ("Guests sign out.", ["leaving"])
    assert (await client.hit_testing("guests sign out")).json()["records"][0]["segment"]["id"] == segment["id"]
    assert (await client.delete_document_segment(document_id, segment["id"])).status_code == 204
    assert len((await client.query_segments(document_id)).json()["data"]) == 3
    await refuse(client.delete_document_segment(document_id, segment["id"]), 404, "Segment not found.")


async def drive_metadata(client: Awaited, document_id: str) -> None:
    field = (await client.create_dataset_metadata({"type": "string", "name": "team"})).json()
    renamed = await client.update_dataset_metadata(field["id"], {"name": "owner"})
    assert (renamed.json()["id"], renamed.json()["name"]) == (field["id"], "owner")
    value = {"id": field["id"], "name": "owner", "value": "security"}
    written = await client.update_documents_metadata([{"document_id": document_id, "metadata_list": [value]}])
    assert written.json() == {"result": "success"}
    assert len((await client.get_built_in_metadata()).json()["fields"]) == 5
    for action, is_on in (("enable", True), ("disable", False)):
        assert (await client.manage_built_in_metadata(action)).json() == {"result": "success"}
        listed = (await client.get_dataset_metadata()).json()
        assert listed["built_in_field_enabled"] is is_on
    owner = next(item for item in listed["doc_metadata"] if item["id"] == field["id"])
    assert (owner["name"], owner["count"]) == ("owner", 1)


async def drive_tags(client: Awaited, url: str, key: str, name: str) -> None:
    # No method of this client makes a tag.
    made = httpx.post(f"{url}/datasets/tags", json={"name": name}, headers={"Authorization": f"Bearer {key}"}).json()
    assert (await client.bind_dataset_tags([made["id"]])).status_code == 200
    bound = (await client.get_dataset_tags()).json()
    assert (bound["data"], bound["total"]) == ([{"id": made["id"], "name": name}], 1)
    listed = {tag["id"]: tag for tag in (await client.list_dataset_tags()).json()}
    assert int(listed[made["id"]]["binding_count"]) == 1
    assert (await client.unbind_dataset_tag(made["id"])).status_code == 200
    assert (await client.get_dataset_tags()).json()["total"] == 0


async def drive_pipeline(client: Awaited, folder: Path, *, is_async: bool) -> None:
    """The dataset has no pipeline, so that its routes refuse."""
    await refuse(client.get_datasource_plugins(), 400)
    await refuse(client.run_datasource_node("node", {"url": "https://example.com"}, "website_crawl"), 400)
    await refuse(client.run_rag_pipeline({}, "local_file", [{"related_id": NOBODY}], "node"), 400)
    path = folder / "for a pipeline.txt"
    path.write_text(TEXT, encoding="utf-8")
    if is_async:
        with ends_in_the_client():
            await client.upload_pipeline_file(str(path))
    else:
        uploaded = await client.upload_pipeline_file(str(path))
        assert (uploaded.status_code, uploaded.json()["name"]) == (201, path.name)


async def drive_what_no_server_has(client: Awaited, dataset_id: str) -> None:
    """Methods for routes that are on no server, and two of chat apps: the plain refusal, which the client can read."""
    await refuse(client.create_dataset_from_template("faq", "From a template"), 404)
    await refuse(client.duplicate_dataset(dataset_id, "Twin"), 404)
    await refuse(client.list_conversation_variables_with_pagination(NOBODY, "somebody"), 404)
    await refuse(client.update_conversation_variable_with_response(NOBODY, NOBODY, "somebody", 1), 404)


async def drive_workspace(client: Awaited) -> None:
    for method in (client.get_available_models, client.get_available_models_by_type):
        providers = (await method("text-embedding")).json()["data"]
        assert "words" in [model["model"] for provider in providers for model in provider["models"]]
    await refuse(client.get_model_providers(), 404)
    await refuse(client.get_model_provider_models("openai"), 404)
    await refuse(client.validate_model_provider_credentials("openai", {"key": "none"}), 404)
    await refuse(client.get_file_info(NOBODY), 404)
    await refuse(client.get_file_download_url(NOBODY), 404)
    await refuse(client.delete_file(NOBODY), 404)


async def main(url: str, key: str, folder: Path) -> None:
    """Drive both kinds one after the other, then report."""
    report = Report()
    await drive(KnowledgeBaseClient, WorkspaceClient, report, url, key, folder)
    await drive(AsyncKnowledgeBaseClient, AsyncWorkspaceClient, report, url, key, folder)
    report.write()


if __name__ == "__main__":
    asyncio.run(main(f"{sys.argv[1]}/v1", sys.argv[2], Path(sys.argv[3])))
