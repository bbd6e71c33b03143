"""Evaluation from the command line, by the API of a running server, which alone has the index open."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen
from uuid import uuid4

import typer

POLL_SECONDS = 0.5
CALL_SECONDS = 60.0
FIGURES = ("ndcg_at_10", "recall", "mrr", "p50_ms", "p95_ms")
JSON = "application/json"
METHODS = ("hybrid_search", "semantic_search", "full_text_search")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server's base URL, without `/v1`, and a key that may write."""

    url: str
    key: str


def evaluate(server: Server, dataset: str, file: Path, settings: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the ended evaluation of a CSV file's questions; set and evaluation stay in the dataset. Exits with 1."""
    path = f"/datasets/{_find_dataset(server, dataset)}"
    try:
        content = file.read_bytes()
    except OSError as error:
        raise _failed(f"{file}: {error.strerror}") from error
    boundary = uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{quote(file.name)}"\r\n\r\n'
    body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    made = _call(server, "POST", f"{path}/question-sets/import", body, f"multipart/form-data; boundary={boundary}")
    wanted = {"question_set_id": made["id"], "settings": list(settings)}
    run = _call(server, "POST", f"{path}/evaluations", json.dumps(wanted).encode())
    while run["ended_at"] is None:
        time.sleep(POLL_SECONDS)
        run = _call(server, "GET", f"{path}/evaluations/{run['id']}")
    if run["status"] != "completed":
        raise _failed(f"The evaluation is {run['status']}. {run['error'] or ''}".strip())
    return run


def print_table(run: dict[str, Any]) -> None:
    """Print the figures of each of the settings, and what they suggest."""
    typer.echo(f"{run['total']} questions")
    typer.echo(f"{'':20}{'nDCG@10':>9}{'recall':>9}{'MRR':>9}{'p50 ms':>9}{'p95 ms':>9}")
    for each in run["settings"]:
        shown = [each["figures"][name] for name in FIGURES]
        cells = [f"{figure:.3f}" for figure in shown[:3]] + [f"{figure:.1f}" for figure in shown[3:]]
        typer.echo(f"{each['retrieval_model']['search_method']:20}" + "".join(f"{cell:>9}" for cell in cells))
    found = run["suggestion"]
    if found is not None:
        typer.echo(
            f"Hybrid search suits these questions best with a vector weight of {found['vector_weight']:.2f} "
            f"(nDCG@10 {found['ndcg_at_10']:.3f} by cross-validation, {found['default_ndcg_at_10']:.3f} with .6)\n"
            f"and a score threshold of {found['score_threshold']:.2f} "
            f"(F1 {found['f1']:.3f}, {found['f1_without_threshold']:.3f} without)."
        )


def print_json(run: dict[str, Any]) -> None:
    """Print the evaluation as the API tells it."""
    typer.echo(json.dumps(run, ensure_ascii=False))


def _find_dataset(server: Server, wanted: str) -> str:
    """Return the id of the dataset that has this id or, else, this name."""
    page = 1
    while True:
        found = _call(server, "GET", f"/datasets?limit=100&page={page}")
        for dataset in found["data"]:
            if wanted.lower() == dataset["id"] or wanted == dataset["name"]:
                return cast(str, dataset["id"])
        if not found["has_more"]:
            raise _failed(f"There is no dataset {wanted}, or this key does not see it.")
        page += 1


def _call(server: Server, method: str, path: str, body: bytes | None = None, kind: str = JSON) -> dict[str, Any]:
    if not server.url.startswith(("http://", "https://")):
        raise _failed(f"{server.url} is no address of a server; give one such as http://127.0.0.1:5001 with --url.")
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": kind}
    request = Request(f"{server.url.rstrip('/')}/v1{path}", data=body, headers=headers, method=method)
    try:
        with urlopen(request, timeout=CALL_SECONDS) as reply:
            return json.load(reply)
    except HTTPError as error:
        raise _failed(_message(error)) from error
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise _failed(
            f"The server at {server.url} cannot be reached ({reason}). Start it, or say where with --url."
        ) from (error)


def _message(error: HTTPError) -> str:
    try:
        return f"The server refused: {json.load(error)['message']}"
    except (ValueError, KeyError, TypeError):
        return f"The server refused with status {error.code}."


def _failed(message: str) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(1)
