"""How a dataset is searched: the `retrieval_model` of requests, storage and replies (contract D21, D29, D30, 3.1)."""

from collections.abc import Callable
from typing import Any, Literal, cast

import msgspec
from pydantic import Field, JsonValue, field_validator, model_validator
from pydantic.config import JsonDict

from zhiku.datasets.metadata_conditions import MetadataConditions, stored_conditions
from zhiku.http.schema import WireModel

SearchMethod = Literal["keyword_search", "full_text_search", "semantic_search", "hybrid_search"]


def _also(*shapes: JsonValue) -> Callable[[JsonDict], None]:
    """Return what adds to a field's schema the older shapes that are read too."""

    def add(schema: JsonDict) -> None:
        known = cast("list[JsonValue]", schema["anyOf"])
        known.extend(shapes)

    return add


class RerankingModel(WireModel):
    """Names of a rerank model; empty strings mean none."""

    reranking_provider_name: str = Field(default="", description="Its provider.")
    reranking_model_name: str = Field(default="", description="Its name.")


class VectorSetting(WireModel):
    """The semantic side of a weighted score."""

    vector_weight: float | None = Field(default=None, ge=0, description="Its weight; null if Zhiku chooses.")
    embedding_provider_name: str = Field(default="", description="Kept as sent; the dataset's own model is used.")
    embedding_model_name: str = Field(default="", description="Kept as sent; the dataset's own model is used.")


class KeywordSetting(WireModel):
    """The lexical side of a weighted score."""

    keyword_weight: float | None = Field(default=None, ge=0, description="Its weight; null if Zhiku chooses.")


class Weights(WireModel):
    """How a hybrid search weighs its two branches."""

    weight_type: Literal["semantic_first", "keyword_first", "customized"] | None = Field(
        default=None, description="Which preset the weights are, or `customized`."
    )
    vector_setting: VectorSetting | None = Field(default=None, description="The semantic side.")
    keyword_setting: KeywordSetting | None = Field(default=None, description="The lexical side.")


class RetrievalModel(WireModel):
    """A retrieval model with its defaults filled in; requests may leave out anything."""

    search_method: SearchMethod = Field(default="semantic_search", description="What is searched.")
    reranking_enable: bool = Field(default=False, description="Whether the hits are reordered.")
    reranking_mode: Literal["reranking_model", "weighted_score"] | None = Field(
        default=None,
        description="By what; an object here is read as the `reranking_model`.",
        json_schema_extra=_also({"type": "object"}, {"const": ""}),
    )
    reranking_model: RerankingModel = Field(default_factory=RerankingModel, description="The model that reorders.")
    weights: Weights | None = Field(
        default=None,
        description="Weights of a hybrid search; a bare number w means semantic w and lexical 1 - w.",
        json_schema_extra=_also({"type": "number", "minimum": 0, "maximum": 1}),
    )
    top_k: int = Field(default=3, ge=1, le=200, description="The most records to answer with.")
    score_threshold_enabled: bool = Field(default=False, description="Whether records with a lower score are left out.")
    score_threshold: float | None = Field(default=None, description="The lowest score of a record, 0 to 1.")
    metadata_filtering_conditions: MetadataConditions | None = Field(
        default=None, description="Which documents may answer."
    )

    @model_validator(mode="before")
    @classmethod
    def accept_older_shapes(cls, raw: Any) -> Any:
        """Accept what older pages document: a model in `reranking_mode`, an empty mode, a number as weights."""
        if not isinstance(raw, dict):
            return raw
        shaped = dict(cast("dict[str, Any]", raw))
        mode = shaped.get("reranking_mode")
        if isinstance(mode, dict):
            shaped.update(reranking_mode=None, reranking_model=mode)
        elif mode == "":
            shaped["reranking_mode"] = None
        return shaped

    @field_validator("weights", mode="before")
    @classmethod
    def number_as_weights(cls, raw: Any) -> Any:
        """Read a bare number w as semantic w, keyword 1 - w."""
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            return raw
        if not 0 <= raw <= 1:
            raise ValueError("a number must be between 0 and 1")
        return {
            "weight_type": "customized",
            "vector_setting": {"vector_weight": raw},
            "keyword_setting": {"keyword_weight": 1 - raw},
        }


def default_retrieval_model(indexing_technique: str | None) -> RetrievalModel:
    """Return the retrieval model of a dataset that was given none (contract 4.9)."""
    return RetrievalModel(search_method="keyword_search" if indexing_technique == "economy" else "semantic_search")


def stored_retrieval_model(text: str | None, indexing_technique: str | None) -> RetrievalModel:
    """Return the retrieval model kept in a dataset's row, or the default."""
    if text is None:
        return default_retrieval_model(indexing_technique)
    return RetrievalModel.model_construct(**_with_parts(msgspec.json.decode(text)))


def _with_parts(raw: dict[str, Any]) -> dict[str, Any]:
    """Rebuild the nested models of what was validated when it was stored."""
    weights = raw["weights"]
    return {
        **raw,
        "reranking_model": RerankingModel.model_construct(**raw["reranking_model"]),
        "weights": Weights.model_validate(weights) if weights is not None else None,
        "metadata_filtering_conditions": stored_conditions(raw.get("metadata_filtering_conditions")),
    }
