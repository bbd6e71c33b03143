"""What the routes of connections to external sources take and give back (contract 10.2)."""

from typing import Annotated, Literal, TypedDict

from pydantic import AfterValidator, Field

from zhiku.external.connections import ConnectionChange, ConnectionView
from zhiku.http.reply import Id, PageBody, Seconds
from zhiku.http.schema import WireModel, example
from zhiku.outbound.call import UrlRefused, read_target

HIDDEN_KEY = "[__HIDDEN__]"
"""Stands for the key in replies; sent back, it leaves the key as it is, as Dify's console expects."""

KEY_CHARS = 1000
URL_CHARS = 2000


def _not_blank(name: str) -> str:
    if not name.strip():
        raise ValueError("must not be blank")
    return name


def _can_be_sent(key: str) -> str:
    if not key.isascii() or not key.isprintable() or key != key.strip() or not key:
        raise ValueError("holds characters that cannot be sent in a header")
    return key


def _endpoint(url: str) -> str:
    try:
        read_target(url)
    except UrlRefused as error:
        raise ValueError(str(error)) from error
    return url.rstrip("/")


Name = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_not_blank)]
Description = Annotated[str, Field(max_length=400)]
Endpoint = Annotated[str, Field(max_length=URL_CHARS), AfterValidator(_endpoint)]
Key = Annotated[str, Field(max_length=KEY_CHARS), AfterValidator(_can_be_sent)]


class ConnectionSettings(WireModel):
    """Where a source is and what opens it."""

    endpoint: Endpoint = Field(description="Base URL of the source; questions go to `/retrieval` below it.")
    api_key: Key = Field(description="Sent as a bearer key. It is kept encrypted and never shown again.")


class ChangedSettings(WireModel):
    """What to change of where a source is."""

    endpoint: Endpoint | None = Field(default=None, description="Base URL; on another host it needs the key again.")
    api_key: Key | None = Field(default=None, description="Another key.")


class CreateConnection(WireModel):
    """A new connection."""

    model_config = example(
        name="Handbook of the other department",
        settings={"endpoint": "https://knowledge.example.com", "api_key": "key-of-that-server"},
    )

    name: Name = Field(description="Shown name.")
    description: Description = Field(default="", description="What can be found there.")
    settings: ConnectionSettings = Field(description="Where the source is.")

    def change(self) -> ConnectionChange:
        """Return what the connection shall be."""
        return ConnectionChange(self.name, self.description, self.settings.endpoint, self.settings.api_key)


class UpdateConnection(WireModel):
    """What to change of a connection; what is absent stays."""

    name: Name | None = Field(default=None, description="Shown name.")
    description: Description | None = Field(default=None, description="What can be found there.")
    settings: ChangedSettings | None = Field(default=None, description="Where the source is.")

    def change(self) -> ConnectionChange:
        """Return what shall change; the key that replies show stands for the one that is kept."""
        settings = self.settings or ChangedSettings()
        key = None if settings.api_key == HIDDEN_KEY else settings.api_key
        return ConnectionChange(self.name, self.description, settings.endpoint, key)


class ListConnections(WireModel):
    """Which connections to list."""

    keyword: str | None = Field(default=None, description="Part of the name, case-insensitive.")


class ConnectionSettingsBody(TypedDict):
    """Where a source is."""

    endpoint: Annotated[str, "Base URL of the source."]
    api_key: Annotated[Literal["[__HIDDEN__]"], "Always the same: the key is never shown."]


class BoundDatasetBody(TypedDict):
    """A dataset that asks the source."""

    id: Annotated[Id, "Id of the dataset."]
    name: Annotated[str, "Its name."]


class ExternalConnectionBody(TypedDict):
    """A connection to an external source."""

    id: Annotated[Id, "Id of the connection, `external_knowledge_api_id` of datasets."]
    name: Annotated[str, "Shown name."]
    description: Annotated[str, "What can be found there."]
    settings: Annotated[ConnectionSettingsBody, "Where the source is."]
    dataset_bindings: Annotated[list[BoundDatasetBody], "Datasets that ask it; while there are any it stays."]
    created_by: Annotated[Id, "Who made it."]
    created_at: Annotated[Seconds, "When it was made."]
    updated_at: Annotated[Seconds, "When it was changed last."]


class ExternalConnectionPageBody(PageBody):
    """A page of connections."""

    data: Annotated[list[ExternalConnectionBody], "The connections, newest first."]


def connection_body(view: ConnectionView) -> ExternalConnectionBody:
    """Return a connection as every route shows it."""
    connection = view.connection
    return {
        "id": connection.id,
        "name": connection.name,
        "description": connection.description,
        "settings": {"endpoint": connection.endpoint, "api_key": HIDDEN_KEY},
        "dataset_bindings": [{"id": dataset.id, "name": dataset.name} for dataset in view.datasets],
        "created_by": connection.created_by,
        "created_at": int(connection.created_at),
        "updated_at": int(connection.updated_at),
    }
