"""How long `zhiku serve` takes from the command to the first answer, and what it holds in memory."""

import statistics

from bench.api import Api
from bench.corpus import make_segment
from bench.data import copy_dir, fresh_dir, prepare
from bench.figures import Figure, at_most
from bench.processes import cpu_seconds, memory_mb, real_zhiku, running

SECONDS_BOUND = 1.5
IDLE_MB, WARM_MB = 150.0, 450.0
SEGMENTS = 10_000
STARTS = 5
SETTLE_QUERIES = 20


def measure_start(size: int = SEGMENTS) -> list[Figure]:
    """Return the seconds of a first start, and of starts after SIGKILL with segments that were being searched."""
    first: list[float] = []
    cpu: list[float] = []
    for _ in range(STARTS):
        server = real_zhiku(fresh_dir("start"))
        try:
            first.append(server.start())
            cpu.append(cpu_seconds(server.pid))
        finally:
            server.kill()
    data = prepare(size)
    killed: list[float] = []
    server = real_zhiku(copy_dir(data.zhiku_dir, "start"), "--no-sample")
    try:
        for number in range(STARTS + 1):
            seconds = server.start()
            if number:
                killed.append(seconds)
            api = Api(server.port)
            _ask(api, data.dataset_id)
            api.create_dataset(f"dataset {number}")
            server.kill()
    finally:
        server.kill()
    return [
        at_most(f"first start, median of {STARTS}", statistics.median(first), SECONDS_BOUND, "s"),
        Figure("processor time until then", f"{statistics.median(cpu):.2f} s"),
        at_most(f"after SIGKILL with {size:,} segments", statistics.median(killed), SECONDS_BOUND, "s"),
    ]


def measure_memory(size: int = SEGMENTS) -> list[Figure]:
    """Return the memory of the process tree: idle, serving without the model, and with model and worker warm."""
    figures: list[Figure] = []
    server = real_zhiku(fresh_dir("memory"), "--no-sample")
    with running(server):
        figures += _memory("idle, before the first embedding", server.pid, IDLE_MB)
        api = Api(server.port)
        dataset_id = api.create_dataset("memory")
        api.create_document(dataset_id, "document", [make_segment(1, is_chinese=False)])
        api.wait_available(dataset_id, 1)
        api.retrieve(dataset_id, "what is it about", "hybrid")
        figures += _memory("after one document and one query, worker warm", server.pid, WARM_MB)
    data = prepare(size)
    server = real_zhiku(copy_dir(data.zhiku_dir, "memory"), "--no-sample")
    with running(server):
        _ask(Api(server.port), data.dataset_id)
        figures += _memory(f"serving {size:,} segments without the model", server.pid, None)
    return figures


def _ask(api: Api, dataset_id: str) -> None:
    """Search by words: the dataset's own model is not served here."""
    for number in range(SETTLE_QUERIES):
        api.retrieve(dataset_id, " ".join(make_segment(number, is_chinese=False).split()[:5]), "full text")


def _memory(name: str, pid: int, bound: float | None) -> list[Figure]:
    pss, rss = memory_mb(pid)
    named = f"{name}: PSS"
    figure = at_most(named, pss, bound, "MB") if bound else Figure(named, f"{pss:.0f} MB")
    return [figure, Figure(f"{name}: RSS added up", f"{rss:.0f} MB")]
