"""A parser that does what the file tells it to, for tests of the sandbox."""

import ctypes
import mmap
import os
import signal
import socket
import time
from pathlib import Path

from zhiku.errors import DocumentUnreadable
from zhiku.ingestion.extract.parts import Extraction, Part, PartKind, Picture


def read_file(content: bytes, extension: str) -> Extraction:
    """Obey `content`, which is a command and its argument; other texts are their own result."""
    command, _, argument = content.decode().partition(" ")
    if command in COMMANDS:
        return Extraction([Part(COMMANDS[command](argument))], [])
    if command == "draw":
        return Extraction([Part("![](image:0)")], [Picture(bytes(int(argument)), "image/png")])
    return Extraction([Part(f"{extension}:{content.decode()}", 7, PartKind.PAGE, "title")], [])


def sleep(argument: str) -> str:
    """Hang without computing."""
    time.sleep(float(argument))
    return "woke up"


def spin(argument: str) -> str:
    """Compute without end."""
    while True:
        pass


def allocate(argument: str) -> str:
    """Fill memory piece by piece."""
    held = [bytearray(b"x" * (1 << 20)) for _ in range(int(argument))]
    return str(len(held))


def map_memory(argument: str) -> str:
    """Fill memory behind Python's back, and end as a Rust parser does when it gets no more."""
    try:
        held = [mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) for _ in range(int(argument))]
    except OSError:
        os.abort()
    for piece in held:
        piece.write(b"x" * (1 << 20))
    return str(len(held))


def crash(argument: str) -> str:
    """Read at address zero."""
    return ctypes.string_at(0).decode()


def end(argument: str) -> str:
    """End without an answer."""
    os._exit(int(argument))


def end_by_signal(argument: str) -> str:
    """End by a signal to itself."""
    signal.raise_signal(signal.Signals(int(argument)))
    return "still here"


def garble(argument: str) -> str:
    """Write nonsense into every descriptor that is open."""
    for descriptor in range(64):
        try:
            os.write(descriptor, b"\xc1 nonsense")
        except OSError:
            continue
    os._exit(0)


def fail(argument: str) -> str:
    """Raise what no parser should."""
    raise KeyboardInterrupt(argument)


def refuse(argument: str) -> str:
    """Raise what a parser may."""
    raise DocumentUnreadable(argument)


def speak(argument: str) -> str:
    """Answer with a long text."""
    return "x" * int(argument)


def attempt(argument: str) -> str:
    """Try something that is refused; what came of it."""
    attempts = {
        "connect": lambda: socket.create_connection(("127.0.0.1", 9), timeout=1),
        "connect6": lambda: socket.socket(socket.AF_INET6),
        "local": lambda: socket.socket(socket.AF_UNIX),
        "read": lambda: Path(__file__).read_bytes(),
        "write": lambda: Path("left-behind").write_text("x", encoding="ascii"),
        "remove": lambda: os.unlink("/nowhere/at/all"),
        "fork": os.fork,
        "execute": lambda: os.execv("/bin/true", ["true"]),
        "kill": lambda: os.kill(os.getppid(), 0),
        "pair": socket.socketpair,
    }
    try:
        attempts[argument]()
    except OSError as error:
        return f"errno {error.errno}"
    return "done"


def describe(argument: str) -> str:
    """What this process is: open descriptors, its group, priority, environment and limits."""
    facts = {
        "descriptors": lambda: [n for n in range(256) if is_open(n)],
        "group": lambda: os.getpgid(0) == os.getpid(),
        "nice": lambda: os.nice(0),
        "environment": lambda: sorted(os.environ),
        "pid": os.getpid,
        "server": os.getppid,
    }
    return str(facts[argument]())


def is_open(descriptor: int) -> bool:
    """Whether the descriptor is open."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


COMMANDS = {
    "sleep": sleep,
    "spin": spin,
    "allocate": allocate,
    "map": map_memory,
    "crash": crash,
    "end": end,
    "signal": end_by_signal,
    "garble": garble,
    "fail": fail,
    "refuse": refuse,
    "speak": speak,
    "attempt": attempt,
    "describe": describe,
}
