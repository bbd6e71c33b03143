"""Retrieve: latency, requests a second and processor time of Zhiku beside the bare server."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.api import METHODS, TOP_K, bare_requests, zhiku_requests
from bench.corpus import make_queries
from bench.data import Data, prepare
from bench.figures import Figure, show
from bench.load import LoadProcess, percentile_ms
from bench.processes import Server, bare_server, cpu_seconds, hashed_zhiku, running

QUERIES = 1000
CLIENTS = 8
ALONE, TOGETHER = 150, 600
"""Requests of one round: by one client, and by eight at once."""

LATENCY_BOUND = {"vector": None, "full text": 1.7, "hybrid": 1.5}
RATE_BOUND, CPU_BOUND_MS, GROWTH_BOUND = 0.75, 0.6, 2.0


@dataclass
class Side:
    """What one server did in all rounds of one method."""

    server: Server
    requests: list[str]
    latencies: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    def measure(self, load: LoadProcess, offset: int) -> None:
        """Do one round."""
        requests = self.requests[offset:] + self.requests[:offset]
        alone = load.run(self.server.port, requests, 1, count=ALONE)
        self.latencies += alone.latencies
        self.p50.append(alone.percentile_ms(50))
        before = cpu_seconds(self.server.pid)
        together = load.run(self.server.port, requests[ALONE:], CLIENTS, count=TOGETHER)
        self.rate.append(together.per_second)
        self.cpu_ms.append(1000 * (cpu_seconds(self.server.pid) - before) / len(together.latencies))


def measure_retrieve(sizes: Sequence[int], rounds: int) -> list[Figure]:
    """Return the figures of all methods and sizes."""
    figures: list[Figure] = []
    p50: dict[tuple[str, int], float] = {}
    for size in sizes:
        data = prepare(size)
        zhiku, bare = hashed_zhiku(data.zhiku_dir), bare_server(data.bare_dir)
        with running(zhiku, bare), LoadProcess() as load:
            for method in METHODS:
                sides = _sides(data, method, zhiku, bare)
                _measure(load, sides, rounds)
                figures += _figures(method, size, *sides)
                p50[method, size] = statistics.median(sides[0].p50)
    for method in METHODS:
        if len(sizes) == 2:
            small, large = (p50[method, size] for size in sorted(sizes))
            ratio = large / small
            name = f"{method} p50, {max(sizes):,} over {min(sizes):,}"
            bound = f"≤ {GROWTH_BOUND}"
            figures.append(Figure(name, f"{show(large)} ms", "", show(ratio), bound, ratio <= GROWTH_BOUND))
    return figures


def _sides(data: Data, method: str, zhiku: Server, bare: Server) -> tuple[Side, Side]:
    queries = make_queries(QUERIES)
    return Side(zhiku, zhiku_requests(data.dataset_id, method, queries)), Side(bare, bare_requests(method, queries))


def _measure(load: LoadProcess, sides: tuple[Side, Side], rounds: int) -> None:
    for side, hits in zip(sides, ("records", "hits"), strict=True):
        warm = load.run(side.server.port, side.requests, CLIENTS, count=QUERIES // 2)
        found = len(json.loads(warm.first_body)[hits])
        if found != TOP_K:
            raise RuntimeError(f"{found} instead of {TOP_K} hits: {warm.first_body[:300]}")
    for number in range(rounds):
        for side in sides if number % 2 else reversed(sides):
            side.measure(load, number * 97 % QUERIES)


def _figures(method: str, size: int, zhiku: Side, bare: Side) -> list[Figure]:
    at = f"{method}, {size:,}"
    p50 = _ratio(zhiku.p50, bare.p50)
    rate = _ratio(zhiku.rate, bare.rate)
    more_ms = statistics.median(mine - other for mine, other in zip(zhiku.cpu_ms, bare.cpu_ms, strict=True))
    bound = LATENCY_BOUND[method]
    is_bound = method == "hybrid"
    return [
        Figure(
            f"{at}: p50",
            _ms(statistics.median(zhiku.p50)),
            _ms(statistics.median(bare.p50)),
            show(p50),
            f"≤ {bound} × bare" if bound else "",
            p50 <= bound if bound else None,
        ),
        Figure(
            f"{at}: p99",
            _ms(percentile_ms(zhiku.latencies, 99)),
            _ms(percentile_ms(bare.latencies, 99)),
            show(percentile_ms(zhiku.latencies, 99) / percentile_ms(bare.latencies, 99)),
        ),
        Figure(
            f"{at}: requests/s, {CLIENTS} clients",
            show(statistics.median(zhiku.rate)),
            show(statistics.median(bare.rate)),
            show(rate),
            f"≥ {RATE_BOUND} × bare" if is_bound else "",
            rate >= RATE_BOUND if is_bound else None,
        ),
        Figure(
            f"{at}: CPU a request",
            _ms(statistics.median(zhiku.cpu_ms)),
            _ms(statistics.median(bare.cpu_ms)),
            f"{more_ms:+.2f} ms",
            f"≤ bare + {CPU_BOUND_MS} ms" if is_bound else "",
            more_ms <= CPU_BOUND_MS if is_bound else None,
        ),
    ]


def _ratio(mine: Sequence[float], other: Sequence[float]) -> float:
    return statistics.median(one / two for one, two in zip(mine, other, strict=True))


def _ms(value: float) -> str:
    return f"{value:.2f} ms"
