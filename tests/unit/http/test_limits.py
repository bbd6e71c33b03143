"""The rate limit's window."""

import pytest

from tests.unit.http.serving import HandClock
from zhiku.errors import Forbidden
from zhiku.http.limits import RateLimit


def test_the_window_slides() -> None:
    clock = HandClock()
    limit = RateLimit(2, clock)
    limit.admit()
    clock.seconds += 40
    limit.admit()
    for _ in range(3):
        with pytest.raises(Forbidden, match="request rate limit"):
            limit.admit()
    clock.seconds += 20
    limit.admit()
    with pytest.raises(Forbidden):
        limit.admit()


def test_zero_means_no_limit() -> None:
    limit = RateLimit(0, HandClock())
    for _ in range(1000):
        limit.admit()
