"""The bare server, the reference: HTTP, JSON, an embedding call and Edge; no truth beside it, no checks."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvicorn
from qdrant_edge import EdgeShard, QueryRequest, ScoredPoint, UpdateOperation
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bench.bare_shard import make_texts, open_shard
from bench.embedder import HashedEmbedder
from zhiku.indexes.edge_points import TERMS, vector_query, words_query
from zhiku.indexes.lexical import query_words
from zhiku.text.words import query_hashes

VECTOR_WEIGHT = 0.6
INDEX_BATCH = 256


class BareServer:
    """One open shard and what is done with it."""

    def __init__(self, folder: Path) -> None:
        self._engine: EdgeShard = open_shard(folder)
        self._embedder = HashedEmbedder()
        self._next_number = self._engine.info().points_count + 1

    async def search(self, request: Request) -> Response:
        """Answer a question with texts and scores."""
        return JSONResponse(self._search(await request.json()))

    async def index(self, request: Request) -> Response:
        """Take texts and answer when they can be found."""
        texts = (await request.json())["texts"]
        return JSONResponse(await run_in_threadpool(self._index, texts))

    def _search(self, asked: dict[str, Any]) -> dict[str, Any]:
        query, limit, method = asked["query"], asked["top_k"], asked["method"]
        if method == "vector":
            hits = [(point.score, point) for point in self._query(self._vector(query, limit))]
        elif method == "full text":
            hits = [(point.score, point) for point in self._query(self._words(query, limit))]
        else:
            hits = _fuse(self._query(self._vector(query, limit)), self._query(self._words(query, limit)), limit)
        return {"hits": [_hit(score, point) for score, point in hits]}

    def _query(self, request: QueryRequest | None) -> Sequence[ScoredPoint]:
        return self._engine.query(request) if request else []

    def _vector(self, query: str, limit: int) -> QueryRequest:
        request = vector_query(self._embedder.embed_query(query), limit, None)
        return _with_text(request)

    def _words(self, query: str, limit: int) -> QueryRequest | None:
        words = query_words(query_hashes(query))
        return _with_text(words_query(TERMS, words, limit, None, None)) if words else None

    def _index(self, texts: Sequence[str]) -> dict[str, Any]:
        for start in range(0, len(texts), INDEX_BATCH):
            batch = texts[start : start + INDEX_BATCH]
            self._engine.update(UpdateOperation.upsert_points(make_texts(self._next_number, batch, self._embedder)))
            self._next_number += len(batch)
        return {"indexed": len(texts)}


def _with_text(request: QueryRequest) -> QueryRequest:
    return QueryRequest(query=request.query, limit=request.limit, params=request.params, with_payload=["text"])


def _fuse(vectors: Sequence[ScoredPoint], words: Sequence[ScoredPoint], limit: int) -> list[tuple[float, ScoredPoint]]:
    best = words[0].score if words else 1.0
    found = {point.id: point for point in (*vectors, *words)}
    scores = {point.id: VECTOR_WEIGHT * point.score for point in vectors}
    for point in words:
        scores[point.id] = scores.get(point.id, 0.0) + (1 - VECTOR_WEIGHT) * point.score / best
    ranked = sorted(scores.items(), key=lambda item: -item[1])[:limit]
    return [(score, found[number]) for number, score in ranked]


def _hit(score: float, point: ScoredPoint) -> dict[str, Any]:
    return {"id": point.id, "score": score, "text": (point.payload or {})["text"]}


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def make_app(folder: Path) -> Starlette:
    """Return the application over the shard in `folder`."""
    server = BareServer(folder)
    return Starlette(
        routes=[
            Route("/search", server.search, methods=["POST"]),
            Route("/index", server.index, methods=["POST"]),
            Route("/healthz", _health),
        ]
    )


def main(folder: Path, port: int) -> None:
    """Serve until SIGTERM."""
    config = uvicorn.Config(make_app(folder), port=port, log_config=None, access_log=False, lifespan="off")
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
