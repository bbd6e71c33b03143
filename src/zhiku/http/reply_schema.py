"""Reply declarations (zhiku.http.reply) to JSON Schema."""

import inspect
import types
from collections.abc import Collection, Mapping
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

Schema = dict[str, Any]

PLAIN: dict[object, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    Any: {},
}


class ReplySchemas:
    """Makes schemas of reply declarations and gathers those that have a name in `components`.

    `DatasetBody` is named `Dataset` there, unless that name is `taken` by a request.
    """

    def __init__(self, components: dict[str, Schema], ref_template: str, taken: Collection[str] = ()) -> None:
        self._components = components
        self._ref_template = ref_template
        self._taken = taken
        self._declared: dict[str, object] = {}

    def schema_of(self, kind: Any) -> Schema:
        """Return the schema of a declared reply. Raises TypeError for a type that replies do not have."""
        if kind in PLAIN:
            return dict(PLAIN[kind])
        if is_typeddict(kind):
            return self._ref(kind)
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return self._annotated(arguments[0], arguments[1:])
        if origin in (NotRequired, Required):
            return self.schema_of(arguments[0])
        if origin in (Union, types.UnionType):
            return _any_of([self.schema_of(argument) for argument in arguments])
        if origin is Literal:
            return {"enum": list(arguments)} | PLAIN[type(arguments[0])]
        if origin is list:
            return {"type": "array", "items": self.schema_of(arguments[0])}
        if origin in (dict, Mapping):
            return {"type": "object", "additionalProperties": self.schema_of(arguments[1]) or True}
        raise TypeError(f"{kind} has no place in a reply; declare it as zhiku.http.reply says")

    def _annotated(self, kind: Any, marks: tuple[Any, ...]) -> Schema:
        schema = self.schema_of(kind)
        for mark in marks:
            if isinstance(mark, str):
                schema["description"] = mark
            else:
                keyword, value = mark
                schema[keyword] = list(cast("tuple[object, ...]", value)) if isinstance(value, tuple) else value
        return schema

    def _ref(self, kind: Any) -> Schema:
        name = kind.__name__.removesuffix("Body")
        if name in self._taken:
            name = kind.__name__
        if self._declared.setdefault(name, kind) is not kind:
            raise TypeError(f"two replies are named {name}: {kind} and {self._declared[name]}")
        if name not in self._components:
            self._components[name] = {}
            self._components[name] = self._object(kind)
        return {"$ref": self._ref_template.format(model=name)}

    def _object(self, kind: Any) -> Schema:
        fields = get_type_hints(kind, include_extras=True)
        required: frozenset[str] = kind.__required_keys__
        return {
            "type": "object",
            "description": " ".join(inspect.cleandoc(kind.__doc__ or "").split()),
            "properties": {name: self.schema_of(field) for name, field in fields.items()},
            "required": [name for name in fields if name in required],
            "additionalProperties": False,
        }


def _any_of(options: list[Schema]) -> Schema:
    """Return a choice; plain types become a list of types, as readers of null know it."""
    if all(set(option) == {"type"} for option in options):
        return {"type": [option["type"] for option in options]}
    return {"anyOf": options}
