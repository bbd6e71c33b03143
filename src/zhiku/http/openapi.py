"""The OpenAPI document, made from what the operations declare (zhiku.http.operation)."""

import re
from collections.abc import Iterable
from typing import Any, cast, get_origin

import msgspec
from pydantic import TypeAdapter
from starlette.routing import BaseRoute, Route

from zhiku import __version__
from zhiku.errors import (
    BadRequest,
    FileTooLarge,
    Forbidden,
    InvalidParam,
    NotFound,
    StorageFull,
    Unauthorized,
    Unavailable,
    ZhikuError,
)
from zhiku.http.operation import Endpoint, Operation
from zhiku.http.paging import PageQuery
from zhiku.http.schema import WireModel

REF = "#/components/schemas/{model}"
PATH_PARAMETER = re.compile(r"{(\w+)(?::(\w+))?}")

ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "What every refusal and failure looks like.",
    "required": ["code", "message", "status"],
    "properties": {
        "code": {"type": "string", "description": "Which error it is; branch on this."},
        "message": {"type": "string", "description": "What is wrong, for a person."},
        "status": {"type": "integer", "description": "The HTTP status again."},
        "params": {"type": "string", "description": "The field that is wrong, where there is one."},
    },
}

UPLOAD_FIELDS: dict[str, Any] = {
    "file": {"type": "string", "format": "binary", "description": "The file; exactly one."},
}


def build_openapi(routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of all operations among the routes, aliases included."""
    schemas: dict[str, Any] = {"Error": ERROR_SCHEMA}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if isinstance(route, Route) and isinstance(route.endpoint, Endpoint):
            endpoint = route.endpoint
            path = PATH_PARAMETER.sub(r"{\1}", endpoint.path)
            described = _describe(endpoint.operation, endpoint.path, schemas)
            paths.setdefault(path, {})[endpoint.operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Zhiku",
            "version": __version__,
            "description": "A knowledge-base server with Dify's Knowledge API. Every path is also served under /v1.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key, `dataset-...`."}
            },
        },
    }


def _describe(declared: Operation, path: str, schemas: dict[str, Any]) -> dict[str, Any]:
    named_path = PATH_PARAMETER.sub(r"by_\1", path)
    described: dict[str, Any] = {
        "summary": declared.summary,
        "operationId": re.sub(r"\W+", "_", f"{declared.method.lower()}_{named_path}"),
        "tags": [_tag(path)],
        "security": [{"key": []}] if declared.is_keyed else [],
        "parameters": [*_path_parameters(path), *_query_parameters(declared, schemas)],
        "responses": {str(declared.status): _reply(declared, schemas), **_error_replies(declared)},
    }
    if declared.description:
        described["description"] = declared.description
    if path != declared.path:
        described["deprecated"] = True
    if declared.body is not None or declared.is_upload:
        described["requestBody"] = _request_body(declared, schemas)
    return described


def _tag(path: str) -> str:
    names = [part for part in path.split("/") if part and not part.startswith("{")]
    return names[0] if names else "server"


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


def _query_parameters(declared: Operation, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    models: list[type[WireModel]] = [declared.query] if declared.query else []
    if declared.is_paged:
        models.append(PageQuery)
    parameters: list[dict[str, Any]] = []
    for model in models:
        shape = TypeAdapter(model).json_schema(ref_template=REF)
        schemas.update(shape.pop("$defs", {}))
        required = shape.get("required", [])
        for name, schema in shape.get("properties", {}).items():
            described = {"name": name, "in": "query", "required": name in required, "schema": schema}
            parameters.append({**described, "description": schema.pop("description", "")})
    return parameters


def _request_body(declared: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    schema = _schema_of(declared.body, schemas) if declared.body else {"type": "object"}
    if not declared.is_upload:
        return {"required": True, "content": {"application/json": {"schema": schema}}}
    data = {**schema, "description": "A JSON object."} if "$ref" not in schema else {"allOf": [schema]}
    upload = {"type": "object", "properties": {**UPLOAD_FIELDS, "data": data}}
    return {"required": True, "content": {"multipart/form-data": {"schema": upload}}}


def _reply(declared: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    if declared.status == 204:
        return {"description": "Done; the reply has no body."}
    if declared.reply is None:
        return {"description": "Done."}
    return {
        "description": "Done.",
        "content": {"application/json": {"schema": _schema_of(declared.reply, schemas)}},
    }


def _schema_of(kind: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    if isinstance(kind, dict):
        return cast(dict[str, Any], kind)
    named = cast("type[object] | None", kind if isinstance(kind, type) and get_origin(kind) is None else None)
    if named is not None and issubclass(named, msgspec.Struct):
        (made,), components = msgspec.json.schema_components([named], ref_template="#/components/schemas/{name}")
        schemas.update(components)
        return made
    mode = "validation" if named is not None and issubclass(named, WireModel) else "serialization"
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    schema = adapter.json_schema(ref_template=REF, mode=mode)
    schemas.update(schema.pop("$defs", {}))
    if "title" in schema and named is not None:
        schemas[named.__name__] = schema
        return {"$ref": REF.format(model=named.__name__)}
    return schema


def _error_replies(declared: Operation) -> dict[str, Any]:
    by_status: dict[int, dict[str, type[ZhikuError]]] = {}
    for error in (*_common_errors(declared), *declared.errors):
        by_status.setdefault(error.status, {})[error.code] = error
    return {
        str(status): {
            "description": " / ".join(f"`{code}`: {(error.__doc__ or '').strip()}" for code, error in errors.items()),
            "content": {
                "application/json": {
                    "schema": {"$ref": REF.format(model="Error")},
                    "examples": {
                        code: {"value": {"code": code, "message": error.message, "status": status}}
                        for code, error in errors.items()
                    },
                }
            },
        }
        for status, errors in sorted(by_status.items())
    }


def _common_errors(declared: Operation) -> list[type[ZhikuError]]:
    common: list[type[ZhikuError]] = [ZhikuError]
    if declared.is_keyed:
        common += [Unauthorized, Unavailable]
    if "{dataset_id" in declared.path:
        common += [NotFound, Forbidden]
    if declared.is_rate_limited:
        common.append(Forbidden)
    if declared.query is not None or declared.is_paged:
        common.append(InvalidParam)
    if declared.body is not None or declared.is_upload:
        common += [BadRequest, InvalidParam, FileTooLarge]
    if declared.is_keyed and declared.method != "GET":
        common.append(StorageFull)
    return common
