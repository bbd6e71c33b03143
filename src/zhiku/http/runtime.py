"""How a route reaches the runtime, and how it runs what blocks."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Annotated, ParamSpec, TypeVar, cast

from starlette.requests import Request

from zhiku.http.router import Depends
from zhiku.runtime import Runtime

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 16
"""How many blocking calls run at once; further ones wait in line."""

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="zhiku-request")
# Calls that wait for somebody else's server have threads of their own, so that a slow one holds up nobody else.
_remote_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="zhiku-remote")


def get_runtime(request: Request) -> Runtime:
    """Return the runtime that the app was made with."""
    return cast(Runtime, request.app.state.runtime)


RuntimeDep = Annotated[Runtime, Depends(get_runtime)]


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `call` returns, run in the pool of request threads, so that other requests go on."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_threads, partial(call, *args, **kwargs))


async def in_remote_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `call` returns, run in the pool of threads that wait for other servers."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_remote_threads, partial(call, *args, **kwargs))
