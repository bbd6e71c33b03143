"""The commands of both READMEs do what the pages say, against a server as a newcomer starts it."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import groups
from tests.layout.source import ROOT
from tests.server_process import KEY, ServerProcess
from tests.unit.ingestion.extract.pdf_files import pdf

PAGES = ("README.md", "README.zh-CN.md")
# A fenced block whose first line is "```sh run" is meant to be run, in the order of the page.
RUN_BLOCK = re.compile(r"^```sh run\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MAKE_TARGET = re.compile(r"(?:^|`)make ([a-z]+)", re.MULTILINE)
HANDBOOK = ("The warranty covers two years from the date of purchase.", "保修期为自购买之日起两年。")
# What a reader is told to do after the upload, and a question that only the file answers.
AFTER_UPLOAD = """
while curl -s $BASE/datasets/$DATASET/documents -H "Authorization: Bearer $KEY" \
  | grep -E '"indexing_status":"(waiting|parsing|cleaning|splitting|indexing)"' > /dev/null; do sleep 1; done
curl -s $BASE/datasets/$DATASET/retrieve -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \
  -d '{"query": "warranty 保修期", "retrieval_model": {"search_method": "full_text_search", "top_k": 1}}'
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A served, empty data dir with the built-in model."""
    if shutil.which("curl") is None or shutil.which("bash") is None:
        groups.leave_out("the READMEs' commands", "there is no curl or no bash")
    started = ServerProcess(tmp_path / "data")
    try:
        started.start()
        started.wait_healthy()
        yield started
    finally:
        started.kill()


@pytest.mark.slow
@pytest.mark.parametrize(("page", "expected"), list(zip(PAGES, ("28 days", "15 天"), strict=True)))
def test_the_commands_of_a_readme_end_with_an_answer(
    server: ServerProcess, tmp_path: Path, page: str, expected: str
) -> None:
    (tmp_path / "handbook.pdf").write_bytes(pdf(HANDBOOK))
    blocks = RUN_BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))

    printed = run_blocks([*blocks, AFTER_UPLOAD], server, tmp_path)

    assert '"indexing_status":"completed"' in printed[1]
    assert expected in first_record(printed[2])["segment"]["content"]
    assert first_record(printed[-1])["segment"]["document"]["name"] == "handbook.pdf"


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_that_a_readme_names_exists(page: str) -> None:
    named = set(MAKE_TARGET.findall((ROOT / page).read_text(encoding="utf-8")))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert {"run", "test", "check"} <= named
    assert named <= set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))


def run_blocks(blocks: list[str], server: ServerProcess, folder: Path) -> list[str]:
    """Return what each block printed; they share one shell, as they do at a reader's."""
    divider = "-- end of a block --"
    script = "".join(f"{block}\necho; echo '{divider}'\n" for block in blocks)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "BASE": f"{server.url}/v1", "KEY": KEY},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr + server.log.read_text()[-3000:]
    return done.stdout.split(divider)[:-1]


def first_record(printed: str) -> dict[str, Any]:
    """Return the best record of a printed retrieve reply."""
    return json.loads(printed)["records"][0]
