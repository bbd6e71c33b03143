"""How long a failed job waits."""

import pytest

from zhiku.jobs.queue import BACKOFF_MOST_SECONDS, compute_backoff


def test_each_failure_makes_the_wait_longer_up_to_a_most() -> None:
    waits = [compute_backoff(failures, 0.0) for failures in range(1, 9)]
    assert waits[:4] == [2.0, 6.0, 18.0, 54.0]
    assert waits == sorted(waits)
    assert waits[-1] == BACKOFF_MOST_SECONDS


@pytest.mark.parametrize("failures", [1, 3, 100])
def test_jitter_spreads_the_wait_by_half_at_most(failures: int) -> None:
    assert compute_backoff(failures, 0.0) < compute_backoff(failures, 0.5) < compute_backoff(failures, 0.0) * 1.5
