"""What contract tests ask of replies and of the catalog behind them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from httpx2 import Response
from sqlalchemy import Engine, event, func, select, update

from tests.product import Product
from zhiku.db.tables import datasets, metadata

UNKNOWN = "00000000-0000-4000-8000-000000000000"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

State = tuple[dict[str, int], list[str], list[str]]


def state(product: Product) -> State:
    """Return all that a refused request must leave alone: rows by table, stored files, temporary files."""
    # Those of earlier retrieves wait for the next reader, who may come between two looks.
    product.rt.hits.flush()
    with product.rt.db.read() as conn:
        rows = {
            table.name: conn.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }
    incoming = product.rt.settings.data_dir / "incoming"
    left = [path.name for path in incoming.glob("*")]
    return rows, sorted(product.rt.blobs.list_keys()), left


def refusal(reply: Response) -> tuple[int, str, str]:
    """Return status, code and message of an error, which has the envelope."""
    assert reply.headers["content-type"] == "application/json"
    body = reply.json()
    assert {"code", "message", "status"} <= set(body) <= {"code", "message", "status", "params"}, body
    assert body["status"] == reply.status_code
    return reply.status_code, body["code"], body["message"]


def by_line(max_tokens: int = 100, **rules: Any) -> dict[str, Any]:
    """Return a process rule that makes every line a segment."""
    return {"mode": "custom", "rules": {"segmentation": {"separator": "\n", "max_tokens": max_tokens}, **rules}}


def got(reply: Response) -> Any:
    """Return the body of a reply that must be 200."""
    assert reply.status_code == 200, reply.text
    return reply.json()


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """Yield a list to which every SQL statement is added that any catalog runs meanwhile."""
    seen: list[str] = []

    def note(*called: Any) -> None:
        seen.append(called[2])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def switch_api(product: Product, dataset_id: str, *, is_on: bool) -> None:
    """Open a dataset to the API or close it, as its `enable_api` says."""
    with product.rt.db.begin() as tx:
        tx.execute(update(datasets).where(datasets.c.id == dataset_id).values(is_api_enabled=is_on))
