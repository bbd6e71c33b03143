"""When the breaker lets calls through."""

from tests.fake_clock import FakeClock
from zhiku.providers.breaker import Breaker


def test_it_opens_after_failures_in_a_row() -> None:
    breaker = Breaker(failures=2, seconds=10, clock=FakeClock())
    breaker.note_failure()
    assert breaker.is_closed()
    breaker.note_failure()
    assert not breaker.is_closed()


def test_a_success_between_failures_keeps_it_closed() -> None:
    breaker = Breaker(failures=2, seconds=10, clock=FakeClock())
    breaker.note_failure()
    breaker.note_success()
    breaker.note_failure()
    assert breaker.is_closed()


def test_after_its_time_one_call_probes_and_its_success_closes_it() -> None:
    clock = FakeClock()
    breaker = Breaker(failures=1, seconds=10, clock=clock)
    breaker.note_failure()
    clock.advance(10)
    assert breaker.is_closed()
    assert not breaker.is_closed()
    breaker.note_success()
    assert breaker.is_closed()


def test_a_failed_probe_opens_it_again() -> None:
    clock = FakeClock()
    breaker = Breaker(failures=1, seconds=10, clock=clock)
    breaker.note_failure()
    clock.advance(10)
    assert breaker.is_closed()
    breaker.note_failure()
    clock.advance(9)
    assert not breaker.is_closed()


def test_a_probe_that_never_reports_does_not_block_for_ever() -> None:
    clock = FakeClock()
    breaker = Breaker(failures=1, seconds=10, clock=clock)
    breaker.note_failure()
    clock.advance(10)
    assert breaker.is_closed()
    clock.advance(10)
    assert breaker.is_closed()
