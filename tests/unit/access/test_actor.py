"""What each role may do."""

import pytest

from zhiku.access.actor import Actor, Role


@pytest.mark.parametrize(
    ("role", "can_write", "can_administer"), [("read", False, False), ("write", True, False), ("admin", True, True)]
)
def test_each_role_may_what_the_one_before_may(role: Role, can_write: bool, can_administer: bool) -> None:
    actor = Actor("id", "name", "key", role)
    assert (actor.can_write, actor.can_administer) == (can_write, can_administer)


@pytest.mark.parametrize("limit", [{"is_member": True}, {"is_scoped": True}])
def test_whoever_does_not_see_everything_administers_no_keys(limit: dict[str, bool]) -> None:
    actor = Actor("id", "name", "key", "admin", **limit)
    assert actor.can_write
    assert not actor.can_administer
