"""A loopback server that speaks OpenAI's chat completions API and answers as a test tells it to.

It fails on demand. Without a rule of its own it writes one question and answer about the first line of the text.
"""

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, Self

INSTRUCTIONS, TEXT = 0, 1


@dataclass(frozen=True)
class Asked:
    """What one call carried."""

    path: str
    model: str
    instructions: str
    text: str
    authorization: str | None


def write_pair(asked: Asked) -> str:
    """Return one numbered pair about the text's first line."""
    return f"Q1: What about {asked.text.splitlines()[0]}?\nA1: It says: {asked.text}"


@dataclass
class ChatServer:
    """Serve on a free loopback port while used as a context manager.

    `write` answers; a string it raises KeyError with is not answered but refused with status 400. `failures` are
    statuses used up one a call, then `standing_failure` (if any) answers every call.
    """

    write: Callable[[Asked], str] = write_pair
    port: int = 0
    delay_seconds: float = 0.0
    standing_failure: int | None = None
    failures: deque[int] = field(default_factory=deque[int])
    asked: list[Asked] = field(default_factory=list[Asked])
    most_at_once: int = 0

    def __enter__(self) -> Self:
        self._lock = Lock()
        self._at_once = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler_of(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Return the base URL, ending in /v1."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def texts(self) -> list[str]:
        """Return the texts that were asked about, in the order in which they came."""
        return [asked.text for asked in self.asked]

    def begin(self, asked: Asked) -> int | None:
        """Record a call and return the status it shall fail with."""
        with self._lock:
            self.asked.append(asked)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            return self.failures.popleft() if self.failures else self.standing_failure

    def end(self) -> None:
        """Note that a call is over."""
        with self._lock:
            self._at_once -= 1


def _handler_of(owner: ChatServer) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        state = owner

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without it each answer waits for a delayed acknowledgement, 40 ms.
    disable_nagle_algorithm = True
    state: ChatServer

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        if len(raw) < int(self.headers["Content-Length"]):
            # The client was killed on the way.
            self.close_connection = True
            return
        body = json.loads(raw)
        told = [message["content"] for message in body["messages"]]
        asked = Asked(self.path, body["model"], told[INSTRUCTIONS], told[TEXT], self.headers["Authorization"])
        failure = self.state.begin(asked)
        try:
            time.sleep(self.state.delay_seconds)
            self._respond(asked, failure)
        finally:
            self.state.end()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _respond(self, asked: Asked, failure: int | None) -> None:
        if failure is not None:
            self._answer(failure, {"error": {"message": f"refused, with the key {asked.authorization}"}})
            return
        try:
            written = self.state.write(asked)
        except KeyError:
            self._answer(400, {"error": {"message": "this text is refused"}})
            return
        message = {"role": "assistant", "content": written}
        self._answer(200, {"object": "chat.completion", "choices": [{"index": 0, "message": message}]})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
