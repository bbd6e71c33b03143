"""What routes of retrieval apps take and give back (contract 13)."""

from typing import Annotated, TypedDict, cast

from pydantic import AfterValidator, Field

from zhiku.apps.store import AppRow
from zhiku.datasets.replies import StoredRetrievalModelBody
from zhiku.datasets.retrieval_model import RetrievalModel, stored_retrieval_model
from zhiku.http.reply import Id, OpenObject, PageBody, Seconds
from zhiku.http.schema import WireModel

MAX_DATASETS = 100
"""How many datasets an app may hold: one question is asked to each of them."""


def _not_blank(name: str) -> str:
    if not name.strip():
        raise ValueError("must not be blank")
    return name


def _each_once(dataset_ids: list[str]) -> list[str]:
    return list(dict.fromkeys(dataset_id.lower() for dataset_id in dataset_ids))


AppName = Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_not_blank)]
DatasetIds = Annotated[list[str], Field(min_length=1, max_length=MAX_DATASETS), AfterValidator(_each_once)]


class CreateApp(WireModel):
    """A new retrieval app."""

    name: AppName = Field(description="Shown name, unique in the workspace.")
    description: str = Field(default="", max_length=400, description="What the app is for.")
    dataset_ids: DatasetIds = Field(description="Ids of the datasets that it asks, 1 to 100; they cannot be deleted.")
    retrieval_model: RetrievalModel = Field(
        default_factory=RetrievalModel, description="How all of the datasets are asked, in the place of their own."
    )


class UpdateApp(WireModel):
    """What is to change of a retrieval app; what is left out stays."""

    name: AppName | None = Field(default=None, description="New name, unique in the workspace.")
    description: str | None = Field(default=None, max_length=400, description="What the app is for.")
    dataset_ids: DatasetIds | None = Field(default=None, description="The datasets that it asks from now on.")
    retrieval_model: RetrievalModel | None = Field(default=None, description="Replaces the stored one wholly.")


class ListApps(WireModel):
    """Which apps to list."""

    keyword: str | None = Field(default=None, description="Part of the name, case-insensitive.")


class AppRetrievalModelBody(StoredRetrievalModelBody):
    """How an app asks its datasets, with all defaults filled in."""

    metadata_filtering_conditions: Annotated[OpenObject | None, "Which documents may answer; null for all."]


class AppBody(TypedDict):
    """A retrieval app: datasets that are asked together, with the settings for it."""

    id: Annotated[Id, "Id of the app."]
    name: Annotated[str, "Shown name, unique in the workspace."]
    description: Annotated[str, "What the app is for."]
    dataset_ids: Annotated[list[str], "Ids of the datasets that it asks, in the order given."]
    retrieval_model: Annotated[AppRetrievalModelBody, "How the datasets are asked, in the place of their own."]
    created_by: Annotated[Id, "Id of who created it."]
    author_name: Annotated[str, "Name of who created it."]
    created_at: Annotated[Seconds, "When it was created."]
    updated_by: Annotated[Id, "Id of who changed it last."]
    updated_at: Annotated[Seconds, "When it was changed last."]


class AppListBody(PageBody):
    """A page of retrieval apps, newest first."""

    data: Annotated[list[AppBody], "The apps on this page."]


def app_body(row: AppRow) -> AppBody:
    """Return an app as every route shows it."""
    app = row.app
    model = stored_retrieval_model(app.retrieval_model_json, None).model_dump()
    return {
        "id": app.id,
        "name": app.name,
        "description": app.description,
        "dataset_ids": list(row.dataset_ids),
        "retrieval_model": cast(AppRetrievalModelBody, model),
        "created_by": app.created_by,
        "author_name": app.author_name,
        "created_at": int(app.created_at),
        "updated_by": app.updated_by,
        "updated_at": int(app.updated_at),
    }
