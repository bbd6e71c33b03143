"""When the breaker lets calls through."""

from zhiku.providers.breaker import Breaker


class HandClock:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


def test_it_opens_after_failures_in_a_row() -> None:
    breaker = Breaker(failures=2, seconds=10, clock=HandClock())
    breaker.note_failure()
    assert breaker.is_closed()
    breaker.note_failure()
    assert not breaker.is_closed()


def test_a_success_between_failures_keeps_it_closed() -> None:
    breaker = Breaker(failures=2, seconds=10, clock=HandClock())
    breaker.note_failure()
    breaker.note_success()
    breaker.note_failure()
    assert breaker.is_closed()


def test_after_its_time_one_call_probes_and_its_success_closes_it() -> None:
    clock = HandClock()
    breaker = Breaker(failures=1, seconds=10, clock=clock)
    breaker.note_failure()
    clock.time += 10
    assert breaker.is_closed()
    assert not breaker.is_closed()
    breaker.note_success()
    assert breaker.is_closed()


def test_a_failed_probe_opens_it_again() -> None:
    clock = HandClock()
    breaker = Breaker(failures=1, seconds=10, clock=clock)
    breaker.note_failure()
    clock.time += 10
    assert breaker.is_closed()
    breaker.note_failure()
    clock.time += 9
    assert not breaker.is_closed()


def test_a_probe_that_never_reports_does_not_block_for_ever() -> None:
    clock = HandClock()
    breaker = Breaker(failures=1, seconds=10, clock=clock)
    breaker.note_failure()
    clock.time += 10
    assert breaker.is_closed()
    clock.time += 10
    assert breaker.is_closed()
