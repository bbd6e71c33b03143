"""What routes of knowledge pipelines take and give back (contract 9)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypedDict, cast

from pydantic import Field, model_validator

from zhiku.errors import InvalidParam
from zhiku.http.reply import Count, Id, OpenObject, one_of
from zhiku.http.schema import WireModel, parse
from zhiku.pipelines.store import PipelineUpload

MAX_ITEMS = 1000
"""How many items one run may have."""

DatasourceType = Literal["local_file", "online_document", "website_crawl", "online_drive"]
NodeId = Annotated[str, Field(min_length=1, max_length=255)]


class ListNodes(WireModel):
    """Which version of the pipeline is asked for."""

    is_published: bool = Field(default=True, description="The published version, not the draft.")


class RunDatasource(WireModel):
    """What one datasource node is run with."""

    inputs: dict[str, Any] = Field(description="The node's variables by name.")
    datasource_type: DatasourceType = Field(description="Type of the datasource.")
    credential_id: str | None = Field(default=None, description="What logs in at the datasource.")
    is_published: bool = Field(description="Run the published version, not the draft.")


class RunPipeline(WireModel):
    """What a pipeline is run with."""

    inputs: dict[str, Any] = Field(description="The pipeline's variables by name; `{}` where it has none.")
    datasource_type: DatasourceType = Field(description="Type of the datasource, which says what an item looks like.")
    datasource_info_list: list[dict[str, Any]] = Field(
        min_length=1,
        max_length=MAX_ITEMS,
        description=(
            "The items, each of which becomes a document: `reference`, `name` of a `local_file`; "
            "`workspace_id`, `page`, `credential_id` of an `online_document`; `url`, `title` of a `website_crawl`; "
            "`id`, `type`, `bucket`, `name` of an `online_drive`."
        ),
    )
    start_node_id: NodeId = Field(description="Id of the datasource node to begin at.")
    is_published: bool = Field(description="Run the published version, not the draft.")
    response_mode: Literal["streaming", "blocking"] = Field(
        description="Events as they come, or the result at the end."
    )


class LocalFile(WireModel):
    """An uploaded file."""

    reference: str = Field(min_length=1, description="Id of the upload; `related_id` is another name for it.")
    name: str = Field(default="untitled", description="Name of the document.")

    @model_validator(mode="before")
    @classmethod
    def accept_related_id(cls, raw: Any) -> Any:
        """Accept the older name of the reference."""
        if not isinstance(raw, dict):
            return raw
        given = cast("dict[str, Any]", raw)
        return {**given, "reference": given.get("related_id")} if given.get("reference") is None else given


class Page(WireModel):
    """A page of an online document."""

    page_id: str = Field(min_length=1, description="Id of the page.")
    type: str = Field(min_length=1, description="What kind of page it is, in the datasource's words.")
    page_name: str = Field(default="untitled", description="Name of the document.")


class OnlineDocument(WireModel):
    """A page at an online service."""

    workspace_id: str = Field(min_length=1, description="Id of the workspace there.")
    page: Page = Field(description="The page.")
    credential_id: str | None = Field(default=None, description="What logs in there.")


class Website(WireModel):
    """A page of the web."""

    url: str = Field(min_length=1, description="Its address.")
    title: str = Field(default="untitled", description="Name of the document.")


class DriveEntry(WireModel):
    """A file or folder of an online drive."""

    id: str = Field(min_length=1, description="Its id.")
    type: Literal["file", "folder"] = Field(description="A folder stands for all that is in it.")
    bucket: str | None = Field(default=None, description="The bucket, where the drive has some.")
    name: str = Field(default="untitled", description="Name of the document.")


Item = LocalFile | OnlineDocument | Website | DriveEntry

ITEMS: Mapping[DatasourceType, type[Item]] = {
    "local_file": LocalFile,
    "online_document": OnlineDocument,
    "website_crawl": Website,
    "online_drive": DriveEntry,
}


class PipelineUploadBody(TypedDict):
    """A file that was uploaded for a pipeline; it is removed after a day unless one has taken it."""

    id: Annotated[Id, "Id of the upload, `reference` of a `local_file` item."]
    name: Annotated[str, "Its name, as it came."]
    size: Annotated[Count, "Bytes."]
    extension: Annotated[str, "What its name ends with, in lower case, without the dot."]
    mime_type: Annotated[str | None, "Its media type."]
    created_by: Annotated[Id, "Who uploaded it."]
    created_at: Annotated[str, "When it was uploaded, in ISO 8601.", ("format", "date-time")]


class CredentialBody(TypedDict):
    """What logs in at a datasource."""

    id: Annotated[str, "Its id, `credential_id` of a run."]
    name: Annotated[str, "Shown name."]
    type: Annotated[str, "How it logs in, in the datasource's words."]
    is_default: Annotated[bool, "Whether a run that names none takes it."]


class DatasourceNodeBody(TypedDict):
    """A node of a pipeline that brings documents in."""

    node_id: Annotated[str, "Id of the node, `start_node_id` of a run."]
    plugin_id: Annotated[str, "What provides it."]
    provider_name: Annotated[str, "Name of the provider."]
    datasource_type: Annotated[
        str, one_of("local_file", "online_document", "website_crawl", "online_drive"), "Type of the datasource."
    ]
    title: Annotated[str, "Shown name."]
    user_input_variables: Annotated[list[OpenObject], "Variables that a run has to bring."]
    credentials: Annotated[list[CredentialBody], "What can log in."]


def read_items(request: RunPipeline) -> list[Item]:
    """Return the items of a run as its type wants them. Raises InvalidParam that names the item and the field."""
    model = ITEMS[request.datasource_type]
    items: list[Item] = []
    for number, raw in enumerate(request.datasource_info_list):
        try:
            items.append(parse(model, raw))
        except InvalidParam as error:
            place = f"datasource_info_list.{number}"
            raise InvalidParam(f"{place}.{error}", params=f"{place}.{error.params}") from error
    return items


def upload_body(upload: PipelineUpload) -> PipelineUploadBody:
    """Return an upload; its time is text here and nowhere else (contract D10)."""
    return {
        "id": upload.id,
        "name": upload.name,
        "size": upload.size_bytes,
        "extension": upload.extension,
        "mime_type": upload.mime_type,
        "created_by": upload.created_by,
        "created_at": datetime.fromtimestamp(int(upload.created_at), UTC).isoformat(),
    }
