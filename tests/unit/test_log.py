"""What a log line tells of an error, and what it never tells."""

from zhiku.log import tell_error

SECRET = "the text of a document"


def test_an_error_is_told_by_kind_cause_and_place_and_never_by_its_text() -> None:
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as cause:
            raise ValueError(SECRET) from cause
    except ValueError as error:
        told = tell_error(None, "error", {"event": "job failed", "exc_info": error})
    assert told["error"] == "ValueError"
    assert told["cause"] == "KeyError"
    assert told["at"][-1].startswith("unit/test_log.py:")
    assert SECRET not in str(told)


def test_the_error_being_handled_is_told_where_none_is_named() -> None:
    try:
        raise ValueError(SECRET)
    except ValueError:
        told = tell_error(None, "error", {"event": "job failed", "exc_info": True})
    assert told["error"] == "ValueError"


def test_an_event_without_an_error_stays_as_it_is() -> None:
    assert tell_error(None, "info", {"event": "started"}) == {"event": "started"}
