"""The windows of the rate limits."""

from typing import Any

import pytest

from tests.unit.http.serving import HandClock
from zhiku.access.actor import Actor
from zhiku.errors import Forbidden
from zhiku.http.limits import KEPT_WINDOWS, RateLimits
from zhiku.settings import Settings


def actor(key_id: str = "one", limit: int | None = None) -> Actor:
    return Actor("owner", "admin", key_id, rate_limit_per_minute=limit)


def limits(clock: HandClock, **settings: Any) -> RateLimits:
    return RateLimits(Settings(**settings), clock)


def refused(limited: RateLimits, who: Actor) -> bool:
    try:
        limited.admit(who)
    except Forbidden as error:
        assert str(error).startswith("Sorry, you have reached the knowledge base request rate limit")
        return True
    return False


@pytest.mark.parametrize("setting", ["rate_limit_per_minute", "key_rate_limit_per_minute"])
def test_the_window_slides(setting: str) -> None:
    clock = HandClock()
    limited = limits(clock, **{setting: 2})
    limited.admit(actor())
    clock.seconds += 40
    limited.admit(actor())
    assert [refused(limited, actor()) for _ in range(3)] == [True] * 3
    clock.seconds += 20
    limited.admit(actor())
    assert refused(limited, actor())


def test_zero_means_no_limit() -> None:
    limited = limits(HandClock())
    assert not any(refused(limited, actor()) for _ in range(1000))


def test_each_key_has_a_window_of_its_own() -> None:
    limited = limits(HandClock(), key_rate_limit_per_minute=1)
    assert [refused(limited, actor(key)) for key in ("one", "two", "one", "two")] == [False, False, True, True]


def test_the_workspace_has_one_window_for_all_keys() -> None:
    limited = limits(HandClock(), rate_limit_per_minute=2)
    assert [refused(limited, actor(key)) for key in ("one", "two", "three")] == [False, False, True]


@pytest.mark.parametrize(("own", "admitted"), [(1, 1), (3, 3), (0, 9), (None, 2)])
def test_a_key_limit_goes_before_the_one_in_the_settings(own: int | None, admitted: int) -> None:
    limited = limits(HandClock(), key_rate_limit_per_minute=2)
    assert [refused(limited, actor(limit=own)) for _ in range(9)].count(False) == admitted


def test_a_key_has_its_own_limit_where_the_settings_have_none() -> None:
    limited = limits(HandClock())
    assert [refused(limited, actor("slow", 1)) for _ in range(3)] == [False, True, True]
    assert not any(refused(limited, actor("free")) for _ in range(9))


def test_a_refused_request_is_counted_nowhere() -> None:
    clock = HandClock()
    limited = limits(clock, rate_limit_per_minute=2)
    limited.admit(actor("slow", 1))
    assert [refused(limited, actor("slow", 1)) for _ in range(5)] == [True] * 5
    limited.admit(actor("other"))
    assert refused(limited, actor("other"))


def test_windows_of_keys_that_ask_no_more_are_dropped() -> None:
    clock = HandClock()
    limited = limits(clock, key_rate_limit_per_minute=1)
    for number in range(KEPT_WINDOWS):
        limited.admit(actor(str(number)))
    clock.seconds += 61
    limited.admit(actor("last"))
    assert len(limited._keys) == 1
