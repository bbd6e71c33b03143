"""Ingestion from create-by-text to searchable, with a model that costs nothing."""

import statistics
import time
from dataclasses import dataclass

from bench.api import Api, bare_index_request
from bench.corpus import make_segment, make_segments
from bench.data import fresh_dir
from bench.figures import Figure, at_least, at_most, show
from bench.load import LoadProcess
from bench.processes import Server, bare_server, cpu_seconds, hashed_zhiku, running, tree_of

SEGMENTS, PER_DOCUMENT = 10_000, 100
SMALL_DOCUMENTS = 500
SINGLES = 30
RATE_BOUND, SINGLE_BOUND_MS = 2000.0, 100.0
FIRST_UNUSED = 1_000_000
"""Segments of the corpus from here on are in no prepared data."""


@dataclass(frozen=True)
class Rate:
    """How fast segments went in, and the processor time in ms each cost the server and its children."""

    per_second: float
    server_ms: float
    children_ms: float


def measure_ingest(segments: int = SEGMENTS) -> list[Figure]:
    """Return the figures of large documents, of small ones, and of one small document alone."""
    server = hashed_zhiku(fresh_dir("ingest"))
    with running(server):
        api = Api(server.port)
        warm_up(api)
        large = ingest(server, api, segments, PER_DOCUMENT)
        small = ingest(server, api, SMALL_DOCUMENTS, 1)
        singles = _time_singles(api)
    bare = _ingest_bare(segments)
    return [
        _with_reference(at_least(f"documents of {PER_DOCUMENT} segments", large.per_second, RATE_BOUND, "/s"), bare),
        Figure("CPU a segment: serving process", f"{large.server_ms:.3f} ms"),
        Figure("CPU a segment: worker", f"{large.children_ms:.3f} ms"),
        Figure("documents of 1 segment", f"{show(small.per_second)} /s"),
        Figure("CPU a document of 1 segment: serving process", f"{small.server_ms:.2f} ms"),
        Figure("CPU a document of 1 segment: worker", f"{small.children_ms:.2f} ms"),
        at_most("one small document, worker warm: median", statistics.median(singles), SINGLE_BOUND_MS, "ms"),
        Figure("one small document, worker warm: slowest", f"{max(singles):.0f} ms"),
    ]


def warm_up(api: Api) -> None:
    """Have the worker started and everything imported."""
    dataset_id = api.create_dataset("warm")
    api.create_document(dataset_id, "warm", [make_segment(0, is_chinese=False), make_segment(1, is_chinese=True)])
    api.wait_available(dataset_id, 1)


def ingest(server: Server, api: Api, segments: int, per_document: int, first: int = FIRST_UNUSED) -> Rate:
    """Put segments into a new dataset and wait until the last one can be found."""
    documents = list(make_segments(segments, per_document, first))
    dataset_id = api.create_dataset(f"{segments} by {per_document} from {first}")
    pids = tree_of(server.pid)
    before = [cpu_seconds(pid) for pid in pids]
    started = time.perf_counter()
    for number, document in enumerate(documents):
        api.create_document(dataset_id, f"document {number}", document)
    api.wait_available(dataset_id, len(documents))
    seconds = time.perf_counter() - started
    spent = [1000 * (cpu_seconds(pid) - base) / segments for pid, base in zip(pids, before, strict=True)]
    return Rate(segments / seconds, spent[0], sum(spent[1:]))


def _time_singles(api: Api) -> list[float]:
    """Return the milliseconds from sending a small document to finding it by a word of its own."""
    dataset_id = api.create_dataset("singles")
    taken: list[float] = []
    for number in range(SINGLES):
        word = f"singular{number}x"
        started = time.perf_counter()
        api.create_document(dataset_id, word, [f"{make_segment(number, is_chinese=False)} {word}"])
        while not api.retrieve(dataset_id, word, "full text"):
            time.sleep(0.001)
        taken.append(1000 * (time.perf_counter() - started))
        time.sleep(0.05)
    return taken


def _ingest_bare(segments: int) -> Rate:
    server = bare_server(fresh_dir("ingest-bare") / "shard")
    requests = [bare_index_request(texts) for texts in make_segments(segments, PER_DOCUMENT, FIRST_UNUSED)]
    with running(server), LoadProcess() as load:
        before = cpu_seconds(server.pid)
        outcome = load.run(server.port, requests, 1, count=len(requests))
        return Rate(segments / outcome.seconds, 1000 * (cpu_seconds(server.pid) - before) / segments, 0.0)


def _with_reference(figure: Figure, bare: Rate) -> Figure:
    reference = f"{show(bare.per_second)} /s, {bare.server_ms:.3f} ms CPU"
    return Figure(figure.name, figure.value, reference, "", figure.target, figure.is_met)
