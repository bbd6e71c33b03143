"""The sandbox: whatever a parser does, the worker gets an answer and the next file is read."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from zhiku.errors import DocumentUnreadable
from zhiku.ingestion.extract.parts import PICTURES_BYTES, Extraction, Limits, Part, PartKind, Picture
from zhiku.ingestion.extract.sandbox import Sandbox, SandboxError

ENGINE = "tests.unit.ingestion.extract.unruly_engine"
MEBIBYTE = 1 << 20
ROOMY = Limits(seconds=60, memory_bytes=256 * MEBIBYTE, output_bytes=2 * MEBIBYTE, cpu_seconds=60)
NARROW = Limits(seconds=1.5, memory_bytes=256 * MEBIBYTE, output_bytes=MEBIBYTE, cpu_seconds=1)
GUARDED = sys.platform == "linux" and os.uname().machine in {"x86_64", "aarch64"}

Run = Callable[[Sandbox, str], str]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(ROOMY, ENGINE) as made:
        yield made


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run_command(sandbox: Sandbox, command: str) -> str:
        path = tmp_path / "file"
        path.write_text(command, encoding="utf-8")
        return sandbox.extract(path, "TXT").parts[0].text

    return run_command


def refusal(sandbox: Sandbox, run: Run, command: str) -> str:
    with pytest.raises(DocumentUnreadable) as caught:
        run(sandbox, command)
    assert run(sandbox, "hello") == "txt:hello", "the next file is read"
    return str(caught.value)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_parts_come_back_with_their_pages(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "名字 with spaces"
    path.write_text("正文", encoding="utf-8")
    assert sandbox.extract(path, "Txt") == Extraction([Part("txt:正文", 7, PartKind.PAGE, "title")], [])


def test_content_is_read_without_a_file(sandbox: Sandbox) -> None:
    assert sandbox.extract("正文".encode(), "md").parts[0].text == "md:正文"
    assert sandbox.extract(b"x" * MEBIBYTE, "md").parts[0].text == "md:" + "x" * MEBIBYTE


def test_pictures_come_back_beside_the_text(sandbox: Sandbox) -> None:
    drawn = sandbox.extract(b"draw 3", "md")
    assert drawn == Extraction([Part("![](image:0)")], [Picture(bytes(3), "image/png")])
    # More than all the text there may be, and still not the text's fault.
    assert (
        len(sandbox.extract(f"draw {3 * ROOMY.output_bytes}".encode(), "md").pictures[0].content) > ROOMY.output_bytes
    )


def test_more_pictures_than_are_allowed_are_refused(sandbox: Sandbox, run: Run) -> None:
    assert "of text" in refusal(sandbox, run, f"draw {PICTURES_BYTES + ROOMY.output_bytes}")


def test_an_empty_file_is_refused_without_a_process(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    with Sandbox(ROOMY, ENGINE) as sandbox:
        with pytest.raises(DocumentUnreadable, match=r"^The file is empty\.$"):
            sandbox.extract(path, "txt")
        with pytest.raises(DocumentUnreadable, match=r"^The file is empty\.$"):
            sandbox.extract(b"", "txt")
        assert sandbox.server_pid is None


def test_a_missing_file_is_no_fault_of_the_document(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sandbox.extract(tmp_path / "nothing", "txt")


def test_a_hanging_parser_is_ended_at_the_wall_clock(run: Run) -> None:
    with Sandbox(NARROW, ENGINE) as sandbox:
        assert "longer than 1.5 seconds" in refusal(sandbox, run, "sleep 600")


def test_an_endless_parser_is_ended_at_its_share_of_computing(run: Run) -> None:
    limits = Limits(seconds=200, memory_bytes=256 * MEBIBYTE, output_bytes=MEBIBYTE, cpu_seconds=1)
    with Sandbox(limits, ENGINE) as sandbox:
        assert "more than 1 seconds of computing" in refusal(sandbox, run, "spin")


@pytest.mark.parametrize("command", ["allocate 2000", "map 2000"])
def test_a_parser_that_eats_memory_is_ended(sandbox: Sandbox, run: Run, command: str) -> None:
    assert "more memory than is allowed" in refusal(sandbox, run, command)


def test_memory_below_the_limit_is_given(sandbox: Sandbox, run: Run) -> None:
    assert run(sandbox, "map 128") == "128"


@pytest.mark.parametrize("command", ["crash", "end 3", "end 0", "fail now", "signal 11", "signal 6", "garble"])
def test_a_parser_that_breaks_is_the_end_of_its_file_only(sandbox: Sandbox, run: Run, command: str) -> None:
    assert "damaged" in refusal(sandbox, run, command)


def test_a_parser_killed_by_the_system_is_said_to_need_memory(sandbox: Sandbox, run: Run) -> None:
    assert "more memory than is allowed" in refusal(sandbox, run, "signal 9")


def test_a_parsers_own_message_reaches_the_caller(sandbox: Sandbox, run: Run) -> None:
    assert refusal(sandbox, run, "refuse It is locked. Unlock it.") == "It is locked. Unlock it."


def test_a_text_over_the_limit_is_refused_and_not_cut(sandbox: Sandbox, run: Run) -> None:
    assert "more than 2 MiB of text" in refusal(sandbox, run, f"speak {3 * MEBIBYTE}")
    assert len(run(sandbox, f"speak {2 * MEBIBYTE - 100}")) == 2 * MEBIBYTE - 100


@pytest.mark.skipif(not GUARDED, reason="system calls are only refused on Linux, x86-64 and aarch64")
@pytest.mark.parametrize("what", ["connect", "connect6", "local", "read", "write", "remove", "fork", "execute", "kill"])
def test_a_parser_reaches_nothing_outside_of_its_process(sandbox: Sandbox, run: Run, what: str) -> None:
    assert run(sandbox, f"attempt {what}") == "errno 13"


def test_a_parser_may_have_an_event_loop(sandbox: Sandbox, run: Run) -> None:
    assert run(sandbox, "attempt pair") == "done"


def test_a_parser_inherits_nothing(sandbox: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIKU_API_KEY", "secret")
    assert run(sandbox, "describe descriptors") == "[0, 1, 2, 3]", "standard streams (nowhere) and the reply's pipe"
    assert "ZHIKU_API_KEY" not in run(sandbox, "describe environment")


def test_a_parser_has_its_own_group_and_the_lowest_priority(sandbox: Sandbox, run: Run) -> None:
    assert run(sandbox, "describe group") == "True"
    assert run(sandbox, "describe nice") == "19"


def test_each_file_has_its_own_process_of_the_same_server(sandbox: Sandbox, run: Run) -> None:
    assert run(sandbox, "describe pid") != run(sandbox, "describe pid")
    assert run(sandbox, "describe server") == str(sandbox.server_pid)


def test_warming_starts_the_server_that_reads_the_first_file(sandbox: Sandbox, run: Run) -> None:
    assert sandbox.server_pid is None
    sandbox.warm()
    started = sandbox.server_pid
    assert started is not None
    assert run(sandbox, "describe server") == str(started)


def test_a_killed_fork_server_is_replaced(sandbox: Sandbox, run: Run) -> None:
    run(sandbox, "hello")
    killed = sandbox.server_pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert run(sandbox, "hello") == "txt:hello"
    assert sandbox.server_pid != killed


def test_a_fork_server_killed_while_it_reads_takes_its_child_along(sandbox: Sandbox, run: Run) -> None:
    run(sandbox, "hello")
    server = psutil.Process(sandbox.server_pid)
    caught: list[BaseException] = []

    def read() -> None:
        try:
            run(sandbox, "sleep 600")
        except SandboxError as error:
            caught.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    wait_until(lambda: bool(server.children()))
    child = server.children()[0].pid
    server.kill()
    wait_until(lambda: is_gone(child))
    # The same file is tried once more, and closing ends that too.
    wait_until(lambda: sandbox.server_pid not in {None, server.pid})
    sandbox.close()
    reader.join(30)
    assert not reader.is_alive()
    assert len(caught) == 1


def test_a_closed_sandbox_reads_nothing(run: Run) -> None:
    sandbox = Sandbox(ROOMY, ENGINE)
    sandbox.close()
    with pytest.raises(SandboxError):
        run(sandbox, "hello")


def test_an_engine_that_cannot_be_loaded_is_no_fault_of_the_document(run: Run) -> None:
    with Sandbox(ROOMY, "tests.unit.ingestion.extract.no_such_engine") as sandbox:
        with pytest.raises(SandboxError, match="no_such_engine"):
            run(sandbox, "hello")
        with pytest.raises(SandboxError, match="no_such_engine"):
            run(sandbox, "hello")


def test_files_from_several_threads_are_read_one_after_the_other(sandbox: Sandbox, tmp_path: Path) -> None:
    found: dict[int, str] = {}

    def read(number: int) -> None:
        path = tmp_path / str(number)
        path.write_text(str(number), encoding="utf-8")
        found[number] = sandbox.extract(path, "txt").parts[0].text

    readers = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert found == {number: f"txt:{number}" for number in range(8)}


def test_nothing_is_left_in_the_temporary_folder(
    run: Run, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(folder))
    with Sandbox(NARROW, ENGINE) as sandbox:
        run(sandbox, "hello")
        refusal(sandbox, run, "sleep 600")
        refusal(sandbox, run, "crash")
        assert list(folder.iterdir()) == []


def test_closing_leaves_no_process(run: Run) -> None:
    with Sandbox(ROOMY, ENGINE) as sandbox:
        run(sandbox, "hello")
        refusal(sandbox, run, "crash")
        server = sandbox.server_pid
        assert server is not None
        assert psutil.Process(server).children() == []
    assert is_gone(server)


WORKER = """
import sys
from pathlib import Path
from zhiku.ingestion.extract.sandbox import Limits, Sandbox
sandbox = Sandbox(Limits(600, 1 << 28, 1 << 20, 600), sys.argv[1])
sandbox.warm()
print(sandbox.server_pid, flush=True)
sandbox.extract(Path(sys.argv[2]), "txt")
"""


def test_a_killed_worker_leaves_no_process(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("sleep 600", encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    command = [sys.executable, "-c", WORKER, ENGINE, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as worker:
        assert worker.stdout is not None
        server = psutil.Process(int(worker.stdout.readline()))
        wait_until(lambda: bool(server.children()))
        child = server.children()[0].pid
        worker.kill()
        worker.wait()
    wait_until(lambda: is_gone(server.pid) and is_gone(child))
