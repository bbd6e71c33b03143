"""The client, a process of its own: some connections that each send the next request when the last is answered.

One thread and bare sockets, about 15 us a request, so that it is never what is measured.
"""

import json
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

RECEIVE_BYTES = 1 << 18


@dataclass(frozen=True)
class Outcome:
    """What a load measured. Latencies are in seconds, in the order of the replies."""

    latencies: list[float]
    seconds: float
    first_body: str

    @property
    def per_second(self) -> float:
        """Return the requests a second."""
        return len(self.latencies) / self.seconds

    def percentile_ms(self, percent: float) -> float:
        """Return a percentile of the latencies in milliseconds."""
        return percentile_ms(self.latencies, percent)


def percentile_ms(latencies: Sequence[float], percent: float) -> float:
    """Return a percentile in milliseconds; the nearest rank."""
    ranked = sorted(latencies)
    return 1000 * ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))]


class LoadProcess:
    """The client's process; use it in a `with` block."""

    def __enter__(self) -> "LoadProcess":
        self._child = subprocess.Popen(
            [sys.executable, "-m", "bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.kill()
        self._child.wait()

    def begin(self, port: int, requests: Sequence[str], clients: int, *, count: int = 0, seconds: float = 0) -> None:
        """Begin to send `count` requests, or for some seconds; `end` waits for the outcome."""
        assert self._child.stdin is not None
        order = {"port": port, "requests": list(requests), "clients": clients, "count": count, "seconds": seconds}
        self._child.stdin.write(json.dumps(order) + "\n")
        self._child.stdin.flush()

    def end(self) -> Outcome:
        """Return what was measured. Raises RuntimeError if a reply was no 200."""
        assert self._child.stdout is not None
        said = self._child.stdout.readline()
        if not said:
            raise RuntimeError("the client process ended")
        outcome: dict[str, Any] = json.loads(said)
        if outcome["failed"]:
            raise RuntimeError(f"a request failed: {outcome['failed']}")
        return Outcome(outcome["latencies"], outcome["seconds"], outcome["first_body"])

    def run(self, port: int, requests: Sequence[str], clients: int, *, count: int = 0, seconds: float = 0) -> Outcome:
        """Send requests and return what was measured. Raises RuntimeError if a reply was no 200."""
        self.begin(port, requests, clients, count=count, seconds=seconds)
        return self.end()


class _Connection:
    """One client: what it waits for and since when."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.wanted = 0
        self.sent_at = 0.0

    def send(self, request: bytes) -> None:
        self.received = b""
        self.wanted = 0
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Read what has come; return whether the reply is whole."""
        data = self.socket.recv(RECEIVE_BYTES)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.received += data
        if not self.wanted:
            head, found, _ = self.received.partition(b"\r\n\r\n")
            if not found:
                return False
            lowered = head.lower()
            start = lowered.index(b"content-length:") + len(b"content-length:")
            self.wanted = len(head) + 4 + int(lowered[start:].partition(b"\r\n")[0])
        return len(self.received) >= self.wanted


class _Load:
    """One order being carried out."""

    def __init__(self, order: dict[str, Any], selector: selectors.BaseSelector) -> None:
        self._requests = [request.encode() for request in order["requests"]]
        self._selector = selector
        self._left: int = order["count"] or 1 << 40
        self._sent = 0
        self.waiting = 0
        self.latencies: list[float] = []
        self.first_body = self.failed = ""
        self.begun = time.perf_counter()
        self._deadline = self.begun + order["seconds"] if order["seconds"] else float("inf")

    def begin(self, connection: _Connection) -> None:
        """Let a client send its first request."""
        self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        self._send(connection)

    def step(self) -> None:
        """Wait for replies; whoever has a whole one sends its next request."""
        for key, _ in self._selector.select():
            connection: _Connection = key.data
            if connection.receive():
                self._end(connection)

    def _end(self, connection: _Connection) -> None:
        now = time.perf_counter()
        self.latencies.append(now - connection.sent_at)
        self.waiting -= 1
        self.first_body = self.first_body or connection.received.partition(b"\r\n\r\n")[2].decode()
        if not connection.received.startswith(b"HTTP/1.1 200"):
            self.failed = connection.received[:300].decode(errors="replace")
        elif self._sent < self._left and now < self._deadline:
            self._send(connection)

    def _send(self, connection: _Connection) -> None:
        connection.send(self._requests[self._sent % len(self._requests)])
        self._sent += 1
        self.waiting += 1


def send_all(order: dict[str, Any]) -> dict[str, Any]:
    """Send an order's requests in turn and return the latencies, the whole time and the first reply."""
    connections = [_Connection(order["port"]) for _ in range(order["clients"])]
    with selectors.DefaultSelector() as selector:
        load = _Load(order, selector)
        for connection in connections:
            load.begin(connection)
        while load.waiting:
            load.step()
        seconds = time.perf_counter() - load.begun
    for connection in connections:
        connection.socket.close()
    return {
        "latencies": load.latencies,
        "seconds": seconds,
        "first_body": load.first_body,
        "failed": load.failed,
    }


def main() -> None:
    """Run the orders that come as lines of JSON on standard input."""
    for line in sys.stdin:
        print(json.dumps(send_all(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
