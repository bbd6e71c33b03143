"""The command line: `zhiku serve` and what an operator needs beside it."""

import gc

# What imports make lives as long as the process: looking through it again and again costs a tenth of the start.
gc.disable()

from zhiku.cli.main import app  # noqa: E402

gc.freeze()
gc.enable()

__all__ = ["app"]
