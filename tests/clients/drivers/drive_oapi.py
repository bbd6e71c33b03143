"""Drives dify-oapi: requests put together by builders, each method in a kind that waits and one that is awaited.

Its newest version imports a package that is not there where its workflow part begins, and so in `dify_oapi.client`. The
knowledge service works, and is taken from its own module.
"""

import asyncio
import sys
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from dify_oapi.api.knowledge_base.service import KnowledgeBaseService
from dify_oapi.api.knowledge_base.v1.model.create_dataset_request import CreateDatasetRequest
from dify_oapi.api.knowledge_base.v1.model.create_dataset_request_body import CreateDatasetRequestBody
from dify_oapi.api.knowledge_base.v1.model.create_document_by_file_request import CreateDocumentByFileRequest
from dify_oapi.api.knowledge_base.v1.model.create_document_by_file_request_body import CreateDocumentByFileRequestBody
from dify_oapi.api.knowledge_base.v1.model.create_document_by_file_request_body_data import (
    CreateDocumentByFileRequestBodyData,
)
from dify_oapi.api.knowledge_base.v1.model.create_document_by_text_request import CreateDocumentByTextRequest
from dify_oapi.api.knowledge_base.v1.model.create_document_by_text_request_body import CreateDocumentByTextRequestBody
from dify_oapi.api.knowledge_base.v1.model.create_segment_request import CreateSegmentRequest
from dify_oapi.api.knowledge_base.v1.model.create_segment_request_body import CreateSegmentRequestBody
from dify_oapi.api.knowledge_base.v1.model.create_segment_request_body_segment import CreateSegmentRequestBodySegment
from dify_oapi.api.knowledge_base.v1.model.delete_dataset_request import DeleteDatasetRequest
from dify_oapi.api.knowledge_base.v1.model.delete_document_request import DeleteDocumentRequest
from dify_oapi.api.knowledge_base.v1.model.delete_segment_request import DeleteSegmentRequest
from dify_oapi.api.knowledge_base.v1.model.document_request_pre_processing_rule import DocumentRequestPreProcessingRule
from dify_oapi.api.knowledge_base.v1.model.document_request_process_rule import DocumentRequestProcessRule
from dify_oapi.api.knowledge_base.v1.model.document_request_rules import DocumentRequestRules
from dify_oapi.api.knowledge_base.v1.model.document_request_segmentation import DocumentRequestSegmentation
from dify_oapi.api.knowledge_base.v1.model.hit_test_request import HitTestRequest
from dify_oapi.api.knowledge_base.v1.model.hit_test_request_body import HitTestRequestBody
from dify_oapi.api.knowledge_base.v1.model.hit_test_request_body_retrieval_model import HitTestRequestBodyRetrievalModel
from dify_oapi.api.knowledge_base.v1.model.index_status_request import IndexStatusRequest
from dify_oapi.api.knowledge_base.v1.model.list_dataset_request import ListDatasetRequest
from dify_oapi.api.knowledge_base.v1.model.list_document_request import ListDocumentRequest
from dify_oapi.api.knowledge_base.v1.model.list_segment_request import ListSegmentRequest
from dify_oapi.api.knowledge_base.v1.model.update_document_by_file_request import UpdateDocumentByFileRequest
from dify_oapi.api.knowledge_base.v1.model.update_document_by_file_request_body import UpdateDocumentByFileRequestBody
from dify_oapi.api.knowledge_base.v1.model.update_document_by_file_request_body_data import (
    UpdateDocumentByFileRequestBodyData,
)
from dify_oapi.api.knowledge_base.v1.model.update_document_by_text_request import UpdateDocumentByTextRequest
from dify_oapi.api.knowledge_base.v1.model.update_document_by_text_request_body import UpdateDocumentByTextRequestBody
from dify_oapi.api.knowledge_base.v1.model.update_segment_request import UpdateSegmentRequest
from dify_oapi.api.knowledge_base.v1.model.update_segment_request_body import UpdateSegmentRequestBody
from dify_oapi.api.knowledge_base.v1.model.update_segment_request_body_segment import UpdateSegmentRequestBodySegment
from dify_oapi.core.model.config import Config
from dify_oapi.core.model.request_option import RequestOption
from recording import CHINESE, TEXT, Awaited, Report, moments

NAME = "规则.txt"


def build(kind: Any, **parts: Any) -> Any:
    """Return what the builder of a class makes when it is given the parts."""
    builder = kind.builder()
    for name, part in parts.items():
        getattr(builder, name)(part)
    return builder.build()


@dataclass
class Clients:
    """The three parts of the client, and what every call is given."""

    dataset: Awaited
    document: Awaited
    segment: Awaited
    option: RequestOption

    async def send(self, method: Any, kind: Any, **parts: Any) -> Any:
        """Return the reply to a request, which must be a success."""
        reply = await method(build(kind, **parts), self.option)
        assert reply.success, (reply.code, reply.msg, reply.raw)
        return reply


def process_rule() -> DocumentRequestProcessRule:
    """Return the rule that cuts at empty lines."""
    spaces = build(DocumentRequestPreProcessingRule, id="remove_extra_spaces", enabled=True)
    segmentation = build(DocumentRequestSegmentation, separator="\n\n", max_tokens=100)
    rules = build(DocumentRequestRules, pre_processing_rules=[spaces], segmentation=segmentation)
    return build(DocumentRequestProcessRule, mode="custom", rules=rules)


async def drive_dataset(clients: Clients, name: str) -> str:
    """Return the id of a new dataset."""
    body = build(
        CreateDatasetRequestBody, name=name, description="Rules", permission="only_me", provider="vendor",
        indexing_technique="high_quality",
    )  # fmt: skip
    made = await clients.send(clients.dataset.create, CreateDatasetRequest, request_body=body)
    assert (made.name, made.indexing_technique, made.document_count) == (name, "high_quality", 0)
    page = await clients.send(clients.dataset.list, ListDatasetRequest, page=1, limit=100)
    assert (made.id in [listed.id for listed in page.data], page.total) == (True, len(page.data))
    return made.id


async def indexed(clients: Clients, dataset_id: str, created: Any) -> str:
    """Return the document's id when the batch of a reply is done."""
    for _ in moments():
        reply = await clients.send(
            clients.document.indexing_status, IndexStatusRequest, dataset=dataset_id, batch=created.batch
        )
        assert reply.data[0].indexing_status != "error", reply
        if reply.data[0].indexing_status == "completed":
            return created.document.id
    raise AssertionError


async def drive_texts(clients: Clients, dataset_id: str) -> str:
    """Return the id of a document that holds the text."""
    technique = "high_quality"
    body = build(
        CreateDocumentByTextRequestBody, name="Rules", text="To be replaced.", indexing_technique=technique,
        process_rule=process_rule(),
    )  # fmt: skip
    created = await clients.send(
        clients.document.create_by_text, CreateDocumentByTextRequest, dataset_id=dataset_id, request_body=body
    )
    document_id = await indexed(clients, dataset_id, created)
    body = build(UpdateDocumentByTextRequestBody, name="House rules", text=TEXT, process_rule=process_rule())
    updated = await clients.send(
        clients.document.update_by_text, UpdateDocumentByTextRequest, dataset_id=dataset_id, document_id=document_id,
        request_body=body,
    )  # fmt: skip
    assert (updated.document.name, await indexed(clients, dataset_id, updated)) == ("House rules", document_id)
    return document_id


async def drive_files(clients: Clients, dataset_id: str, document_id: str) -> None:
    """Create a document from a file, replace and find it, delete it."""
    data = build(CreateDocumentByFileRequestBodyData, indexing_technique="high_quality", process_rule=process_rule())
    body = build(CreateDocumentByFileRequestBody, data=data)
    request = CreateDocumentByFileRequest.builder().dataset_id(dataset_id).request_body(body)
    request = request.file(BytesIO(CHINESE.encode()), NAME).build()
    created = await clients.document.create_by_file(request, clients.option)
    assert created.document.name == NAME
    file_id = await indexed(clients, dataset_id, created)
    data = build(UpdateDocumentByFileRequestBodyData, name="规则二", process_rule=process_rule())
    body = build(UpdateDocumentByFileRequestBody, data=data)
    update = UpdateDocumentByFileRequest.builder().dataset_id(dataset_id).document_id(file_id).request_body(body)
    update = update.file(BytesIO("办公室六点关门。".encode()), NAME).build()
    updated = await clients.document.update_by_file(update, clients.option)
    assert await indexed(clients, dataset_id, updated) == file_id
    found = await clients.send(
        clients.document.list, ListDocumentRequest, dataset_id=dataset_id, keyword="规则", page=1, limit=10
    )
    assert ([listed.id for listed in found.data], found.total) == ([file_id], 1)
    place = {"dataset_id": dataset_id, "document_id": file_id}
    await clients.send(clients.document.delete, DeleteDocumentRequest, **place)
    again = await clients.document.delete(build(DeleteDocumentRequest, **place), clients.option)
    assert (again.code, again.msg, again.raw.status_code) == ("not_found", "Document Not Exists.", 404)
    left = await clients.send(clients.document.list, ListDocumentRequest, dataset_id=dataset_id)
    assert [listed.id for listed in left.data] == [document_id]


async def drive_retrieval(clients: Clients, dataset_id: str, document_id: str) -> None:
    for model in (
        build(HitTestRequestBodyRetrievalModel, set_search_method="hybrid_search", weights=0.6, top_k=2),
        build(
            HitTestRequestBodyRetrievalModel, set_search_method="semantic_search", reranking_enable=False,
            reranking_provider_name="cohere", reranking_model_name="rerank-3", top_k=3, score_threshold_enabled=True,
            score_threshold=0.1,
        ),
    ):  # fmt: skip
        body = build(HitTestRequestBody, query="passwords expire", retrieval_model=model)
        found = await clients.send(clients.dataset.hit_test, HitTestRequest, dataset_id=dataset_id, request_body=body)
        assert found.query.content == "passwords expire"
        assert found.records[0].segment.content == "Passwords expire after ninety days."
        assert (found.records[0].segment.document.id, 0 < found.records[0].score <= 1) == (document_id, True)


async def drive_segments(clients: Clients, dataset_id: str, document_id: str) -> None:
    place = {"dataset_id": dataset_id, "document_id": document_id}
    visitors = build(CreateSegmentRequestBodySegment, content="Visitors sign in.", answer="", keywords=["guests"])
    body = build(CreateSegmentRequestBody, segments=[visitors])
    added = await clients.send(clients.segment.create, CreateSegmentRequest, **place, request_body=body)
    segment_id = added.data[0].id
    assert added.data[0].keywords == ["guests"]
    found = await clients.send(clients.segment.list, ListSegmentRequest, **place, keyword="sign", status="completed")
    assert [listed.id for listed in found.data] == [segment_id]
    guests = build(UpdateSegmentRequestBodySegment, content="Guests sign out.", keywords=["leaving"], enabled=False)
    body = build(UpdateSegmentRequestBody, segment=guests)
    changed = await clients.send(
        clients.segment.update, UpdateSegmentRequest, **place, segment_id=segment_id, request_body=body
    )
    assert (changed.data.content, changed.data.enabled) == ("Guests sign out.", False)
    await clients.send(clients.segment.delete, DeleteSegmentRequest, **place, segment_id=segment_id)
    left = await clients.send(clients.segment.list, ListSegmentRequest, **place)
    assert [listed.content for listed in left.data] == TEXT.split("\n\n")


async def drive(url: str, key: str) -> None:
    """Call every method of both kinds, then report."""
    report = Report()
    config = Config()
    config.domain = url
    parts = KnowledgeBaseService(config).v1
    watched = [report.watch(part) for part in (parts.dataset, parts.document, parts.segment)]
    option = RequestOption.builder().api_key(key).build()
    for prefix in ("", "a"):
        clients = Clients(*(Awaited(part, prefix) for part in watched), option)
        dataset_id = await drive_dataset(clients, f"From {prefix}oapi")
        document_id = await drive_texts(clients, dataset_id)
        await drive_files(clients, dataset_id, document_id)
        await drive_retrieval(clients, dataset_id, document_id)
        await drive_segments(clients, dataset_id, document_id)
        await clients.send(clients.dataset.delete, DeleteDatasetRequest, dataset_id=dataset_id)
        gone = await clients.document.list(build(ListDocumentRequest, dataset_id=dataset_id), option)
        assert (gone.code, gone.raw.status_code) == ("not_found", 404)
    report.write()


if __name__ == "__main__":
    asyncio.run(drive(sys.argv[1], sys.argv[2]))
