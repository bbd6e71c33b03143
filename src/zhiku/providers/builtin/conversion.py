"""Finds the converted model under the models directory, and has it made by a child process."""

import json
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from zhiku.errors import ModelCallFailed
from zhiku.providers.builtin.wheel_format import WheelUnreadable, find_model_file

# Raise it when the files or the graph change: a new number is a new folder and a new embedding key.
VERSION = 1
MANIFEST_FILE = "manifest.json"
WHEEL_VARIANT = "wheel"
# What decides which 8-bit kernels run; a conversion was checked with those of its machine.
INSTRUCTION_SETS = ("avx512_vnni", "avx_vnni", "avx2", "i8mm", "asimddp")


@dataclass(frozen=True, slots=True)
class Conversion:
    """A finished conversion: its folder, what it holds, and where the word rows start in the wheel's file."""

    folder: Path
    variant: str
    words_offset_bytes: int


def folder_name() -> str:
    """Return the name of the folder that holds this version's conversion for this kind of machine."""
    return f"multilingual-e5-small-{VERSION}-{platform.machine()}-{_instruction_set()}"


def find_conversion(models_dir: Path) -> Conversion | None:
    """Return the finished conversion, whoever made it, or None. Reads a few hundred bytes and loads no model."""
    folder = models_dir / folder_name()
    try:
        manifest = json.loads((folder / MANIFEST_FILE).read_bytes())
        sizes: dict[str, int] = manifest["files"]
        is_whole = all((folder / name).stat().st_size == size for name, size in sizes.items())
        is_current = find_model_file().stat().st_size == manifest["wheel_bytes"]
        if is_whole and is_current:
            return Conversion(folder, manifest["variant"], manifest["words_offset_bytes"])
    except (OSError, ValueError, KeyError, WheelUnreadable):
        return None
    return None


def prepare_conversion(models_dir: Path) -> Conversion:
    """Return the finished conversion; if there is none, have a child process make it, which takes seconds.

    The child's memory (the graph library's) goes with it. Processes that ask at once wait for one conversion.
    Raises ModelCallFailed with the child's last words.
    """
    found = find_conversion(models_dir)
    if found:
        return found
    command = [sys.executable, "-m", "zhiku.providers.builtin.convert", str(models_dir)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    found = find_conversion(models_dir)
    if found is None:
        said = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise ModelCallFailed(f"The built-in embedding model could not be prepared: {said[0]}")
    return found


def _instruction_set() -> str:
    try:
        words = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return "any"
    return next((name for name in INSTRUCTION_SETS if name in words), "any")
