"""How a handler gets what it asks for."""

import inspect
from typing import Annotated

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message

from zhiku.http.operation import IdConvertor, operation
from zhiku.http.router import Depends, Router
from zhiku.http.schema import encode

called: list[str] = []


async def first(request: Request) -> str:
    """Give the first."""
    called.append("first")
    return "1"


def second(one: Annotated[str, Depends(first)], thing_id: str) -> str:
    """Give the second, which needs the first."""
    called.append("second")
    return f"{one}2{thing_id}"


async def _answer(route: Route, thing_id: str) -> bytes:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path_params": {"thing_id": thing_id}, "headers": []}
    await route.app(scope, receive, send)
    return sent[1]["body"]


def test_dependencies_run_once_and_in_the_order_of_the_parameters() -> None:
    import asyncio

    router = Router()

    @operation(router, "GET", "/things/{thing_id}", aliases=("/objects/{thing_id}",), is_keyed=False)
    async def handler(
        two: Annotated[str, Depends(second)], one: Annotated[str, Depends(first)], thing_id: str
    ) -> Response:
        """Give a thing.

        With more to say.
        """
        return encode([one, two, thing_id])

    assert inspect.iscoroutinefunction(handler)
    routes = [route for route in router.routes if isinstance(route, Route)]
    assert [route.path for route in routes] == ["/things/{thing_id}", "/objects/{thing_id}"]
    called.clear()
    assert asyncio.run(_answer(routes[0], "x")) == b'["1","12x","x"]'
    assert called == ["first", "second"]


def test_a_parameter_that_nothing_gives_is_refused_when_the_route_is_declared() -> None:
    with pytest.raises(TypeError, match="nothing is known to give for the parameter wrong"):

        @operation(Router(), "GET", "/things")
        async def handler(wrong: int) -> Response:
            """Never registered."""
            return encode(wrong)


def test_ids_are_handed_on_in_lower_case() -> None:
    assert IdConvertor().convert("2FDAF7D3-0D0E-4B1C-9D3A-6F8F5D2A1B3C") == "2fdaf7d3-0d0e-4b1c-9d3a-6f8f5d2a1b3c"
