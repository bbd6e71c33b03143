"""A loopback server that speaks the external knowledge API as others serve it; it answers whatever a test sets."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Self

KEY = "key-of-the-other-server"
PROBED = {
    "knowledge_id": "",
    "query": "",
    "retrieval_setting": {"top_k": 1, "score_threshold": 0.0},
    "metadata_condition": None,
}


@dataclass(frozen=True)
class Asked:
    """What one call carried."""

    path: str
    host: str | None
    authorization: str | None
    question: Any


@dataclass
class ExternalSource:
    """Serve on a free loopback port while used as a context manager.

    `content` is sent as it is with `status`. A call waits for `released` while `is_slow`; while `is_dripping` its
    answer comes byte by byte, with a pause after each.
    """

    status: int = 200
    content: bytes = b'{"records": []}'
    headers: dict[str, str] = field(default_factory=dict[str, str])
    is_slow: bool = False
    is_dripping: bool = False
    asked: list[Asked] = field(default_factory=list[Asked])
    released: Event = field(default_factory=Event)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def endpoint(self) -> str:
        """Return the base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def answer(self, *records: Any) -> None:
        """Let the next calls get these records."""
        self.say(json.dumps({"records": records}).encode())

    def say(self, content: bytes, status: int = 200) -> None:
        """Let the next calls get this content."""
        self.content, self.status = content, status


def _handler_of(owner: ExternalSource) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        source = owner

    return Handler


class _Handler(BaseHTTPRequestHandler):
    source: ExternalSource

    def do_POST(self) -> None:
        source = self.source
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        source.asked.append(Asked(self.path, self.headers["Host"], self.headers["Authorization"], json.loads(raw)))
        if source.is_slow:
            source.released.wait()
        self.send_response(source.status)
        for name, value in {"Content-Type": "application/json", **source.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if source.is_dripping:
            while not source.released.wait(0.02):
                self.wfile.write(b" ")
                self.wfile.flush()
        self.wfile.write(source.content)

    def handle(self) -> None:
        # A caller that has lost patience is gone.
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        pass
