"""The OpenAPI document, made from what the operations declare (zhiku.http.operation, zhiku.http.reply)."""

import re
from collections.abc import Iterable
from typing import Any, is_typeddict

from pydantic import TypeAdapter
from starlette.routing import BaseRoute, Route

from zhiku import __version__
from zhiku.http.operation import Endpoint, Operation
from zhiku.http.operation_errors import errors_by_status
from zhiku.http.paging import PageQuery
from zhiku.http.reply import Media
from zhiku.http.reply_schema import ReplySchemas, Schema
from zhiku.http.schema import WireModel, has_required_field

REF = "#/components/schemas/{model}"
PATH_PARAMETER = re.compile(r"{(\w+)(?::(\w+))?}")
JSON = "application/json"

ABOUT = """A knowledge-base server with Dify's Knowledge API.

Every path is served under `/v1` and without it. Every refusal has the same body, `{code, message, status}`; branch
on the code. Unknown fields of a request are ignored, and null for an optional field means that it is absent unless the
field says otherwise. Times are seconds since 1970, ids are UUIDs in lower case."""

TAGS = {
    "datasets": ("Datasets", "What is set up and searched together."),
    "documents": ("Documents", "Files and texts in a dataset."),
    "segments": (
        "Segments",
        "The pieces of a document that are found and shown, with their child chunks.",
    ),
    "retrieval": ("Retrieval", "Questions and their answers."),
    "metadata": ("Metadata", "Named properties of documents, to filter by."),
    "tags": ("Tags", "Names bound to datasets, to list them by."),
    "workspace": ("Models", "What embeds, reorders and chats."),
    "pipelines": ("Pipelines", "Datasets that are filled by a knowledge pipeline."),
    "estimates": ("Estimates", "What a rule would make of a text or file, before it is stored."),
    "apps": ("Apps", "Datasets with settings, saved under a name."),
    "evaluation": ("Evaluation", "Questions with known answers, and how well settings find these."),
    "external": ("External knowledge", "Datasets mounted by other programs, and theirs mounted here."),
    "keys": ("Keys", "Who may use the API, for what and how often."),
    "http": ("Server", "Health, figures and this description."),
}
"""Folder of a route's module: the tag and what it is about."""

ERROR: Schema = {
    "type": "object",
    "description": "What every refusal and failure looks like.",
    "required": ["code", "message", "status"],
    "properties": {
        "code": {"type": "string", "description": "Which error it is; branch on this."},
        "message": {"type": "string", "description": "What is wrong and what to do, for a person."},
        "status": {"type": "integer", "description": "The HTTP status again."},
        "params": {"type": "string", "description": "The field that is wrong, where there is one."},
    },
    "additionalProperties": False,
}

FILE: Schema = {"type": "string", "format": "binary", "description": "The file; exactly one."}


def build_openapi(routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of all operations among the routes, aliases included."""
    endpoints = [
        route.endpoint for route in routes if isinstance(route, Route) and isinstance(route.endpoint, Endpoint)
    ]
    maker = _Maker(endpoints)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        described = maker.describe(endpoint)
        paths.setdefault(plain_path(endpoint.path), {})[endpoint.operation.method.lower()] = described
    used = {_folder(endpoint.operation) for endpoint in endpoints}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Zhiku",
            "version": __version__,
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/v1", "description": "As clients expect it."}, {"url": "/", "description": "The same."}],
        "tags": [{"name": name, "description": about} for folder, (name, about) in TAGS.items() if folder in used],
        "paths": paths,
        "components": {
            "schemas": maker.components(),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key, `dataset-...`."}
            },
        },
    }


def plain_path(path: str) -> str:
    """Return a route's path as OpenAPI writes it: `{dataset_id:id}` is `{dataset_id}`."""
    return PATH_PARAMETER.sub(r"{\1}", path)


class _Maker:
    """Describes operations one by one, and remembers names and schemas that must be unique in the document."""

    def __init__(self, endpoints: list[Endpoint]) -> None:
        self._requests: dict[str, Schema] = {}
        self._replies: dict[str, Schema] = {}
        self._bodies = {model: self._request_schema(model) for model in _request_models(endpoints)}
        self._reply_schemas = ReplySchemas(self._replies, REF, self._requests)
        self._ids = _operation_ids(endpoints)
        self._targets = [
            (self._ids[endpoint], path_names(endpoint.path))
            for endpoint in endpoints
            if endpoint.path == endpoint.operation.path
        ]

    def components(self) -> dict[str, Schema]:
        """Return all named schemas."""
        return {"Error": ERROR, **dict(sorted((self._requests | self._replies).items()))}

    def describe(self, endpoint: Endpoint) -> dict[str, Any]:
        """Return the operation object of one route."""
        declared = endpoint.operation
        described: dict[str, Any] = {
            "summary": declared.summary,
            "operationId": self._ids[endpoint],
            "tags": [TAGS[folder][0] if (folder := _folder(declared)) in TAGS else folder],
            "security": [{"key": []}] if declared.is_keyed else [],
            "parameters": [*_path_parameters(endpoint.path), *self._query_parameters(declared)],
            "responses": self._responses(endpoint),
        }
        if declared.description:
            described["description"] = declared.description
        if endpoint.path != declared.path:
            described["deprecated"] = True
            described["description"] = f"Another spelling of `{plain_path(declared.path)}`."
        if declared.body is not None or declared.is_upload:
            described["requestBody"] = self._request_body(declared)
        return described

    def _responses(self, endpoint: Endpoint) -> dict[str, Any]:
        declared = endpoint.operation
        replies = {str(declared.status): self._reply(declared.reply)}
        if declared.gives:
            replies[str(declared.status)]["links"] = self._links(endpoint)
        for status, reply in declared.other_replies.items():
            replies[str(status)] = self._reply(reply)
        # A status declared with a reply of its own has that one, not the envelope.
        return {**_error_replies(declared), **replies}

    def _links(self, endpoint: Endpoint) -> dict[str, Any]:
        given = {name: f"$response.body#{pointer}" for name, pointer in endpoint.operation.gives.items()}
        known = {name: f"$request.path.{name}" for name in path_names(endpoint.path)} | given
        links: dict[str, Any] = {}
        for operation_id, names in self._targets:
            if names & given.keys() and names <= known.keys():
                links[operation_id] = {
                    "operationId": operation_id,
                    "parameters": {f"path.{name}": known[name] for name in sorted(names)},
                }
        return links

    def _query_parameters(self, declared: Operation) -> list[dict[str, Any]]:
        models: list[type[WireModel]] = [declared.query] if declared.query else []
        if declared.is_paged:
            models.append(PageQuery)
        parameters: list[dict[str, Any]] = []
        for model in models:
            shape = TypeAdapter(model).json_schema(ref_template=REF)
            self._requests.update(shape.pop("$defs", {}))
            required = shape.get("required", [])
            for name, schema in shape.get("properties", {}).items():
                schema.pop("title", None)
                described = {"name": name, "in": "query", "required": name in required, "schema": schema}
                parameters.append({**described, "description": schema.pop("description", "")})
        return parameters

    def _request_body(self, declared: Operation) -> dict[str, Any]:
        model = declared.body
        schema = self._bodies[model] if model else {"type": "object"}
        if not declared.is_upload:
            is_required = model is not None and has_required_field(model)
            body = schema if is_required else {"anyOf": [schema, {"type": "null"}]}
            return {"required": is_required, "content": {JSON: {"schema": body}}}
        data = {"allOf": [schema], "description": "The settings, a JSON object."}
        form = {"type": "object", "properties": {"file": FILE, "data": data}}
        if declared.is_file_optional:
            content = {"multipart/form-data": {"schema": form}, JSON: {"schema": schema}}
            return {"required": True, "content": content}
        return {"required": True, "content": {"multipart/form-data": {"schema": {**form, "required": ["file"]}}}}

    def _request_schema(self, model: type[WireModel]) -> Schema:
        schema = TypeAdapter(model).json_schema(ref_template=REF)
        shapes = {**schema.pop("$defs", {}), model.__name__: schema}
        self._requests |= {name: _with_nulls(shape) for name, shape in shapes.items()}
        return {"$ref": REF.format(model=model.__name__)}

    def _reply(self, reply: Any) -> dict[str, Any]:
        if reply is None:
            return {"description": "Done; the reply has no body."}
        if isinstance(reply, Media):
            schema: Schema = {"type": "string"} if reply.is_text else {"type": "string", "format": "binary"}
            content = {media_type: {"schema": schema} for media_type in reply.media_types}
            return {"description": reply.description, **({"content": content} if content else {})}
        schema = self._reply_schemas.schema_of(reply)
        about = (reply.__doc__ or "").strip() if is_typeddict(reply) else "Done."
        return {"description": " ".join(about.split()), "content": {JSON: {"schema": schema}}}


def _with_nulls(shape: Schema) -> Schema:
    """Return a request's shape where each optional field may be null too, which means that it is absent."""
    if "properties" not in shape:
        return shape
    required = shape.get("required", [])
    read = {name: _or_number(field) for name, field in shape["properties"].items()}
    fields = {name: field if name in required else _or_null(field) for name, field in read.items()}
    return {**shape, "properties": fields}


def _or_number(field: Schema) -> Schema:
    """Return a field's schema where 0 and 1 and words stand for a boolean, as they are read (contract 2.4)."""
    if "anyOf" in field:
        return {**field, "anyOf": [_or_number(choice) for choice in field["anyOf"]]}
    if field.get("type") != "boolean":
        return field
    others = {name: value for name, value in field.items() if name != "type"}
    return {**others, "anyOf": [{"type": "boolean"}, {"enum": [0, 1, "true", "false"]}]}


def _or_null(field: Schema) -> Schema:
    if {"type": "null"} in field.get("anyOf", []) or "const" in field or not {"type", "$ref", "anyOf"} & field.keys():
        return field
    about = {name: value for name, value in field.items() if name in ("title", "description", "default")}
    return {"anyOf": [{name: value for name, value in field.items() if name not in about}, {"type": "null"}], **about}


def _folder(declared: Operation) -> str:
    return declared.handler.__module__.split(".")[1]


def path_names(path: str) -> frozenset[str]:
    """Return the names of a path's parameters."""
    return frozenset(name for name, _ in PATH_PARAMETER.findall(path))


def _request_models(endpoints: list[Endpoint]) -> set[type[WireModel]]:
    return {endpoint.operation.body for endpoint in endpoints if endpoint.operation.body is not None}


def _operation_ids(endpoints: list[Endpoint]) -> dict[Endpoint, str]:
    """Return a name for each route: its function's, with what tells it from those before it."""
    ids: dict[Endpoint, str] = {}
    for endpoint in endpoints:
        declared = endpoint.operation
        name = declared.handler.__name__
        if endpoint.path != declared.path:
            name += "_at_" + re.sub(r"\W+", "_", endpoint.path.rpartition("/")[2])
        if name in ids.values():
            name += f"_by_{declared.method.lower()}"
        if name in ids.values():
            raise TypeError(f"two operations are named {name}")
        ids[endpoint] = name
    return ids


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _path_meaning(name),
            "schema": {"type": "string", "format": "uuid"} if convertor == "id" else {"type": "string"},
        }
        for name, convertor in PATH_PARAMETER.findall(path)
    ]


def _path_meaning(name: str) -> str:
    noun = name.removesuffix("_id").replace("_", " ")
    return f"Id of the {noun}." if name.endswith("_id") else f"The {noun}."


def _error_replies(declared: Operation) -> dict[str, Any]:
    return {
        str(status): {
            "description": " / ".join(f"`{code}`: {_first_line(error.__doc__)}" for code, error in errors.items()),
            "content": {
                JSON: {
                    "schema": {
                        "allOf": [{"$ref": REF.format(model="Error")}],
                        "properties": {"code": {"enum": list(errors)}, "status": {"const": status}},
                    },
                    "examples": {
                        code: {"value": {"code": code, "message": error.message, "status": status}}
                        for code, error in errors.items()
                    },
                }
            },
        }
        for status, errors in errors_by_status(declared).items()
    }


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().partition("\n")[0]
