"""Curl commands and the replies beside them, as published pages show them."""

import itertools
import json
import re
import shlex
from dataclasses import dataclass
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

BASES = ("https://api.dify.ai/v1", "https://{api_base_url}")
# One command writes an id in its path unlike all others.
SPELLINGS = {"<uuid:dataset_id>": "{dataset_id}"}


@dataclass(frozen=True)
class Sample:
    """A command that a page shows for an operation, and the JSON reply under it, if there is one."""

    operation: str
    command: str
    reply: Any = None


def read_page(text: str) -> list[Sample]:
    """Return the samples of a page of many operations, in their order."""
    for spelling, usual in SPELLINGS.items():
        text = text.replace(spelling, usual)
    found: list[Sample] = []
    for part in re.split(r"\n```\n(?=curl )", text)[1:]:
        command, _, rest = part.partition("\n```")
        shown = re.search(r"\n```(\w*)\n(.*?)\n```", rest.partition("\n## ")[0], re.DOTALL)
        reply = _lenient_json(shown[2]) if shown and shown[1] == "json" else None
        method, url = _target(_options(command))
        operation = f"{method} {_path(url).partition('?')[0]}"
        found.append(Sample(operation, command, reply))
    return found


def send(client: TestClient, command: str, files: dict[str, bytes]) -> Response:
    """Return the reply to a command, which brings its own key; `files` are what its paths stand for."""
    options = _options(command)
    method, url = _target(options)
    headers = [*options.get("--header", []), *options.get("-H", [])]
    bodies = [*options.get("--data-raw", []), *options.get("--data", [])]
    parts = [_part(form, files) for form in options.get("--form", [])]
    return client.request(
        method,
        f"/v1{_path(url)}",
        headers=dict(header.split(": ", 1) for header in headers),
        content=bodies[0].encode() if bodies else None,
        files=parts or None,
    )


def _options(command: str) -> dict[str, list[str]]:
    command = command.replace("\\\n", " ").rstrip(" \\\n")
    if command.count("'") % 2:
        # Two samples lack the last quote, where a shell would wait for it.
        command += "'"
    words = shlex.split(command)
    options: dict[str, list[str]] = {"": [word for word in words if word.startswith(BASES)]}
    for option, value in itertools.pairwise(words):
        options.setdefault(option, []).append(value)
    return options


def _target(options: dict[str, list[str]]) -> tuple[str, str]:
    (method,) = options.get("--request") or options["-X"]
    (url,) = options[""]
    return method, url


def _path(url: str) -> str:
    for base in BASES:
        url = url.removeprefix(base)
    return url


def _part(form: str, files: dict[str, bytes]) -> tuple[str, tuple[str | None, bytes, str]]:
    """Return a form's part; quotes around `data` stay, as some client programs send them."""
    name, _, value = form.partition("=")
    if value.startswith("@"):
        file_name = value.removeprefix("@").strip('"').rpartition("/")[2]
        return name, (file_name, files[file_name], "application/octet-stream")
    content, _, kind = value.partition(";type=")
    return name, (None, content.encode(), kind or "text/plain")


def _lenient_json(text: str) -> Any:
    """Return JSON as pages write it: with dots, with a comma too many, or with bare words for a value."""
    text = re.sub(r",?\s*\.\.\.", "", text)
    text = re.sub(r": [^\x00-\x7f]+", ": null", text)
    return json.loads(re.sub(r",(\s*[}\]])", r"\1", text))
