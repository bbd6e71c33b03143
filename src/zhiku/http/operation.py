"""How a route is declared, and how its handler gets what it asks for, in the contract's order of checks.

A handler is `async def handler(request: Request, rt: RuntimeDep, actor: ActorDep, dataset: DatasetDep) -> Response`.
Its dependencies run one after the other as its parameters stand, the first refusal ends the request, and only
then does the handler read its body: a framework that resolves bodies itself would parse them before the key is
checked (ADR-0010).
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict, TypeVar, Unpack, get_args, get_origin, get_type_hints

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, compile_path
from starlette.types import Receive, Scope, Send

from zhiku.errors import BadRequest, ZhikuError
from zhiku.http.auth import refuse_reader
from zhiku.http.body import decode_json
from zhiku.http.limits import admit, read_capped
from zhiku.http.query import parse_query
from zhiku.http.router import Depends, Router
from zhiku.http.runtime import get_runtime
from zhiku.http.schema import WireModel, has_required_field, parse, refuse_nul

M = TypeVar("M", bound=WireModel)
Handler = Callable[..., Awaitable[Response]]


class Spec(TypedDict, total=False):
    """What an operation says of itself beside its path; the OpenAPI is made from it."""

    aliases: tuple[str, ...]
    body: type[WireModel] | None
    is_upload: bool
    is_file_optional: bool
    query: type[WireModel] | None
    is_paged: bool
    reply: Any
    status: int
    other_replies: Mapping[int, Any]
    gives: Mapping[str, str]
    errors: tuple[type[ZhikuError], ...]
    is_rate_limited: bool
    is_keyed: bool
    is_reading: bool


@dataclass(frozen=True)
class Operation:
    """One declared operation.

    `reply` is what `status` comes with, declared as zhiku.http.reply says, None for no body; `other_replies` are those
    of further statuses that are no errors. `gives` says where in the reply a path parameter of other operations
    stands, as a JSON pointer: `{"dataset_id": "/id"}`. `is_reading` is said of those that change nothing though their
    method is not GET: a key that may only read can use them.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    description: str
    aliases: tuple[str, ...] = ()
    body: type[WireModel] | None = None
    is_upload: bool = False
    is_file_optional: bool = False
    query: type[WireModel] | None = None
    is_paged: bool = False
    reply: Any = None
    status: int = 200
    other_replies: Mapping[int, Any] = field(default_factory=dict[int, Any])
    gives: Mapping[str, str] = field(default_factory=dict[str, str])
    errors: tuple[type[ZhikuError], ...] = ()
    is_rate_limited: bool = False
    is_keyed: bool = True
    is_reading: bool = False

    @property
    def is_writing(self) -> bool:
        """Tell whether only a key that may write can use it."""
        return self.is_keyed and self.method != "GET" and not self.is_reading


class IdConvertor(Convertor[str]):
    """A UUID in a path, `{dataset_id:id}`: 8-4-4-4-12 hex digits in any case, handed on in lower case."""

    regex = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

    def convert(self, value: str) -> str:
        return value.lower()

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("id", IdConvertor())


def operation(router: Router, method: str, path: str, **spec: Unpack[Spec]) -> Callable[[Handler], Handler]:
    """Return a decorator that registers a handler at `path` and its aliases, and gives it back unchanged.

    Ids in the path are written `{dataset_id:id}`. The docstring's first line is the summary. Both the bare path and
    the one under /v1 are served (http/compat.py takes the prefix off).
    """

    def register(handler: Handler) -> Handler:
        summary, _, rest = inspect.cleandoc(handler.__doc__ or "").partition("\n")
        declared = Operation(method, path, handler, summary, rest.strip(), **spec)
        for served in (path, *declared.aliases):
            endpoint = Endpoint(handler, declared, served)
            router.routes.append(Route(served, endpoint, methods=[method], name=handler.__name__))
        return handler

    return register


async def read_body(request: Request, model: type[M]) -> M:
    """Return the JSON body as `model`, whatever its content type.

    No body, or the literal `null`, is an empty object where nothing is required. Raises FileTooLarge, BadRequest
    and InvalidParam.
    """
    raw = await read_capped(request, get_runtime(request).settings.json_body_bytes)
    value = decode_json(raw)
    if value is None:
        if has_required_field(model):
            raise BadRequest
        value = {}
    shape = parse(model, value)
    # A raw NUL is no JSON; UTF-16 and UTF-32 bodies have zero bytes anyway and are looked through.
    if b"\\u0000" in raw or b"\0" in raw:
        refuse_nul(shape)
    return shape


def read_query(request: Request, model: type[M]) -> M:
    """Return the query string as `model` (zhiku.http.query). Raises InvalidParam."""
    return parse_query(request.scope["query_string"], model)


@dataclass(frozen=True, slots=True)
class _Step:
    """One call of the plan: `places` says which of the values there are its arguments, its own value is the next."""

    call: Callable[..., Any]
    places: tuple[int, ...]
    is_async: bool


class Endpoint:
    """The ASGI application of one route: runs the dependencies, then the handler, then sends the reply."""

    def __init__(self, handler: Handler, declared: Operation, path: str) -> None:
        self.operation = declared
        self.path = path
        self._path_names = tuple(compile_path(path)[2])
        plan = _Planner(self._path_names, declared)
        self._handler_step = plan.step_of(handler)
        plan.check_key()
        self._steps = tuple(plan.steps)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        path_params: dict[str, Any] = scope["path_params"]
        values: list[Any] = [request, *[path_params[name] for name in self._path_names]]
        for step in self._steps:
            made = step.call(*[values[place] for place in step.places])
            values.append(await made if step.is_async else made)
        handler = self._handler_step
        response = await handler.call(*[values[place] for place in handler.places])
        await response(scope, receive, send)


class _Planner:
    """Puts the dependencies of a handler in the order in which its parameters ask for them, each once.

    Whether the key may write, and then how often, is asked when the dataset may be used, before documents and segments
    are looked for (D2); without a dataset, before the handler.
    """

    def __init__(self, path_names: tuple[str, ...], declared: Operation) -> None:
        # The values that are there from the start: the request, then what the path holds.
        self._path_places = {name: place for place, name in enumerate(path_names, 1)}
        self._key_checks: list[Callable[..., None]] = []
        if declared.is_writing:
            self._key_checks.append(refuse_reader)
        if declared.is_rate_limited:
            self._key_checks.append(admit)
        self._place_of: dict[Callable[..., Any], int] = {}
        self.steps: list[_Step] = []

    def step_of(self, call: Callable[..., Any]) -> _Step:
        hints = get_type_hints(call, include_extras=True)
        places: list[int] = []
        for name in inspect.signature(call).parameters:
            hint = hints[name]
            dependency = _dependency_in(hint)
            if dependency is not None:
                places.append(self._place(dependency))
            elif hint is Request:
                places.append(0)
            elif name in self._path_places:
                places.append(self._path_places[name])
            else:
                raise TypeError(f"{call.__name__}: nothing is known to give for the parameter {name}")
        return _Step(call, tuple(places), inspect.iscoroutinefunction(call))

    def check_key(self) -> None:
        """Add what the operation asks of the key, unless the plan has it already."""
        checks, self._key_checks = self._key_checks, []
        for check in checks:
            self.steps.append(self.step_of(check))

    def _place(self, dependency: Callable[..., Any]) -> int:
        if dependency not in self._place_of:
            step = self.step_of(dependency)
            self.steps.append(step)
            self._place_of[dependency] = len(self._path_places) + len(self.steps)
            if self._path_places.get("dataset_id") in step.places:
                self.check_key()
        return self._place_of[dependency]


def _dependency_in(hint: Any) -> Callable[..., Any] | None:
    if get_origin(hint) is not Annotated:
        return None
    for mark in get_args(hint)[1:]:
        if isinstance(mark, Depends):
            return mark.dependency
    return None
