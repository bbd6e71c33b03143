"""Log lines on standard error: ids and sizes, never texts, queries or keys."""

import logging
import sys
import traceback
from pathlib import PurePath

import structlog
from structlog.typing import EventDict, WrappedLogger

LOGGED_FRAMES = 6


def set_up_log() -> None:
    """Send log events to standard error, one line each."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            tell_error,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def tell_error(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put an exception's kind, what caused it, and where it was raised in the place of `exc_info`.

    Not its text: that may quote documents, queries, SQL parameters and rows.
    """
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if not isinstance(error, BaseException):
        return event
    event["error"] = type(error).__name__
    cause = error.__cause__ or error.__context__
    if cause is not None:
        event["cause"] = type(cause).__name__
    frames = traceback.extract_tb(error.__traceback__)[-LOGGED_FRAMES:]
    event["at"] = [f"{'/'.join(PurePath(frame.filename).parts[-2:])}:{frame.lineno} {frame.name}" for frame in frames]
    return event
