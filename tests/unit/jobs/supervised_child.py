"""A worker for the supervisor's tests, run as a script: behaves in the manner its command line names."""

import os
import sys
import threading
from pathlib import Path

from zhiku.jobs.supervisor import ParentLink, lower_priority, stop_on_signals


def main(folder: Path, manner: str) -> int:
    """Note the start, do as `manner` says, and return the exit code."""
    stop = threading.Event()
    stop_on_signals(stop)
    note(folder, f"start {os.getpid()}")
    if manner == "crash":
        return 3
    if manner == "deaf":
        note(folder, "deaf")
        threading.Event().wait()
    link = ParentLink(on_close=stop.set)
    lower_priority()
    sys.stdout.write("this must not reach the parent: outbox\n")
    sys.stdout.flush()
    link.say_outbox()
    while not stop.is_set():
        if link.wait(0.05):
            note(folder, "parent gone" if link.closed else "awake")
            if manner == "leave":
                return 0
    note(folder, "parent gone" if link.closed else "stopped")
    return 0


def note(folder: Path, line: str) -> None:
    with (folder / "notes").open("a") as notes:
        notes.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
