"""What dataset routes take (contract 3.2); what they give back is in replies.py."""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from pydantic import AfterValidator, Field

from zhiku.datasets.retrieval_model import RetrievalModel
from zhiku.http.schema import NULL_CLEARS, WireModel


def _not_blank(name: str) -> str:
    if not name.strip():
        raise ValueError("must not be blank")
    return name


DatasetName = Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_not_blank)]
IndexingTechnique = Literal["high_quality", "economy"]
Permission = Literal["only_me", "all_team_members", "partial_members"]


class SummaryIndexSetting(WireModel):
    """Whether and how segments get summaries."""

    enable: bool | None = Field(default=None, description="Whether new documents get summaries.")
    model_name: str | None = Field(default=None, description="Name of the chat model that writes them.")
    model_provider_name: str | None = Field(default=None, description="Its provider.")
    summary_prompt: str | None = Field(default=None, description="What the model is told to do.")


class IconInfo(WireModel):
    """How the dataset is pictured in a console."""

    icon_type: str | None = Field(default=None, max_length=255, description="`emoji` or `image`.")
    icon: str | None = Field(default=None, max_length=255, description="The emoji, or the id of the image.")
    icon_background: str | None = Field(default=None, max_length=255, description="A colour behind an emoji.")
    icon_url: str | None = Field(default=None, max_length=2048, description="Where the image is.")


class ExternalRetrievalModel(WireModel):
    """How an external dataset is asked."""

    top_k: int | None = Field(default=None, ge=1, le=200, description="How many records at most.")
    score_threshold: float | None = Field(default=None, description="The least score of a record.")
    score_threshold_enabled: bool | None = Field(default=None, description="Whether the threshold counts.")


class Member(WireModel):
    """A member of the workspace, as an object."""

    user_id: str = Field(description="Id of the member.")


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
    external_knowledge_api_id: str | None = Field(
        default=None, description="Connection of an external dataset; needed there."
    )
    external_knowledge_id: str | None = Field(
        default=None, max_length=1000, description="Id at the external source, needed by an external dataset."
    )
    summary_index_setting: SummaryIndexSetting | None = Field(default=None, description="Summaries of segments.")
    partial_member_list: list[str | Member] | None = Field(
        default=None, description="Members who may see the dataset, if its permission is `partial_members`."
    )


class UpdateDataset(WireModel):
    """What to change of a dataset; what is absent or null stays."""

    name: DatasetName | None = Field(default=None, description="Shown name, unique in the workspace.")
    description: Annotated[Annotated[str, Field(max_length=400)] | None, NULL_CLEARS] = Field(
        default=None, description="What the dataset is about; null empties it."
    )
    indexing_technique: IndexingTechnique | None = Field(
        default=None,
        description="`high_quality` embeds; `economy` keeps keywords only. A change is made in the background.",
    )
    permission: Permission | None = Field(default=None, description="Who may see the dataset.")
    embedding_model: str | None = Field(
        default=None, max_length=255, description="Name of the embedding model. A change is made in the background."
    )
    embedding_model_provider: str | None = Field(default=None, max_length=255, description="Its provider.")
    retrieval_model: RetrievalModel | None = Field(
        default=None, description="How the dataset is searched; replaces the stored one wholly."
    )
    partial_member_list: list[str | Member] | None = Field(
        default=None,
        description="Replaces the members who may see the dataset, if its permission is `partial_members`.",
    )
    external_retrieval_model: ExternalRetrievalModel | None = Field(
        default=None, description="How an external dataset is asked; ignored by others."
    )
    external_knowledge_id: str | None = Field(
        default=None,
        max_length=1000,
        description="Id at the external source; ignored by datasets that are not external.",
    )
    external_knowledge_api_id: str | None = Field(
        default=None, description="Connection of an external dataset; ignored by others."
    )
    summary_index_setting: SummaryIndexSetting | None = Field(
        default=None, description="Summaries of the segments of later documents; replaces the stored setting wholly."
    )
    icon_info: IconInfo | None = Field(default=None, description="Replaces the stored icon wholly.")
    enable_api: bool | None = Field(
        default=None, description="Whether the dataset may be used over the API. `true` is heard also while it may not."
    )


class ListDatasets(WireModel):
    """Which datasets to list."""

    keyword: str | None = Field(default=None, description="Part of the name, case-insensitive.")
    tag_ids: list[str] = Field(default_factory=list, description="Tags that must all be bound.")
    include_all: bool = Field(default=False, description="Lift the permission filter, for the owner.")


def encode_members(members: Sequence[str | Member] | None) -> str:
    """Return the ids of members, objects or bare ids, as the JSON list that a dataset keeps."""
    ids = [member.user_id if isinstance(member, Member) else member for member in members or []]
    return msgspec.json.encode(list(dict.fromkeys(ids))).decode()
