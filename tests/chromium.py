"""The system's Chromium for tests in a browser; installed from the system's packages where that is possible."""

import os
import shutil
import subprocess
from functools import cache

INSTALL_SECONDS = 600
NAMES = ("chromium", "chromium-browser", "google-chrome")


class ChromiumMissing(Exception):
    """This machine has no Chromium and cannot install one; the message says in one line why."""


@cache
def find_chromium() -> str:
    """Return the path of a Chromium. Raises ChromiumMissing."""
    found = _on_path()
    if found is None:
        _install()
        found = _on_path()
    if found is None:
        raise ChromiumMissing("the installed package has no program that is known here")
    return found


def _on_path() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def _install() -> None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ChromiumMissing("there is none, and installing one needs root and apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-y", "-q", "chromium", "fonts-noto-cjk"]):
        try:
            subprocess.run(command, env=environment, capture_output=True, timeout=INSTALL_SECONDS, check=True)
        except (subprocess.SubprocessError, OSError) as error:
            raise ChromiumMissing(f"{' '.join(command)} failed ({type(error).__name__})") from error
