"""The fork server: loads the parser once, then reads each file in a child of its own, within limits."""

import gc
import importlib
import os
import select
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import msgspec

from zhiku.errors import DocumentUnreadable
from zhiku.ingestion.extract.confine import bound_resources, die_with_parent, refuse_system_calls
from zhiku.ingestion.extract.parts import PATIENCE, PICTURES_BYTES, Extraction, Limits
from zhiku.ingestion.extract.wire import (
    READ_BYTES,
    FrameError,
    Order,
    Reply,
    decode_limits,
    read_frame,
    write_frame,
)

Reader = Callable[[bytes, str], Extraction]

ORDER_BYTES = 1 << 31
SMALLER = "Split it into smaller files, or save it in another format, and upload it again."
AGAIN = "Open it in the program it came from, save it again and upload the new copy."
CRASHED = f"The file made its parser crash; it is damaged or nested too deeply. {AGAIN}"
TOO_BIG_FOR_MEMORY = f"Reading the file needs more memory than is allowed. {SMALLER}"
MEMORY_OR_DAMAGE = f"Reading the file needs more memory than is allowed, or the file is damaged. {SMALLER}"


def main() -> None:
    """Serve orders from standard input until it ends, which is also what happens when the worker dies."""
    engine, limits = sys.argv[1], decode_limits(sys.argv[2])
    # A signal to the whole terminal or process group is the worker's to handle; the end of its pipe is ours.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    requests, replies = claim_streams()
    enter_removed_folder()
    try:
        read: Reader = importlib.import_module(engine).read_file
    except (ImportError, OSError, AttributeError) as error:
        # Standard error leads nowhere, and whoever runs the server must learn what is missing.
        write_frame(replies, msgspec.msgpack.encode(Reply(unreadable=str(error))))
        return
    gc.collect()
    # Objects loaded so far are not touched by the children's collections, so their pages stay shared.
    gc.freeze()
    write_frame(replies, msgspec.msgpack.encode(Reply()))
    while True:
        try:
            order = msgspec.msgpack.decode(read_frame(requests, ORDER_BYTES), type=Order)
        except FrameError:
            return
        write_frame(replies, answer(order, read, limits, requests))


def claim_streams() -> tuple[int, int]:
    """The two pipes to the worker on new descriptors; the standard ones point at nothing from now on."""
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)
    return requests, replies


def enter_removed_folder() -> None:
    """Work in a folder of our own that is already removed: nothing can be made in it, so nothing can be left."""
    folder = tempfile.mkdtemp(prefix="zhiku-extract-")
    os.chdir(folder)
    os.rmdir(folder)


def answer(order: Order, read: Reader, limits: Limits, requests: int) -> bytes:
    """The encoded Reply to one order: the child's own, or one that says how the child ended."""
    output, writer = os.pipe()
    server = os.getpid()
    child = os.fork()
    if child == 0:
        run_child(order, read, limits, writer, server)
    os.close(writer)
    try:
        text, trouble = collect(child, output, limits, requests)
    finally:
        os.close(output)
        status, used_bytes = end_child(child)
    if trouble is None and not (os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0):
        trouble = cause_of_death(status, used_bytes, limits)
    return msgspec.msgpack.encode(Reply(unreadable=trouble)) if trouble else bytes(text)


def collect(child: int, output: int, limits: Limits, requests: int) -> tuple[bytearray, str | None]:
    """What the child wrote until it ended, and the message if it passed a limit first.

    Time that it only waited for a processor does not count (up to PATIENCE times the limit): it has the lowest
    priority, and a busy machine is no fault of the file.
    """
    poller = select.poll()
    poller.register(output, select.POLLIN)
    # No event is asked for: a worker that dies is reported anyway, and ends this process and the child with it.
    poller.register(requests, 0)
    found = bytearray()
    started = time.monotonic()
    deadline = started + limits.seconds
    while True:
        events = dict(poller.poll(max(0.0, deadline - time.monotonic()) * 1000))
        if requests in events:
            return found, CRASHED
        if not events:
            deadline = started + min(limits.seconds + waited_seconds(child), limits.seconds * PATIENCE)
            # A tenth of a second more is not worth another round, of which there could be very many.
            if deadline > time.monotonic() + 0.1:
                continue
            return found, f"Reading the file took longer than {limits.seconds:g} seconds. {SMALLER}"
        piece = os.read(output, READ_BYTES)
        if not piece:
            return found, None
        found += piece
        if len(found) > limits.output_bytes + PICTURES_BYTES:
            return found, too_much_text(limits)


def too_much_text(limits: Limits) -> str:
    """The message for a file with more text than is allowed."""
    return f"The file holds more than {limits.output_bytes >> 20} MiB of text. {SMALLER}"


def waited_seconds(child: int) -> float:
    """How long the most delayed thread of the child was ready and got no processor; 0 where the system does not say."""
    try:
        stats = [path.read_text(encoding="ascii") for path in Path(f"/proc/{child}/task").glob("*/schedstat")]
        return max((int(stat.split()[1]) / 1e9 for stat in stats), default=0.0)
    except (OSError, ValueError, IndexError):
        return 0.0


def end_child(child: int) -> tuple[int, int]:
    """End whatever is left of the child's process group; its exit status and its peak memory in bytes."""
    for end in (os.killpg, os.kill):
        try:
            end(child, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue
    _, status, usage = os.wait4(child, 0)
    return status, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def cause_of_death(status: int, used_bytes: int, limits: Limits) -> str:
    """The message for a child that ended without an answer."""
    if not os.WIFSIGNALED(status):
        return CRASHED
    number = os.WTERMSIG(status)
    if number in (signal.SIGXCPU, signal.SIGALRM):
        return f"Reading the file took more than {limits.cpu_seconds:g} seconds of computing. {SMALLER}"
    if number == signal.SIGKILL or used_bytes > limits.memory_bytes // 2:
        return TOO_BIG_FOR_MEMORY
    # A Rust parser aborts both when an allocation fails and when it finds itself broken.
    return MEMORY_OR_DAMAGE if number == signal.SIGABRT else CRASHED


def run_child(order: Order, read: Reader, limits: Limits, writer: int, server: int) -> NoReturn:
    """Read the file under limits, write the Reply to `writer` and end; never comes back."""
    code = 1
    try:
        die_with_parent(server)
        os.setpgid(0, 0)
        os.dup2(writer, 3)
        os.closerange(4, 1 << 16)
        bound_resources(limits)
        content = order.content or Path(order.path).read_bytes()
        refuse_system_calls()
        reply = read_reply(content, order.extension, read, limits)
        view = memoryview(msgspec.msgpack.encode(reply))
        while view:
            view = view[os.write(3, view) :]
        code = 0
    finally:
        # Leaves out every clean-up of the interpreter: it belongs to the fork server, and threads may be running.
        os._exit(code)


def read_reply(content: bytes, extension: str, read: Reader, limits: Limits) -> Reply:
    """What the parser makes of the file; no exception of a parser, panics of Rust included, goes further than here."""
    try:
        extraction = read(content, extension)
        if sum(len(part.text.encode()) for part in extraction.parts) > limits.output_bytes:
            return Reply(unreadable=too_much_text(limits))
        return Reply(extraction=extraction)
    except DocumentUnreadable as error:
        return Reply(unreadable=str(error))
    except MemoryError:
        return Reply(unreadable=TOO_BIG_FOR_MEMORY)
    except BaseException:  # noqa: BLE001
        return Reply(unreadable=CRASHED)


if __name__ == "__main__":
    main()
