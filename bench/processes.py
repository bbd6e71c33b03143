"""Servers as processes of their own, what they hold in memory and what processor time they took (Linux)."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.corpus import TMP

KEY = "dataset-key-for-the-bench-0123456789"
START_SECONDS = 60.0
STOP_SECONDS = 20.0
_SET_PARENT_DEATH_SIGNAL = 1
_HEALTH = b"GET /healthz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"

_libc = ctypes.CDLL(None)


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A server in a process group of its own, which ends with this process."""

    def __init__(self, argv: list[str], port: int, **environment: str) -> None:
        self._argv = argv
        self._environment = environment
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the process id. Raises RuntimeError if it does not run."""
        if self._process is None:
            raise RuntimeError("the server does not run")
        return self._process.pid

    def start(self) -> float:
        """Start it, wait until requests are served and return the seconds that took. Raises RuntimeError."""
        log_path = TMP / "server.log"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ZHIKU_")}
        with log_path.open("ab") as log:
            started_at = time.perf_counter()
            self._process = subprocess.Popen(
                self._argv,
                env={**inherited, "ZHIKU_API_KEY": KEY, "BENCH_PORT": str(self.port), **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - no threads run here while servers are started
            )
        while time.perf_counter() - started_at < START_SECONDS:
            if self._process.poll() is not None:
                break
            if _is_healthy(self.port):
                return time.perf_counter() - started_at
            time.sleep(0.002)
        self.kill()
        raise RuntimeError(f"{self._argv} did not start:\n{log_path.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """Stop it with SIGTERM, and kill what is left of its group."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            print("a server did not stop in time and is killed", file=sys.stderr)
        self.kill()

    def kill(self) -> None:
        """Kill the whole group with SIGKILL."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None


@contextmanager
def running(*servers: Server) -> Iterator[None]:
    """Run servers for a `with` block and stop them whatever happens."""
    try:
        for server in servers:
            server.start()
        yield
    finally:
        for server in servers:
            server.stop()


def bare_server(folder: Path) -> Server:
    """Return the bare server over a shard."""
    port = free_port()
    return Server([sys.executable, "-m", "bench.bare", str(folder), str(port)], port)


def hashed_zhiku(data_dir: Path, **environment: str) -> Server:
    """Return Zhiku with the bench's embedding model."""
    argv = [sys.executable, "-m", "bench.served", "serve", "--data-dir", str(data_dir)]
    return Server(argv, free_port(), **environment)


def real_zhiku(data_dir: Path, *options: str) -> Server:
    """Return Zhiku as it is installed, with the built-in model."""
    port = free_port()
    command = str(Path(sys.executable).with_name("zhiku"))
    return Server([command, "serve", "--port", str(port), "--data-dir", str(data_dir), *options], port)


def tree_of(pid: int) -> list[int]:
    """Return the process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (stat := _read(entry / "stat")):
            parent = int(stat.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def memory_mb(pid: int) -> tuple[float, float]:
    """Return PSS and RSS of the whole process tree in MB (10^6 bytes)."""
    pss = rss = 0
    for each in tree_of(pid):
        for line in _read(Path(f"/proc/{each}/smaps_rollup")).splitlines():
            if line.startswith("Pss:"):
                pss += int(line.split()[1])
            elif line.startswith("Rss:"):
                rss += int(line.split()[1])
    return pss * 1024 / 1e6, rss * 1024 / 1e6


def cpu_seconds(pid: int | str) -> float:
    """Return the processor time that the living threads of one process (or "self") have taken, to the nanosecond."""
    folders = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int((_read(path) or "0").split()[0]) for path in folders) / 1e9


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        # It ended while we looked.
        return ""


def _end_with_parent() -> None:
    _libc.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)


def _is_healthy(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            connection.sendall(_HEALTH)
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
