"""A real `zhiku serve` in a process group of its own, to be stopped, or killed with everything it started."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

KEY = "dataset-key-for-tests-0123456789"
START_SECONDS = 30.0


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServerProcess:
    """One server after the other on one data dir and one port."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ZHIKU_")},
            "ZHIKU_API_KEY": KEY,
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.log = data_dir.parent / f"{data_dir.name}.log"

    def start(self) -> None:
        """Start a server; returns at once."""
        command = [sys.executable, "-m", "zhiku", "serve", "--no-sample", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--data-dir", str(self.data_dir)],
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_healthy(self) -> float:
        """Wait until requests are served; return how many seconds that took."""
        started_at = time.monotonic()
        while time.monotonic() - started_at < START_SECONDS:
            if self.process is None or self.process.poll() is not None:
                raise AssertionError(f"the server ended by itself:\n{self.log.read_text()[-3000:]}")
            try:
                if httpx.get(f"{self.url}/healthz", timeout=1.0).status_code == 200:
                    return time.monotonic() - started_at
            except httpx.TransportError:
                time.sleep(0.01)
        raise AssertionError(f"the server did not start:\n{self.log.read_text()[-3000:]}")

    def kill(self) -> None:
        """Kill the whole group with SIGKILL, in the middle of whatever it does."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self) -> int:
        """Stop with SIGTERM; return the exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        try:
            return self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        finally:
            self.process = None

    def client(self) -> httpx.Client:
        """Return a client that sends the key."""
        return httpx.Client(base_url=f"{self.url}/v1", headers={"Authorization": f"Bearer {KEY}"}, timeout=30.0)
