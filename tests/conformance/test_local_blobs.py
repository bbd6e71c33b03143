"""The blob store in a folder: the suite, and what only files can do wrong."""

import errno
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conformance.blob_suite import BlobSuite
from zhiku.blobs.base import BlobStore
from zhiku.blobs.local import LocalBlobs
from zhiku.errors import StorageFull

# Puts one key again and again, with contents of one repeated byte, and says so after each.
WRITER = """
import sys
from itertools import cycle
from pathlib import Path
from zhiku.blobs.local import LocalBlobs

blobs = LocalBlobs(Path(sys.argv[1]))
source = Path(sys.argv[2])
for number in cycle(range(256)):
    content = bytes([number]) * 300_000
    if number % 2:
        blobs.put("contended", content)
    else:
        source.write_bytes(content)
        blobs.put_file("contended", source)
    print(number, flush=True)
"""


class TestLocalBlobs(BlobSuite):
    """The suite over a folder."""

    @pytest.fixture
    def blobs(self, tmp_path: Path) -> BlobStore:
        return LocalBlobs(tmp_path / "blobs")


def files_under(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_blobs_outlive_the_store_that_put_them(tmp_path: Path) -> None:
    LocalBlobs(tmp_path).put("a", b"1")
    assert LocalBlobs(tmp_path).get("a") == b"1"


def test_a_stored_file_leaves_its_place(tmp_path: Path) -> None:
    source = tmp_path / "upload"
    source.write_bytes(b"content")
    LocalBlobs(tmp_path / "blobs").put_file("a", source)
    assert not source.exists()


def test_a_link_is_stored_as_the_content_it_leads_to(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path / "blobs")
    original = tmp_path / "original"
    original.write_bytes(b"content")
    link = tmp_path / "link"
    link.symlink_to(original)
    blobs.put_file("a", link)
    original.write_bytes(b"changed later")
    assert blobs.get("a") == b"content"


def test_a_file_on_another_disk_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = Path.replace

    def refuse_first(self: Path, target: Path) -> Path:
        if self == source:
            raise OSError(errno.EXDEV, "other disk")
        return replace(self, target)

    blobs = LocalBlobs(tmp_path / "blobs")
    source = tmp_path / "upload"
    source.write_bytes(b"content")
    monkeypatch.setattr(Path, "replace", refuse_first)
    blobs.put_file("a", source)
    assert blobs.get("a") == b"content"
    assert not source.exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
@pytest.mark.parametrize("by_file", [False, True])
def test_a_full_disk_changes_nothing_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, by_file: bool
) -> None:
    blobs = LocalBlobs(tmp_path / "blobs")
    blobs.put("a", b"before")
    source = tmp_path / "upload"
    source.write_bytes(b"after")

    def fail(_: int) -> None:
        raise OSError(code, "no space")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(StorageFull):
            if by_file:
                blobs.put_file("a", source)
            else:
                blobs.put("a", b"after")
    assert blobs.get("a") == b"before"
    assert source.read_bytes() == b"after"
    assert len(files_under(tmp_path / "blobs")) == 1
    blobs.put("a", b"later")
    assert blobs.get("a") == b"later"


def test_another_failure_of_the_disk_is_not_called_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = LocalBlobs(tmp_path)

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="broken"):
        blobs.put("a", b"content")


def test_files_are_spread_over_folders(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    for number in range(50):
        blobs.put(f"uploads/{number}", b"")
    folders = {path.parent for path in files_under(tmp_path)}
    assert len(folders) > 40
    assert {len(folder.relative_to(tmp_path).parts) for folder in folders} == {2}


def test_what_a_killed_process_left_is_removed_at_start_once_it_is_old(tmp_path: Path) -> None:
    LocalBlobs(tmp_path).put("a", b"kept")
    incoming = tmp_path / "_incoming"
    (incoming / "old").write_bytes(b"half")
    (incoming / "young").write_bytes(b"half")
    past = time.time() - 7200
    os.utime(incoming / "old", (past, past))
    blobs = LocalBlobs(tmp_path)
    assert [path.name for path in incoming.iterdir()] == ["young"]
    assert list(blobs.list_keys()) == ["a"]


def test_a_put_killed_at_any_moment_is_whole_or_did_not_happen(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    root = tmp_path / "blobs"
    for round_number in range(6):
        at = f"seed {seed}, round {round_number}"
        said = run_writer_and_kill_it(root, tmp_path / "upload", chance.randrange(1, 12), chance.random() / 200)
        content = LocalBlobs(root).get("contended")
        assert len(content) == 300_000, at
        assert len(set(content)) == 1, at
        assert content[0] in (said, said + 1), f"{at}: put {said} was acknowledged"


def run_writer_and_kill_it(root: Path, source: Path, puts: int, extra_seconds: float) -> int:
    """Kill a writer during the put after `puts` or soon after; return the last put that it acknowledged."""
    command = [sys.executable, "-c", WRITER, str(root), str(source)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(puts):
            writer.stdout.readline()
        end = time.monotonic() + extra_seconds
        while time.monotonic() < end:
            pass
        writer.kill()
        rest = writer.stdout.read().split()
    return int(rest[-1]) if rest else puts - 1
