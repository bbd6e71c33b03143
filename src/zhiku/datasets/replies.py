"""What dataset routes give back (contract 3.1)."""

from typing import Annotated, Any, NotRequired, TypedDict, cast

import msgspec

from zhiku.datasets.binding_store import BoundSource
from zhiku.datasets.bindings import asked_how
from zhiku.datasets.built_in_fields import BUILT_IN_ID, BUILT_IN_TYPES
from zhiku.datasets.retrieval_model import RetrievalModel, stored_retrieval_model
from zhiku.datasets.store import DatasetRow
from zhiku.http.reply import Count, Id, PageBody, Seconds, one_of

# Who may see a dataset, as it is stored.
PERMISSION = one_of("only_me", "all_team_members", "partial_members")
TECHNIQUE = one_of("high_quality", "economy")


class RerankingNamesBody(TypedDict):
    """Names of a rerank model; empty strings mean none."""

    reranking_provider_name: Annotated[str, "Its provider."]
    reranking_model_name: Annotated[str, "Its name."]


class VectorWeightBody(TypedDict):
    """The semantic side of a weighted score."""

    vector_weight: Annotated[float | None, "Its weight; null if Zhiku chooses."]
    embedding_provider_name: Annotated[str, "As it was sent."]
    embedding_model_name: Annotated[str, "As it was sent."]


class KeywordWeightBody(TypedDict):
    """The lexical side of a weighted score."""

    keyword_weight: Annotated[float | None, "Its weight; null if Zhiku chooses."]


class BranchWeightsBody(TypedDict):
    """How a hybrid search weighs its two branches."""

    weight_type: Annotated[
        Annotated[str, one_of("semantic_first", "keyword_first", "customized")] | None, "Where the weights come from."
    ]
    vector_setting: Annotated[VectorWeightBody | None, "The semantic side."]
    keyword_setting: Annotated[KeywordWeightBody | None, "The lexical side."]


class StoredRetrievalModelBody(TypedDict):
    """How a dataset is searched, with all defaults filled in."""

    search_method: Annotated[
        str,
        one_of("keyword_search", "full_text_search", "semantic_search", "hybrid_search"),
        "How segments are found; an economy dataset has keywords only.",
    ]
    reranking_enable: Annotated[bool, "Whether a rerank model orders what was found."]
    reranking_mode: Annotated[
        Annotated[str, one_of("reranking_model", "weighted_score")] | None,
        "What orders the records of a hybrid search.",
    ]
    reranking_model: Annotated[RerankingNamesBody, "The rerank model."]
    weights: Annotated[BranchWeightsBody | None, "The weights of a hybrid search; null if Zhiku chooses."]
    top_k: Annotated[int, "How many records at most.", ("minimum", 1)]
    score_threshold_enabled: Annotated[bool, "Whether the threshold counts."]
    score_threshold: Annotated[float | None, "The least score of a record."]


class StoredSummarySettingBody(TypedDict):
    """Whether and how segments get summaries."""

    enable: Annotated[bool | None, "Whether new documents get summaries."]
    model_name: Annotated[str | None, "Name of the chat model that writes them."]
    model_provider_name: Annotated[str | None, "Its provider."]
    summary_prompt: Annotated[str | None, "What the model is told to do."]


class DatasetTagBody(TypedDict):
    """A tag on a dataset."""

    id: Annotated[Id, "Id of the tag."]
    name: Annotated[str, "Its name."]
    type: Annotated[str, one_of("knowledge"), "Always `knowledge`."]


class ExternalKnowledgeBody(TypedDict):
    """What an external dataset is bound to."""

    external_knowledge_id: Annotated[str, "Id at the external source."]
    external_knowledge_api_id: Annotated[str, "Id of the connection."]
    external_knowledge_api_name: Annotated[str, "Name of the connection."]
    external_knowledge_api_endpoint: Annotated[str, "Where the source is."]


class ExternalRetrievalBody(TypedDict):
    """How an external dataset is asked."""

    top_k: Annotated[int, "How many records at most.", ("minimum", 1)]
    score_threshold: Annotated[float, "The least score of a record."]
    score_threshold_enabled: Annotated[bool, "Whether the threshold counts."]


class DatasetFieldBody(TypedDict):
    """A metadata field that the dataset's documents may have."""

    id: Annotated[str, "Id of the field, `built-in` for a built-in one."]
    name: Annotated[str, "Its name, unique in the dataset."]
    type: Annotated[str, one_of("string", "number", "time"), "What its values are."]


class DatasetIconBody(TypedDict):
    """How the dataset is pictured in a console."""

    icon_type: Annotated[str | None, "`emoji` or `image`."]
    icon: Annotated[str | None, "The emoji, or the id of the image."]
    icon_background: Annotated[str | None, "A colour behind an emoji."]
    icon_url: Annotated[str | None, "Where the image is."]


class DatasetBody(TypedDict):
    """A dataset with its settings and counts."""

    id: Annotated[Id, "Id of the dataset."]
    name: Annotated[str, "Shown name, unique in the workspace."]
    description: Annotated[str, "What the dataset is about."]
    provider: Annotated[str, one_of("vendor", "external"), "Who answers questions."]
    permission: Annotated[str, PERMISSION, "Who may see the dataset."]
    data_source_type: Annotated[str | None, "Where its documents come from; null until the first."]
    indexing_technique: Annotated[Annotated[str, TECHNIQUE] | None, "What it is, or is being, indexed for."]
    app_count: Annotated[Count, "Retrieval apps that ask it."]
    document_count: Annotated[Count, "Documents in any state."]
    word_count: Annotated[Count, "Characters of all documents."]
    created_by: Annotated[Id, "Who created it."]
    author_name: Annotated[str, "Name of the creator."]
    created_at: Annotated[Seconds, "When it was created."]
    updated_by: Annotated[Id, "Who changed its settings last."]
    updated_at: Annotated[Seconds, "When its settings were changed last."]
    embedding_model: Annotated[str | None, "Name of the embedding model, as it was sent."]
    embedding_model_provider: Annotated[str | None, "Its provider, as it was sent."]
    embedding_available: Annotated[bool, "Whether the model is served now; true where none is needed."]
    retrieval_model_dict: Annotated[StoredRetrievalModelBody, "How it is searched."]
    summary_index_setting: Annotated[StoredSummarySettingBody | None, "Summaries of segments."]
    tags: Annotated[list[DatasetTagBody], "Its tags."]
    doc_form: Annotated[
        Annotated[str, one_of("text_model", "hierarchical_model", "qa_model")] | None,
        "How its documents become segments; null until the first.",
    ]
    external_knowledge_info: Annotated[ExternalKnowledgeBody | None, "Null unless it is external."]
    external_retrieval_model: Annotated[ExternalRetrievalBody | None, "Null unless it is external."]
    doc_metadata: Annotated[list[DatasetFieldBody], "Its metadata fields, the built-in ones last if they are enabled."]
    built_in_field_enabled: Annotated[bool, "Whether the built-in metadata fields are shown."]
    pipeline_id: Annotated[Id | None, "Id of its pipeline."]
    runtime_mode: Annotated[str, one_of("general", "rag_pipeline"), "How documents come in."]
    chunk_structure: Annotated[str | None, "How a pipeline cuts; null without one."]
    icon_info: Annotated[DatasetIconBody | None, "How it is pictured."]
    is_published: Annotated[bool, "Whether its pipeline is published."]
    total_documents: Annotated[Count, "Documents in any state."]
    total_available_documents: Annotated[Count, "Documents that may answer."]
    enable_api: Annotated[bool, "Whether it may be used over the API."]
    is_multimodal: Annotated[bool, "Whether pictures are embedded."]
    maintainer: Annotated[str | None, "Name of who looks after it."]
    partial_member_list: NotRequired[
        Annotated[list[str], "Members who may see it; in an update's reply always, else with `partial_members` only."]
    ]


class DatasetPageBody(PageBody):
    """A page of datasets."""

    data: Annotated[list[DatasetBody], "Datasets, newest first."]


def dataset_body(row: DatasetRow, *, is_embedding_available: bool, has_members: bool = False) -> DatasetBody:
    """Return the whole Dataset object of the contract; `has_members` shows the member list whatever the permission."""
    dataset = row.shown
    body: DatasetBody = {
        "id": dataset.id,
        "name": dataset.name,
        "description": dataset.description,
        "provider": dataset.provider,
        "permission": dataset.permission,
        "data_source_type": dataset.data_source_type,
        "indexing_technique": dataset.indexing_technique,
        "app_count": row.app_count,
        "document_count": row.document_count,
        "word_count": row.word_count,
        "created_by": dataset.created_by,
        "author_name": dataset.author_name,
        "created_at": int(dataset.created_at),
        "updated_by": dataset.updated_by,
        "updated_at": int(dataset.updated_at),
        "embedding_model": dataset.embedding_model,
        "embedding_model_provider": dataset.embedding_model_provider,
        "embedding_available": is_embedding_available,
        "retrieval_model_dict": retrieval_model_body(
            stored_retrieval_model(dataset.retrieval_model_json, dataset.indexing_technique),
            is_economy=dataset.indexing_technique == "economy",
        ),
        "summary_index_setting": _decoded(dataset.summary_index_setting_json),
        "tags": [{"id": tag.id, "name": tag.name, "type": "knowledge"} for tag in row.tags],
        "doc_form": dataset.doc_form,
        "external_knowledge_info": _external_info(row.source) if row.source else None,
        "external_retrieval_model": _external_model(row.source) if row.source else None,
        "doc_metadata": _field_definitions(row),
        "built_in_field_enabled": dataset.is_built_in_field_enabled,
        "pipeline_id": None,
        "runtime_mode": "general",
        "chunk_structure": None,
        "icon_info": _decoded(dataset.icon_info_json),
        "is_published": False,
        "total_documents": row.document_count,
        "total_available_documents": row.available_document_count,
        "enable_api": dataset.is_api_enabled,
        "is_multimodal": False,
        "maintainer": dataset.author_name,
    }
    if has_members or dataset.permission == "partial_members":
        body["partial_member_list"] = msgspec.json.decode(dataset.partial_members_json)
    return body


def retrieval_model_body(model: RetrievalModel, *, is_economy: bool = False) -> StoredRetrievalModelBody:
    """Return a retrieval model as replies show it, without its metadata conditions; economy finds keywords only."""
    shown = model.model_dump(exclude={"metadata_filtering_conditions"})
    if is_economy:
        shown["search_method"] = "keyword_search"
    return cast("StoredRetrievalModelBody", shown)


def _external_info(source: BoundSource) -> ExternalKnowledgeBody:
    return {
        "external_knowledge_id": source.binding.external_knowledge_id,
        "external_knowledge_api_id": source.binding.connection_id,
        "external_knowledge_api_name": source.connection_name,
        "external_knowledge_api_endpoint": source.endpoint,
    }


def _external_model(source: BoundSource) -> ExternalRetrievalBody:
    how = asked_how(source)
    return {
        "top_k": how.top_k,
        "score_threshold": how.score_threshold,
        "score_threshold_enabled": how.score_threshold_enabled,
    }


def _field_definitions(row: DatasetRow) -> list[DatasetFieldBody]:
    """Return the dataset's own fields, oldest first, then the built-in ones if they are enabled."""
    defined: list[DatasetFieldBody] = [{"id": field.id, "name": field.name, "type": field.type} for field in row.fields]
    if not row.dataset.is_built_in_field_enabled:
        return defined
    return defined + [{"id": BUILT_IN_ID, "name": name, "type": kind} for name, kind in BUILT_IN_TYPES.items()]


def _decoded(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)
