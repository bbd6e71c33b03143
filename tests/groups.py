"""Groups of tests that a machine may be unable to run: one plain line each, or a failure if all must run."""

import os
from typing import NoReturn

import pytest

left_out: dict[str, str] = {}


def must_run_all() -> bool:
    """Tell whether nothing may be left out (`ZHIKU_TEST_ALL=1`)."""
    return os.environ.get("ZHIKU_TEST_ALL") == "1"


def leave_out(group: str, reason: str) -> NoReturn:
    """Leave out the calling test as one of `group`; the run ends with one line for the whole group."""
    if must_run_all():
        pytest.fail(f"{group} cannot run here: {reason}", pytrace=False)
    left_out.setdefault(group, reason)
    pytest.skip(f"{group}: {reason}")
