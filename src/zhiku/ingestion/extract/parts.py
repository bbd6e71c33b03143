"""What a file becomes, and how much reading it may cost."""

from dataclasses import dataclass

EMPTY = "The file is empty."
# How many times its wall clock a file may take when nothing but a busy machine is to blame.
PATIENCE = 10


@dataclass(frozen=True, slots=True)
class Part:
    """The text of one page, sheet or slide; a document without such parts has one Part and no page."""

    text: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on reading one file; passing any of them ends that file's child process and nothing else.

    `seconds` is wall clock, without the time spent waiting for a processor; `cpu_seconds` the sum over the child's
    threads; `output_bytes` the size of the encoded text.
    """

    seconds: float
    memory_bytes: int
    output_bytes: int
    cpu_seconds: float
