"""Retrieve while a bulk ingestion runs, beside the bare server that indexes in its own process."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.api import Api, bare_index_request, bare_requests, zhiku_requests
from bench.corpus import make_queries, make_segments
from bench.data import copy_dir, prepare
from bench.figures import Figure, show
from bench.ingest import FIRST_UNUSED, PER_DOCUMENT, warm_up
from bench.load import LoadProcess, Outcome, percentile_ms, send_all
from bench.processes import Server, bare_server, hashed_zhiku, running

SECONDS = 5.0
LEAD_SECONDS = 1.0
"""How long documents come in before queries are measured."""

ROUNDS = 3
BOUND = 2.0
DOCUMENTS_AHEAD = 5
MANY = 10_000_000
QUERIES = 500

Feed = Callable[[threading.Event], None]


@dataclass(frozen=True)
class _Pair:
    """What was measured in each round, idle and while documents came in."""

    idle: list[Outcome]
    fed: list[Outcome]

    def percentile(self, which: str, percent: float) -> float:
        """Return a percentile of all rounds in milliseconds."""
        outcomes = self.idle if which == "idle" else self.fed
        return percentile_ms([latency for outcome in outcomes for latency in outcome.latencies], percent)

    def grown(self, percent: float) -> float:
        """Return how many times longer it takes while documents come in."""
        return self.percentile("fed", percent) / self.percentile("idle", percent)

    def shown(self, which: str, percent: float) -> str:
        """Return a percentile for the table."""
        return f"{self.percentile(which, percent):.2f} ms"


def measure_during(size: int) -> list[Figure]:
    """Return the p99 of hybrid by one client, idle and while documents come in as fast as they are taken."""
    data = prepare(size)
    queries = make_queries(QUERIES)
    zhiku = hashed_zhiku(copy_dir(data.zhiku_dir, "during"))
    bare = bare_server(copy_dir(data.bare_dir, "during-bare"))
    with running(zhiku, bare), LoadProcess() as load:
        warm_up(Api(zhiku.port))
        feed, bare_feed = _ZhikuFeed(zhiku.port, data.dataset_id), _BareFeed(bare.port)
        mine = _measure(load, zhiku, zhiku_requests(data.dataset_id, "hybrid", queries), feed.run)
        other = _measure(load, bare, bare_requests("hybrid", queries), bare_feed.run)
    seconds = ROUNDS * (SECONDS + LEAD_SECONDS)
    rates = (feed.fed * PER_DOCUMENT / seconds, bare_feed.fed * PER_DOCUMENT / seconds)
    return _figures(size, mine, other, rates)


class _ZhikuFeed:
    """Keeps some documents waiting in the queue, and counts those that become available."""

    def __init__(self, port: int, dataset_id: str) -> None:
        self._port, self._dataset_id = port, dataset_id
        self._documents = make_segments(MANY, PER_DOCUMENT, FIRST_UNUSED)
        self._created = 0
        self.fed = 0

    def run(self, stop: threading.Event) -> None:
        """Feed until `stop`, then wait until all is taken."""
        api = Api(self._port)
        start = self._count(api)
        expected = start
        while not stop.is_set():
            if expected - self._count(api) < DOCUMENTS_AHEAD:
                api.create_document(self._dataset_id, f"fed {self._created}", next(self._documents))
                self._created += 1
                expected += 1
            else:
                stop.wait(0.1)
        self.fed += self._count(api) - start
        api.wait_available(self._dataset_id, expected, pause=0.2)

    def _count(self, api: Api) -> int:
        return api.call("GET", f"/v1/datasets/{self._dataset_id}")["total_available_documents"]


class _BareFeed:
    """Sends one document after the other."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._documents = make_segments(MANY, PER_DOCUMENT, FIRST_UNUSED)
        self.fed = 0

    def run(self, stop: threading.Event) -> None:
        """Feed until `stop`."""
        while not stop.is_set():
            requests = [bare_index_request(next(self._documents))]
            send_all({"port": self._port, "requests": requests, "clients": 1, "count": 1, "seconds": 0})
            self.fed += 1


@contextmanager
def _fed(feed: Callable[[threading.Event], None]) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=feed, args=(stop,))
    thread.start()
    time.sleep(LEAD_SECONDS)
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _measure(load: LoadProcess, server: Server, requests: list[str], feed: Feed) -> _Pair:
    """Return the latencies idle and while fed, in turns."""
    pair = _Pair([], [])
    load.run(server.port, requests, 1, count=QUERIES)
    for _ in range(ROUNDS):
        pair.idle.append(load.run(server.port, requests, 1, seconds=SECONDS))
        with _fed(feed):
            pair.fed.append(load.run(server.port, requests, 1, seconds=SECONDS))
    return pair


def _figures(size: int, mine: _Pair, other: _Pair, rates: tuple[float, float]) -> list[Figure]:
    figures: list[Figure] = []
    for percent in (50, 99):
        grown, other_grown = mine.grown(percent), other.grown(percent)
        is_bound = percent == 99
        figures += [
            Figure(f"hybrid p{percent}, {size:,}, idle", mine.shown("idle", percent), other.shown("idle", percent)),
            Figure(
                f"hybrid p{percent}, {size:,}, while indexing",
                mine.shown("fed", percent),
                other.shown("fed", percent),
            ),
            Figure(
                f"p{percent} while indexing over idle",
                f"{show(grown)} ×",
                f"{show(other_grown)} ×",
                target=f"≤ {BOUND} ×" if is_bound else "",
                is_met=grown <= BOUND if is_bound else None,
            ),
        ]
    return [*figures, Figure("segments/s taken meanwhile", show(rates[0]), show(rates[1]))]
