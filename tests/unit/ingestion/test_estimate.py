"""The process that makes estimates: shared by those that come one after the other, ended when nobody comes."""

import time

import psutil
import pytest

from zhiku.documents.rules import automatic_rule
from zhiku.errors import DocumentUnreadable
from zhiku.ingestion import estimate
from zhiku.ingestion.estimate import Wish, make_estimate
from zhiku.ingestion.extract.sandbox import Limits

LIMITS = Limits(seconds=60, memory_bytes=1 << 30, output_bytes=1 << 20, cpu_seconds=60)
SECONDS = 30.0


def processes() -> list[int]:
    """Return the ids of the processes that this one has for estimates."""
    return [child.pid for child in psutil.Process().children() if estimate.ENGINE in child.cmdline()]


def make(content: bytes = b"Owls hunt at night.", limits: Limits = LIMITS) -> estimate.Estimate:
    return make_estimate(limits, Wish(content, "txt", automatic_rule(), "text_model"))


def test_estimates_share_a_process_also_after_a_file_that_cannot_be_read() -> None:
    assert make().total == 1
    before = processes()
    with pytest.raises(DocumentUnreadable, match="The file is empty"):
        make(b"")
    assert make().segments[0].content == "Owls hunt at night."
    assert processes() == before
    assert len(before) == 1


def test_other_limits_take_a_process_of_their_own_and_end_the_one_before() -> None:
    make()
    before = processes()
    make(limits=Limits(seconds=50, memory_bytes=1 << 30, output_bytes=1 << 20, cpu_seconds=50))
    assert len(processes()) == 1
    assert processes() != before


def test_the_process_ends_when_nobody_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "KEPT_SECONDS", 0.05)
    make()
    deadline = time.monotonic() + SECONDS
    while processes():
        assert time.monotonic() < deadline
        time.sleep(0.02)
