"""Reads files in limited child processes of a fork server, so that no file can harm the worker."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from zhiku.errors import DocumentUnreadable
from zhiku.ingestion.extract.parts import EMPTY, PATIENCE, PICTURES_BYTES, Extraction, Limits
from zhiku.ingestion.extract.wire import FrameError, Order, Reply, encode_limits, read_frame, write_frame
from zhiku.settings import Settings

__all__ = ["Extraction", "Limits", "Sandbox", "SandboxError", "limits_of"]

ENGINE = "zhiku.ingestion.extract.engine"
START_SECONDS = 60.0
# The fork server ends a child at its wall clock; the worker waits this much longer before it ends the fork server.
GRACE_SECONDS = 10.0
ENVELOPE_BYTES = 4096
# Deeply nested files overflow the 2 MiB that Rust gives its threads, which ends the process.
PARSER_STACK_BYTES = 16 << 20
# Nothing else of the environment reaches the fork server: keys and database addresses live there.
KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TMPDIR")
GARBAGE = "The file made its parser answer nonsense; it is probably damaged. Save it again and upload the new copy."


class SandboxError(Exception):
    """The fork server could not be started or was ended from outside; the file is not at fault, try again."""


class Sandbox:
    """Reads one file at a time, each in its own child process; safe to call from several threads.

    The fork server starts at `warm` or at the first `extract`, and again after it was lost. It ends with `close`,
    and by itself when the process that made it ends, however that happens.
    """

    def __init__(self, limits: Limits, engine: str = ENGINE) -> None:
        """Keep the limits; `engine` names the module whose `read_file(content, extension)` reads a file."""
        self._limits = limits
        self._engine = engine
        # Both may be taken again by a signal handler that closes the sandbox.
        self._turn = threading.RLock()
        self._starting = threading.RLock()
        self._server: subprocess.Popen[bytes] | None = None
        self._is_ready = False
        self._is_closed = False

    def __enter__(self) -> Self:
        """The sandbox itself; nothing is started yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the sandbox."""
        self.close()

    @property
    def server_pid(self) -> int | None:
        """The fork server's process id, None while there is none."""
        return self._server.pid if self._server else None

    def warm(self) -> None:
        """Start the fork server without waiting for it; the first `extract` then finds it ready."""
        with self._starting:
            if self._is_closed:
                raise SandboxError("The sandbox is closed.")
            if self._server is not None and self._server.poll() is None:
                return
            end_server(self._server)
            self._server = start_server(self._engine, self._limits)
            self._is_ready = False

    def extract(self, source: Path | bytes, extension: str) -> Extraction:
        """The file's parts, at least one of them with text unless the file holds only white space, and its pictures.

        `source` is the file's path or its content, which needs no temporary file. `extension` (no dot) is what the name
        claims; the content decides. Raises DocumentUnreadable with a message for the file's owner, OSError if the file
        cannot be opened, SandboxError if no child could be started.
        """
        if is_empty(source):
            raise DocumentUnreadable(EMPTY)
        extension = extension.lower()
        given = (
            Order(extension, content=source) if isinstance(source, bytes) else Order(extension, str(source.absolute()))
        )
        order = msgspec.msgpack.encode(given)
        with self._turn:
            try:
                frame = self._ask(order)
            except (FrameError, OSError):
                # The fork server has gone (killed from outside, out of memory): one new one gets the same file.
                self._drop_server()
                frame = self._ask_again(order)
        try:
            reply = msgspec.msgpack.decode(frame, type=Reply)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DocumentUnreadable(GARBAGE) from error
        if reply.unreadable is not None:
            raise DocumentUnreadable(reply.unreadable)
        if reply.extraction is None:
            raise DocumentUnreadable(GARBAGE)
        return reply.extraction

    def close(self) -> None:
        """End the fork server and whatever it is reading; an `extract` under way raises SandboxError."""
        self._is_closed = True
        server = self._server
        if server is not None:
            server.kill()
        # The reader wakes up by that; its pipes are closed when it has let go of them.
        with self._turn:
            self._drop_server()

    def _ask(self, order: bytes) -> bytes:
        self.warm()
        server = self._server
        if server is None or server.stdin is None or server.stdout is None:
            raise FrameError("the sandbox was closed")
        replies = server.stdout.fileno()
        if not self._is_ready:
            first = read_frame(replies, ENVELOPE_BYTES, time.monotonic() + START_SECONDS)
            if trouble := msgspec.msgpack.decode(first, type=Reply).unreadable:
                raise SandboxError(f"The parsers cannot be loaded: {trouble}")
            self._is_ready = True
        write_frame(server.stdin.fileno(), order)
        deadline = time.monotonic() + self._limits.seconds * PATIENCE + GRACE_SECONDS
        most = self._limits.output_bytes + PICTURES_BYTES + ENVELOPE_BYTES
        return read_frame(replies, most, deadline)

    def _ask_again(self, order: bytes) -> bytes:
        try:
            return self._ask(order)
        except (FrameError, OSError) as error:
            self._drop_server()
            raise SandboxError(f"The extraction process could not be kept running: {error}.") from error

    def _drop_server(self) -> None:
        with self._starting:
            server, self._server = self._server, None
        end_server(server)


def limits_of(settings: Settings) -> Limits:
    """The limits that the settings give to reading one file."""
    return Limits(
        seconds=settings.extract_seconds,
        memory_bytes=settings.extract_memory_bytes,
        output_bytes=settings.extract_output_bytes,
        cpu_seconds=settings.extract_seconds,
    )


def is_empty(source: Path | bytes) -> bool:
    """Whether there is nothing to read; raises OSError if the file cannot be opened."""
    if isinstance(source, bytes):
        return not source
    with source.open("rb") as file:
        return not file.read(1)


def end_server(server: subprocess.Popen[bytes] | None) -> None:
    """End a fork server; its child follows, since each dies with it or sees the end of its own time."""
    if server is None:
        return
    server.kill()
    server.wait()
    for pipe in (server.stdin, server.stdout):
        if pipe is not None:
            pipe.close()


def start_server(engine: str, limits: Limits) -> subprocess.Popen[bytes]:
    """A new fork server: a fresh interpreter that inherits no lock, socket or database handle of this process."""
    environment = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    environment["RUST_MIN_STACK"] = str(PARSER_STACK_BYTES)
    environment["PYTHONPATH"] = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path if entry)
    command = [sys.executable, "-P", "-s", "-m", "zhiku.ingestion.extract.forkserver", engine, encode_limits(limits)]
    return subprocess.Popen(
        command,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=tempfile.gettempdir(),
        env=environment,
    )
