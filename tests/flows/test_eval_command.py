"""`zhiku eval` against a real server: the whole way from a CSV file to a table."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from tests.server_process import KEY, ServerProcess
from zhiku.cli import app

GUIDE = "Owls hunt at night.\n\nCats sleep in the sun."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A real server with one searchable economy dataset named Birds."""
    server = ServerProcess(tmp_path_factory.mktemp("eval") / "data")
    server.start()
    server.wait_healthy()
    with httpx.Client(base_url=server.url + "/v1", headers={"Authorization": f"Bearer {KEY}"}) as api:
        made = api.post("/datasets", json={"name": "Birds", "indexing_technique": "economy"}).json()["id"]
        batch = api.post(f"/datasets/{made}/document/create-by-text", json={"name": "guide", "text": GUIDE}).json()
        wait_completed(api, f"/datasets/{made}/documents/{batch['batch']}/indexing-status")
    yield server
    server.kill()


def wait_completed(api: httpx.Client, path: str) -> None:
    import time

    deadline = time.monotonic() + 30
    while api.get(path).json()["data"][0]["indexing_status"] != "completed":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def run_eval(server: ServerProcess, *arguments: str, key: str = KEY) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["eval", *arguments, "--url", server.url, "--key", key])
    return done.exit_code, done.output


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """A file with one question."""
    path = tmp_path / "owls.csv"
    path.write_text("question,document\nowls at night,guide\n", encoding="utf-8")
    return path


def test_a_file_of_questions_becomes_a_table(server: ServerProcess, questions: Path) -> None:
    code, said = run_eval(server, "Birds", str(questions), "--method", "keyword_search")
    assert code == 0, said
    heading, row = said.splitlines()[1:3]
    assert heading.split() == ["nDCG@10", "recall", "MRR", "p50", "ms", "p95", "ms"]
    assert row.split()[:4] == ["keyword_search", "1.000", "1.000", "1.000"]


def test_it_is_printed_for_programs_too_and_kept_in_the_dataset(server: ServerProcess, questions: Path) -> None:
    code, said = run_eval(server, "Birds", str(questions), "--json")
    assert code == 0, said
    ended = json.loads(said)
    assert (ended["status"], ended["question_set_name"], len(ended["settings"])) == ("completed", "owls.csv", 3)


def test_what_cannot_be_done_is_said_in_a_sentence(server: ServerProcess, questions: Path, tmp_path: Path) -> None:
    assert run_eval(server, "Fish", str(questions)) == (1, "There is no dataset Fish, or this key does not see it.\n")
    assert run_eval(server, "Birds", str(questions), key="wrong") == (
        1,
        "The server refused: Access token is invalid\n",
    )
    code, said = run_eval(server, "Birds", str(tmp_path / "none.csv"))
    assert (code, said) == (1, f"{tmp_path / 'none.csv'}: No such file or directory\n")
    code, said = run_eval(server, "Birds", str(questions), "--method", "guess")
    assert code == 1
    assert said.startswith("The server refused: settings.0.search_method:")
    done = CliRunner().invoke(app, ["eval", "Birds", str(questions), "--url", "http://127.0.0.1:1", "--key", KEY])
    assert done.exit_code == 1
    assert "cannot be reached" in done.output
