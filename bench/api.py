"""Zhiku's API as the bench uses it."""

import http.client
import json
import time
from typing import Any

from bench.corpus import SEPARATOR
from bench.processes import KEY

METHODS = {"vector": "semantic_search", "full text": "full_text_search", "hybrid": "hybrid_search"}
"""The bench's words for the three ways to search, and the contract's."""

TOP_K = 10
WAIT_SECONDS = 1800.0
RULE = {
    "mode": "custom",
    "rules": {
        "pre_processing_rules": [{"id": "remove_extra_spaces", "enabled": True}],
        "segmentation": {"separator": SEPARATOR, "max_tokens": 1000, "chunk_overlap": 0},
    },
}


class Api:
    """A client on one connection that is kept open."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Return the decoded reply. Raises RuntimeError unless it is a success."""
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        self._connection.request(method, path, content, headers)
        response = self._connection.getresponse()
        text = response.read().decode()
        if response.status >= 300:
            raise RuntimeError(f"{method} {path}: {response.status} {text[:300]}")
        return json.loads(text) if text else None

    def create_dataset(self, name: str) -> str:
        """Return the id of a new dataset."""
        return self.call("POST", "/v1/datasets", {"name": name, "indexing_technique": "high_quality"})["id"]

    def create_document(self, dataset_id: str, name: str, segments: list[str]) -> None:
        """Create a document by text that is cut into these segments."""
        body = {
            "name": name,
            "text": SEPARATOR.join(segments),
            "indexing_technique": "high_quality",
            "process_rule": RULE,
        }
        self.call("POST", f"/v1/datasets/{dataset_id}/document/create-by-text", body)

    def wait_available(self, dataset_id: str, documents: int, pause: float = 0.02) -> None:
        """Return when so many documents of the dataset can be found. Raises RuntimeError after half an hour."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            if self.call("GET", f"/v1/datasets/{dataset_id}")["total_available_documents"] >= documents:
                return
            time.sleep(pause)
        raise RuntimeError("documents were not indexed in time")

    def retrieve(self, dataset_id: str, query: str, method: str) -> list[dict[str, Any]]:
        """Return the records of a question."""
        return self.call("POST", f"/v1/datasets/{dataset_id}/retrieve", retrieve_body(query, method))["records"]


def retrieve_body(query: str, method: str) -> dict[str, Any]:
    """Return the body of a question that brings at most ten records, without reranking and threshold."""
    model = {
        "search_method": METHODS[method],
        "reranking_enable": False,
        "top_k": TOP_K,
        "score_threshold_enabled": False,
    }
    return {"query": query, "retrieval_model": model}


def zhiku_requests(dataset_id: str, method: str, queries: list[str]) -> list[str]:
    """Return the questions as the bytes of HTTP requests to Zhiku."""
    path = f"/v1/datasets/{dataset_id}/retrieve"
    return [_post(path, retrieve_body(query, method)) for query in queries]


def bare_requests(method: str, queries: list[str]) -> list[str]:
    """Return the questions as the bytes of HTTP requests to the bare server."""
    return [_post("/search", {"query": query, "method": method, "top_k": TOP_K}) for query in queries]


def bare_index_request(segments: list[str]) -> str:
    """Return the request that gives the bare server texts to index."""
    return _post("/index", {"texts": segments})


def _post(path: str, body: object) -> str:
    content = json.dumps(body)
    return (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n{content}"
    )
