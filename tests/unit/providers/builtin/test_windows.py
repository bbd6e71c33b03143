"""Long texts are cut into equal windows, and nothing is lost."""

import numpy as np
import pytest

from zhiku.providers.builtin.windows import join_windows, split_windows, unit_vector


@pytest.mark.parametrize(("count", "lengths"), [(0, [0]), (1, [1]), (10, [10]), (11, [5, 6]), (25, [8, 8, 9])])
def test_windows_are_as_few_and_as_equal_as_can_be(count: int, lengths: list[int]) -> None:
    assert [len(window) for window in split_windows(range(count), 10)] == lengths


@pytest.mark.parametrize("count", [*range(40), 999, 1000, 1001])
def test_windows_hold_every_token_once_and_in_order(count: int) -> None:
    windows = split_windows(list(range(count)), 10)
    assert [token for window in windows for token in window] == list(range(count))
    assert max(map(len, windows)) <= 10


def test_windows_are_joined_to_a_unit_vector_between_them() -> None:
    joined = join_windows([np.array([1, 0], np.float32), np.array([0, 1], np.float32)])
    assert joined.dtype == np.float32
    assert joined == pytest.approx([0.5**0.5, 0.5**0.5])


def test_a_zero_vector_stays_zero() -> None:
    assert unit_vector(np.zeros(3, np.float32)).tolist() == [0, 0, 0]
