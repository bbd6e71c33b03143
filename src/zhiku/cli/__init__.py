"""The command line: `zhiku serve` and what an operator needs beside it."""

from zhiku.cli.main import app

__all__ = ["app"]
