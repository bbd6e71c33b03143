"""A loopback server that speaks OpenAI's embeddings API, with vectors made from the words of a text.

Texts that share words get near vectors, so that retrieval over it can be tested. It fails on demand.
`python -m tests.embedding_server --port 9000` serves until it is ended.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any, Self

import numpy as np

_WORD = re.compile(r"[a-z0-9]+|[^\s\x00-\x7f]")


class Fault(StrEnum):
    """What a call can get in place of good vectors."""

    SERVER_ERROR = "server error"
    RATE_LIMIT = "rate limit"
    BAD_GATEWAY = "bad gateway"
    BAD_KEY = "bad key"
    BAD_REQUEST = "bad request"
    SLOW = "slow"
    HANG_UP = "hang up"
    WRONG_DIMENSION = "wrong dimension"
    NOT_FINITE = "not finite"
    ZERO = "zero"
    TOO_FEW = "too few"
    NOT_JSON = "not json"
    BAD_INDEX = "bad index"


@dataclass(frozen=True)
class Call:
    """What one call carried."""

    path: str
    model: str
    texts: list[str]
    authorization: str | None


@dataclass
class EmbeddingServer:
    """Serve on a free loopback port while used as a context manager.

    `faults` are used up one a call, then `standing_fault` (if any) answers every call.
    A call that meets `Fault.SLOW` waits for `released`. More than `max_texts` texts get a 400.
    """

    dimension: int = 384
    port: int = 0
    max_texts: int = 2048
    retry_after: str | None = None
    speaks_base64: bool = False
    delay_seconds: float = 0.0
    standing_fault: Fault | None = None
    faults: deque[Fault] = field(default_factory=deque[Fault])
    calls: list[Call] = field(default_factory=list[Call])
    released: Event = field(default_factory=Event)

    def __enter__(self) -> Self:
        self._lock = Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler_of(self))
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
    def url(self) -> str:
        """Return the base URL, ending in /v1."""
        return f"http://127.0.0.1:{self.port}/v1"

    def fail(self, *faults: Fault) -> None:
        """Let the next calls meet these, one each."""
        self.faults.extend(faults)

    def note(self, call: Call) -> Fault | None:
        """Record a call and return what it shall meet."""
        with self._lock:
            self.calls.append(call)
            return self.faults.popleft() if self.faults else self.standing_fault


def text_vector(text: str, dimension: int) -> list[float]:
    """Return the vector of a text: its words hashed to signed positions, scaled to length 3."""
    vector = np.zeros(dimension)
    for word in _WORD.findall(text.lower()) or ["(none)"]:
        digest = hashlib.blake2b(word.encode("utf-8"), digest_size=8).digest()
        number = int.from_bytes(digest, "little")
        vector[number % dimension] += 1.0 if number >> 63 else -1.0
    if not vector.any():
        vector[0] = 1.0
    return (3 * vector / np.linalg.norm(vector)).tolist()


def _handler_of(owner: EmbeddingServer) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        server_state = owner

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without it each answer waits for a delayed acknowledgement, 40 ms.
    disable_nagle_algorithm = True
    server_state: EmbeddingServer

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        if len(raw) < int(self.headers["Content-Length"]):
            # The client was killed on the way.
            self.close_connection = True
            return
        body = json.loads(raw)
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        fault = self.server_state.note(Call(self.path, body["model"], texts, self.headers["Authorization"]))
        if self.server_state.delay_seconds:
            time.sleep(self.server_state.delay_seconds)
        if not self.path.endswith("/v1/embeddings"):
            self._answer(404, {"error": {"message": "no such route"}})
        elif len(texts) > self.server_state.max_texts:
            self._answer(400, {"error": {"message": "batch size is invalid"}})
        elif fault is None or not self._fail(fault):
            self._answer(200, self._embeddings(texts, fault))

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _fail(self, fault: Fault) -> bool:
        match fault:
            case Fault.SERVER_ERROR:
                self._answer(500, {"error": {"message": "the model fell over"}})
            case Fault.RATE_LIMIT:
                self._answer(429, {"error": {"message": "too many requests"}})
            case Fault.BAD_GATEWAY:
                self._answer_bytes(502, b"<html><head><title>502 Bad Gateway</title></head></html>")
            case Fault.BAD_KEY:
                text = f"Incorrect API key provided: {self.headers['Authorization']}. " + "x" * 1000
                self._answer(401, {"error": {"message": text}})
            case Fault.BAD_REQUEST:
                self._answer(400, {"error": {"message": "input is too long"}})
            case Fault.NOT_JSON:
                self._answer_bytes(200, b"<html>welcome</html>")
            case Fault.HANG_UP:
                self.close_connection = True
            case Fault.SLOW:
                self.server_state.released.wait()
                self.close_connection = True
            case _:
                return False
        return True

    def _embeddings(self, texts: list[str], fault: Fault | None) -> dict[str, Any]:
        state = self.server_state
        dimension = state.dimension + 1 if fault is Fault.WRONG_DIMENSION else state.dimension
        vectors: list[list[float]] = [text_vector(text, dimension) for text in texts]
        if fault is Fault.NOT_FINITE:
            vectors[-1][0] = 1e400
        if fault is Fault.ZERO:
            vectors[-1] = [0.0] * dimension
        items = [
            {"object": "embedding", "index": 7 if fault is Fault.BAD_INDEX else index, "embedding": self._coded(vector)}
            for index, vector in enumerate(vectors)
        ]
        if fault is Fault.TOO_FEW:
            items.pop()
        # Answered backwards: the index says which text a vector belongs to, not the place.
        return {
            "object": "list",
            "model": "test",
            "data": items[::-1],
            "usage": {"prompt_tokens": 0, "total_tokens": 0},
        }

    def _coded(self, vector: list[float]) -> list[float] | str:
        if not self.server_state.speaks_base64:
            return vector
        return base64.b64encode(np.array(vector, dtype="<f4").tobytes()).decode("ascii")

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        self._answer_bytes(status, json.dumps(body).encode("utf-8"))

    def _answer_bytes(self, status: int, content: bytes) -> None:
        self.send_response(status)
        if status != 200 and self.server_state.retry_after is not None:
            self.send_header("Retry-After", self.server_state.retry_after)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--dimension", type=int, default=384)
    options = parser.parse_args()
    with EmbeddingServer(dimension=options.dimension, port=options.port) as server:
        sys.stdout.write(server.url + "\n")
        sys.stdout.flush()
        server.released.wait()


if __name__ == "__main__":
    main()
