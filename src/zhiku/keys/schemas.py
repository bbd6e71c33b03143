"""What the routes of keys take and give back (contract 13)."""

from typing import Annotated, Any, NotRequired, TypedDict
from uuid import UUID

from pydantic import AfterValidator, Field

from zhiku.access.actor import Role
from zhiku.access.service import KeyHolder, KeyRights, KeyView, State
from zhiku.http.reply import Count, Id, PageBody, Seconds
from zhiku.http.schema import NULL_CLEARS, WireModel

NAME_CHARS = 255
MAX_DATASETS = 1000
MAX_REQUESTS = 1_000_000
# The last second of the year 9999: further ones are a mistake in the unit.
LATEST = 253402300799


def _not_blank(name: str) -> str:
    if not name.strip():
        raise ValueError("must not be blank")
    return name


Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARS), AfterValidator(_not_blank)]
DatasetIds = Annotated[list[Annotated[str, Field(max_length=36)]], Field(max_length=MAX_DATASETS)]
Moment = Annotated[int, Field(ge=0, le=LATEST)]
RequestLimit = Annotated[int, Field(ge=0, le=MAX_REQUESTS)]


class CreateKey(WireModel):
    """A new key."""

    name: Name = Field(description="What the key is for; shown in lists.")
    role: Role = Field(
        default="write",
        description="`read` retrieves and shows, `write` changes datasets and what is in them, `admin` also switches "
        "the API of datasets and, if it sees all of them, administers keys.",
    )
    dataset_ids: DatasetIds | None = Field(
        default=None, description="Datasets that the key sees, at least one; null for all, those that come later too."
    )
    expires_at: Moment | None = Field(default=None, description="When the key ends; null for never.")
    rate_limit_per_minute: RequestLimit | None = Field(
        default=None,
        description="Limited requests within any 60 seconds: 0 for no limit, null for the limit in the settings.",
    )
    is_member: bool = Field(
        default=False, description="Whether a plain member holds the key, from whom a dataset's permission may hide it."
    )
    actor_id: UUID | None = Field(
        default=None, description="Who holds the key, as `created_by` shows it; null for the owner or for a new member."
    )
    actor_name: Name | None = Field(
        default=None, description="Shown name of the holder; null for the owner's, and for a member the key's."
    )

    def rights(self) -> KeyRights:
        """Return what the key may do and see."""
        return KeyRights(self.role, self.dataset_ids, self.expires_at, self.rate_limit_per_minute)

    def holder(self) -> KeyHolder:
        """Return whose key it is."""
        return KeyHolder(self.is_member, str(self.actor_id) if self.actor_id else None, self.actor_name)


class UpdateKey(WireModel):
    """What to change of a key; what is absent stays. Whose key it is stays too."""

    name: Name | None = Field(default=None, description="What the key is for.")
    role: Role | None = Field(default=None, description="What the key may do.")
    dataset_ids: Annotated[DatasetIds | None, NULL_CLEARS] = Field(
        default=None, description="Datasets that the key sees, in the place of those it saw; null for all."
    )
    expires_at: Annotated[Moment | None, NULL_CLEARS] = Field(
        default=None, description="When the key ends; null for never."
    )
    rate_limit_per_minute: Annotated[RequestLimit | None, NULL_CLEARS] = Field(
        default=None, description="Its own limit; 0 for none, null for the limit in the settings."
    )
    actor_name: Name | None = Field(default=None, description="Shown name of the holder.")

    def changes(self) -> dict[str, Any]:
        """Return the fields that were given, by name."""
        return self.model_dump(exclude_unset=True)


class KeyBody(TypedDict):
    """A key and what it may do; the key itself is shown only in the reply that makes it."""

    id: Annotated[Id, "Id of the key."]
    name: Annotated[str, "What the key is for."]
    role: Annotated[Role, "What the key may do."]
    dataset_ids: Annotated[list[str] | None, "Datasets that the key sees; null for all."]
    status: Annotated[State, "`active`, `expired`, `revoked`, or `disabled` when the last of its datasets was deleted."]
    is_member: Annotated[bool, "Whether a plain member holds the key."]
    actor_id: Annotated[Id, "Who holds the key, as `created_by` shows it."]
    actor_name: Annotated[str, "Shown name of the holder."]
    rate_limit_per_minute: Annotated[Count | None, "Its own limit; 0 for none, null for the limit in the settings."]
    created_at: Annotated[Seconds, "When the key was made."]
    expires_at: Annotated[Seconds | None, "When the key ends; null for never."]
    last_used_at: Annotated[Seconds | None, "When the key was used last; null for never."]
    revoked_at: Annotated[Seconds | None, "When the key was revoked; null if it was not."]
    key: NotRequired[Annotated[str, "The key itself, this once: only its hash is kept."]]


class KeyPageBody(PageBody):
    """A page of keys, revoked ones too, newest first."""

    data: Annotated[list[KeyBody], "The keys."]


def key_body(view: KeyView) -> KeyBody:
    """Return a key without its secret."""
    key = view.key
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role,
        "dataset_ids": None if view.dataset_ids is None else list(view.dataset_ids),
        "status": view.state,
        "is_member": key.is_member,
        "actor_id": key.actor_id,
        "actor_name": key.actor_name,
        "rate_limit_per_minute": key.rate_limit_per_minute,
        "created_at": int(key.created_at),
        "expires_at": _seconds(key.expires_at),
        "last_used_at": _seconds(key.last_used_at),
        "revoked_at": _seconds(key.revoked_at),
    }


def new_key_body(view: KeyView, key: str) -> KeyBody:
    """Return a key with its secret, for the one reply that shows it."""
    return {**key_body(view), "key": key}


def _seconds(at: float | None) -> int | None:
    return None if at is None else int(at)
