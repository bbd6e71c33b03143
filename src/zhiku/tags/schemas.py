"""What tag routes take and give back (contract 7)."""

from typing import Annotated, TypedDict

from pydantic import AfterValidator, Field

from zhiku.http.reply import Count, Id
from zhiku.http.schema import WireModel, example
from zhiku.tags.store import Tag

NAME_CHARS = 50
MAX_TAGS = 1000
"""How many tags one call may bind or unbind."""


def _not_blank(name: str) -> str:
    if not name.strip():
        raise ValueError("must not be blank")
    return name


TagName = Annotated[str, Field(min_length=1, max_length=NAME_CHARS), AfterValidator(_not_blank)]


class CreateTag(WireModel):
    """A new tag."""

    model_config = example(name="House rules")

    name: TagName = Field(description="Name, unique in the workspace; upper and lower case differ.")


class ListTags(WireModel):
    """Which tags to list."""

    keyword: str | None = Field(default=None, description="Part of the name, case-insensitive.")


class RenameTag(WireModel):
    """Another name for a tag."""

    tag_id: str = Field(description="Id of the tag.")
    name: TagName = Field(description="New name, unique in the workspace.")


class DeleteTag(WireModel):
    """Which tag to delete; in the body or in the query string."""

    tag_id: str | None = Field(default=None, description="Id of the tag.")


class BindTags(WireModel):
    """Tags to put on a dataset, or to take off it."""

    tag_ids: list[str] = Field(default_factory=list, max_length=MAX_TAGS, description="Ids of the tags, at least one.")
    tag_id: str | None = Field(default=None, description="One more tag: the older spelling.")
    target_id: str = Field(description="Id of the dataset.")

    def wanted(self) -> list[str]:
        """Return the ids of both spellings, each once."""
        both = [*self.tag_ids, self.tag_id or ""]
        return list(dict.fromkeys(tag_id.lower() for tag_id in both if tag_id))


class TagNameBody(TypedDict):
    """A tag of a dataset."""

    id: Annotated[Id, "Id of the tag."]
    name: Annotated[str, "Name, unique in the workspace."]


class _TagBody(TagNameBody):
    type: Annotated[str, "Always `knowledge`.", ("const", "knowledge")]


class TagBody(_TagBody):
    """A tag and how many datasets it is on."""

    binding_count: Annotated[Count, "How many datasets it is on."]


class ListedTagBody(_TagBody):
    """A tag, as the list of all shows it."""

    binding_count: Annotated[str, "How many datasets it is on, as text.", ("pattern", "^[0-9]+$")]


class DatasetTagsBody(TypedDict):
    """The tags of a dataset."""

    data: Annotated[list[TagNameBody], "The tags."]
    total: Annotated[Count, "How many they are."]


def tag_body(tag: Tag) -> TagBody:
    """Return a tag as create and rename show it: its count is a number."""
    return {"id": tag.id, "name": tag.name, "type": "knowledge", "binding_count": tag.binding_count}


def listed_tag_body(tag: Tag) -> ListedTagBody:
    """Return a tag as the list shows it: its count is a string (contract D90)."""
    return {"id": tag.id, "name": tag.name, "type": "knowledge", "binding_count": str(tag.binding_count)}
