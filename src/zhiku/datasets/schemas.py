"""What dataset routes take and give back (contract 3.1, 3.2)."""

from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, Field

from zhiku.datasets.built_in_fields import BUILT_IN_ID, BUILT_IN_TYPES
from zhiku.datasets.retrieval_model import RetrievalModel, stored_retrieval_model
from zhiku.datasets.store import Dataset, DatasetRow
from zhiku.http.schema import WireModel

DEFAULT_EXTERNAL_RETRIEVAL = {"top_k": 2, "score_threshold": 0.0, "score_threshold_enabled": False}


def _not_blank(name: str) -> str:
    if not name.strip():
        raise ValueError("must not be blank")
    return name


DatasetName = Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_not_blank)]
IndexingTechnique = Literal["high_quality", "economy"]
Permission = Literal["only_me", "all_team_members", "partial_members"]


class SummaryIndexSetting(WireModel):
    """Whether and how segments get summaries."""

    enable: bool | None = None
    model_name: str | None = None
    model_provider_name: str | None = None
    summary_prompt: str | None = None


class CreateDataset(WireModel):
    """A new, empty dataset."""

    name: DatasetName = Field(description="Shown name, unique in the workspace.")
    description: str = Field(default="", max_length=400, description="What the dataset is about.")
    indexing_technique: IndexingTechnique | None = Field(
        default=None, description="`high_quality` embeds; `economy` keeps keywords only."
    )
    permission: Permission = Field(default="only_me", description="Who may see the dataset.")
    provider: Literal["vendor", "external"] = Field(default="vendor", description="Who answers queries.")
    embedding_model: str | None = Field(default=None, max_length=255, description="Name of the embedding model.")
    embedding_model_provider: str | None = Field(default=None, max_length=255, description="Its provider.")
    retrieval_model: RetrievalModel | None = Field(default=None, description="How the dataset is searched.")
    external_knowledge_api_id: str | None = Field(default=None, description="Connection of an external dataset.")
    external_knowledge_id: str | None = Field(default=None, description="Id at the external source.")
    summary_index_setting: SummaryIndexSetting | None = Field(default=None, description="Summaries of segments.")
    partial_member_list: list[Any] | None = Field(default=None, description="Members who may see the dataset.")


class ListDatasets(WireModel):
    """Which datasets to list."""

    keyword: str | None = Field(default=None, description="Part of the name, case-insensitive.")
    tag_ids: list[str] = Field(default_factory=list, description="Tags that must all be bound.")
    include_all: bool = Field(default=False, description="Lift the permission filter, for the owner.")


def dataset_body(row: DatasetRow, *, is_embedding_available: bool) -> dict[str, Any]:
    """Return the whole Dataset object of the contract."""
    dataset = row.dataset
    retrieval = stored_retrieval_model(dataset.retrieval_model_json, dataset.indexing_technique)
    shown = retrieval.model_dump(exclude={"metadata_filtering_conditions"})
    if dataset.indexing_technique == "economy":
        shown["search_method"] = "keyword_search"
    return {
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
        "retrieval_model_dict": shown,
        "summary_index_setting": _decoded(dataset.summary_index_setting_json),
        "tags": [{"id": tag.id, "name": tag.name, "type": "knowledge"} for tag in row.tags],
        "doc_form": dataset.doc_form,
        "external_knowledge_info": None,
        "external_retrieval_model": None,
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
        **_members(dataset),
    }


def _field_definitions(row: DatasetRow) -> list[dict[str, str]]:
    """Return the dataset's own fields, oldest first, then the built-in ones if they are enabled."""
    defined = [{"id": field.id, "name": field.name, "type": field.type} for field in row.fields]
    if not row.dataset.is_built_in_field_enabled:
        return defined
    return defined + [{"id": BUILT_IN_ID, "name": name, "type": kind} for name, kind in BUILT_IN_TYPES.items()]


def _members(dataset: Dataset) -> dict[str, list[str]]:
    if dataset.permission != "partial_members":
        return {}
    return {"partial_member_list": msgspec.json.decode(dataset.partial_members_json)}


def _decoded(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)
