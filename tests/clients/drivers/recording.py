"""What the drivers share: they note each method that is called, wait for documents, expect refusals and report."""

import inspect
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

INDEXING_SECONDS = 30.0
TEXT = "Backups are copied every night.\n\nPasswords expire after ninety days.\n\nThe office closes at six."
CHINESE = "备份每天夜里复制一次。\n\n密码九十天后过期。"
BY_PARAGRAPH = {"mode": "custom", "rules": {"segmentation": {"separator": "\n\n", "max_tokens": 100}}}


class Report:
    """Which public methods the clients have, and which were called on them."""

    def __init__(self) -> None:
        self.public: set[str] = set()
        self.called: set[str] = set()

    def watch(self, client: Any) -> "Watched":
        """Return a stand-in of a client; every public method of its class has to be called before the end."""
        kind = type(client)
        self.public |= {f"{kind.__name__}.{name}" for name in own_methods(kind)}
        return Watched(client, self)

    def write(self) -> None:
        """Write it as one line of JSON, for the test to read."""
        lists = {"public": sorted(self.public), "called": sorted(self.called)}
        sys.stdout.write(json.dumps(lists) + "\n")


class Watched:
    """A client whose calls are noted."""

    def __init__(self, client: Any, report: Report) -> None:
        self.client = client
        self._report = report

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.client, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._report.called.add(f"{type(self.client).__name__}.{name}")
            return method(*args, **kwargs)

        return call


class Awaited:
    """Any client as an asynchronous one, so that one story serves both kinds; `prefix` is that of its methods."""

    def __init__(self, watched: Watched, prefix: str = "") -> None:
        self._watched = watched
        self._prefix = prefix

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._watched, self._prefix + name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            reply = method(*args, **kwargs)
            return await reply if inspect.isawaitable(reply) else reply

        return call


def own_methods(kind: type) -> list[str]:
    """Return the names of the public methods that a class defines itself."""
    return [name for name, member in vars(kind).items() if not name.startswith("_") and inspect.isfunction(member)]


@contextmanager
def refused(kind: type[Exception], status: int, says: str = "") -> Iterator[None]:
    """Expect a client's own exception, with the status and a part of the message that the server sent."""
    try:
        yield
    except kind as error:
        assert error.status_code == status, f"{error!r} has status {error.status_code} and not {status}"
        assert says in str(error), f"{error!r} does not say {says!r}"
        return
    raise AssertionError(f"the call was not refused with {status}")


def moments() -> Iterator[None]:
    """Yield again and again, until something indexed for too long."""
    ends_at = time.monotonic() + INDEXING_SECONDS
    while time.monotonic() < ends_at:
        yield
        time.sleep(0.05)
    raise AssertionError(f"not indexed within {INDEXING_SECONDS} s")
