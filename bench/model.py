"""The built-in model: how much of its bare speed is left in a whole ingestion."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.api import Api
from bench.corpus import make_segments
from bench.data import fresh_dir
from bench.figures import Figure, show
from bench.ingest import FIRST_UNUSED, Rate, ingest, warm_up
from bench.processes import cpu_seconds, real_zhiku, running
from zhiku.jobs.supervisor import lower_priority
from zhiku.providers.builtin import BuiltinEmbedder

SEGMENTS, PER_DOCUMENT = 100, 50
ROUNDS = 3
SHARE_BOUND = 0.8


def measure_model() -> list[Figure]:
    """Return the throughput with the built-in model as a share of the bare embedder's, in turns."""
    folder = fresh_dir("model")
    server = real_zhiku(folder, "--no-sample")
    mine: list[Rate] = []
    bare: list[Rate] = []
    with running(server):
        api = Api(server.port)
        warm_up(api)
        for number in range(ROUNDS):
            first = FIRST_UNUSED + number * SEGMENTS
            bare.append(_run_bare(folder / "models", first))
            mine.append(ingest(server, api, SEGMENTS, PER_DOCUMENT, first))
    share = _median_ratio([rate.per_second for rate in mine], [rate.per_second for rate in bare])
    cpu_share = _median_ratio([rate.children_ms for rate in bare], [rate.children_ms for rate in mine])
    rates = [show(statistics.median(rate.per_second for rate in side)) for side in (mine, bare)]
    costs = [f"{statistics.median(rate.children_ms for rate in side):.1f} ms" for side in (mine, bare)]
    bound = f"≥ {SHARE_BOUND} × bare model"
    return [
        Figure(
            "segments/s, one process of idle priority", rates[0], rates[1], show(share), bound, share >= SHARE_BOUND
        ),
        Figure("CPU a segment, worker and bare model", costs[0], costs[1], f"{show(cpu_share)} of it is the model"),
    ]


def embed_bare(models_dir: Path, first: int) -> Rate:
    """Return the speed of the embedder alone in this process; the model is loaded before the clock starts."""
    lower_priority()
    embedder = BuiltinEmbedder(models_dir)
    embedder.embed_query("warm")
    texts = [text for document in make_segments(SEGMENTS, PER_DOCUMENT, first) for text in document]
    before, started = cpu_seconds("self"), time.perf_counter()
    embedder.embed_passages(texts)
    seconds = time.perf_counter() - started
    return Rate(SEGMENTS / seconds, 0.0, 1000 * (cpu_seconds("self") - before) / SEGMENTS)


def _run_bare(models_dir: Path, first: int) -> Rate:
    command = [sys.executable, "-m", "bench.model", str(models_dir), str(first)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Rate(*json.loads(output.splitlines()[-1]))


def _median_ratio(mine: Sequence[float], other: Sequence[float]) -> float:
    return statistics.median(one / two for one, two in zip(mine, other, strict=True))


if __name__ == "__main__":
    found = embed_bare(Path(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps([found.per_second, found.server_ms, found.children_ms]))
