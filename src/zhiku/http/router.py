"""What a folder's routes are put into, and how a parameter says where its value comes from (ADR-0010)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.routing import BaseRoute


class Router:
    """The routes of one module, in the order of their declaration; `server.py` mounts them."""

    def __init__(self) -> None:
        self.routes: list[BaseRoute] = []


@dataclass(frozen=True, slots=True)
class Depends:
    """Mark of a parameter, `Annotated[T, Depends(call)]`: its value is what `call` returns, once a request."""

    dependency: Callable[..., Any]
