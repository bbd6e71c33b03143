"""Documents caught in the middle of their work: the test's embedder calls back while a job runs."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from tests.product import Product


class _Watched(list[str]):
    """The list of embedded texts of a test embedder; tells of every addition."""

    def __init__(self, tell: Callable[[], None]) -> None:
        super().__init__()
        self._tell = tell

    def extend(self, values: Iterable[str]) -> None:
        super().extend(values)
        self._tell()


@contextmanager
def while_embedding(product: Product, look: Callable[[], None]) -> Iterator[None]:
    """Call `look` each time a document of status `indexing` has texts embedded; it must be called at least once."""
    calls: list[None] = []

    def tell() -> None:
        calls.append(None)
        look()

    before = product.embedder.embedded
    product.embedder.embedded = _Watched(tell)
    try:
        yield
    finally:
        product.embedder.embedded = before
    assert calls, "nothing was embedded"
