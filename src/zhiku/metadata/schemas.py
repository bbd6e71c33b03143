"""What metadata routes take and give back (contract 6)."""

from typing import Annotated, Any, Literal, TypedDict, cast

from pydantic import AfterValidator, Field, StrictFloat, StrictInt, StrictStr, model_validator

from zhiku.datasets.built_in_fields import BUILT_IN_TYPES
from zhiku.documents.replies import FieldType
from zhiku.http.reply import Count, Id
from zhiku.http.schema import WireModel, example
from zhiku.metadata import store

NAME_CHARS = 255
MAX_DOCUMENTS = 10_000
MAX_VALUES = 1000
"""How many operations one call may have, and how many values each of them."""


def _not_blank(name: str) -> str:
    if not name.strip():
        raise ValueError("must not be blank")
    return name


FieldName = Annotated[str, AfterValidator(_not_blank)]


class CreateField(WireModel):
    """A new metadata field."""

    model_config = example(type="string", name="author")

    type: Literal["string", "number", "time"] = Field(description="What its values are read as by filters.")
    name: FieldName = Field(description="Name of 1 to 255 characters, unique in the dataset.")

    @model_validator(mode="before")
    @classmethod
    def unwrap_segment(cls, raw: Any) -> Any:
        """Accept the body that an older page shows: everything inside `segment`."""
        if not isinstance(raw, dict) or "name" in raw or "type" in raw:
            return cast(object, raw)
        given = cast("dict[str, Any]", raw)
        return given.get("segment", given)


class RenameField(WireModel):
    """Another name for a metadata field."""

    name: FieldName = Field(description="New name of 1 to 255 characters, unique in the dataset.")


class DocumentValue(WireModel):
    """A value of one field; the field is named by its id, or by its name where the id is not known."""

    id: str | None = Field(default=None, description="Id of the field.")
    name: str | None = Field(default=None, description="Name of the field.")
    value: StrictStr | StrictInt | StrictFloat | None = Field(
        default=None, description="Stored with the type sent; null stays bound to the document."
    )


class DocumentOperation(WireModel):
    """What one document's metadata is to become."""

    document_id: str = Field(description="Id of the document.")
    metadata_list: list[DocumentValue] = Field(max_length=MAX_VALUES, description="The values.")
    partial_update: bool = Field(default=False, description="True: values that are not listed stay.")


class UpdateDocuments(WireModel):
    """New metadata values of documents, applied in order."""

    operation_data: list[DocumentOperation] = Field(max_length=MAX_DOCUMENTS, description="One entry per document.")


class MetadataFieldBody(TypedDict):
    """A metadata field of a dataset."""

    id: Annotated[Id, "Id of the field."]
    name: Annotated[str, "Name, unique in the dataset."]
    type: Annotated[FieldType, "What its values are read as by filters."]


class CountedFieldBody(MetadataFieldBody):
    """A metadata field and how many documents have a value in it."""

    count: Annotated[Count, "How many documents have a value in it."]
    use_count: Annotated[Count, "The same, as another name for it."]


class FieldListBody(TypedDict):
    """A dataset's own metadata fields."""

    doc_metadata: Annotated[list[CountedFieldBody], "The fields, oldest first."]
    built_in_field_enabled: Annotated[bool, "Whether the built-in fields are shown."]


class BuiltInFieldBody(TypedDict):
    """A metadata field that every document has."""

    name: Annotated[str, "Its name."]
    type: Annotated[FieldType, "What its values are read as by filters."]


class BuiltInFieldListBody(TypedDict):
    """The metadata fields that every document has."""

    fields: Annotated[list[BuiltInFieldBody], "The fields, always in the same order."]


def field_body(field: store.Field) -> MetadataFieldBody:
    """Return a metadata field."""
    return {"id": field.id, "name": field.name, "type": field.type}


def field_list_body(fields: list[tuple[store.Field, int]], *, is_built_in_enabled: bool) -> FieldListBody:
    """Return the list of a dataset's own fields; its counters are one number in two spellings (contract D80)."""
    shown: list[CountedFieldBody] = [
        {**field_body(field), "count": count, "use_count": count} for field, count in fields
    ]
    return {"doc_metadata": shown, "built_in_field_enabled": is_built_in_enabled}


def built_in_list_body() -> BuiltInFieldListBody:
    """Return the list of built-in fields."""
    return {"fields": [{"name": name, "type": field_type} for name, field_type in BUILT_IN_TYPES.items()]}
