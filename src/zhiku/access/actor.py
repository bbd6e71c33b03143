"""Who makes a request, and what the key that was used lets them do."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["read", "write", "admin"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a request: what `created_by` and `author_name` show, and the key that was used.

    `is_member` is a plain member, from whom a dataset's permission may hide it; `is_scoped` a key that sees some
    datasets only; `rate_limit_per_minute` the key's own limit, None for the one in the settings.
    """

    id: str
    name: str
    key_id: str
    role: Role = "admin"
    is_member: bool = False
    is_scoped: bool = False
    rate_limit_per_minute: int | None = None

    @property
    def can_write(self) -> bool:
        """Tell whether the key may change anything."""
        return self.role != "read"

    @property
    def can_switch_api(self) -> bool:
        """Tell whether the key may close datasets that it sees to the API, and open them again."""
        return self.role == "admin"

    @property
    def can_administer(self) -> bool:
        """Tell whether the key may make and revoke keys: it could give itself whatever it lacks."""
        return self.role == "admin" and not self.is_member and not self.is_scoped
