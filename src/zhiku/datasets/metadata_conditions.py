"""Which documents may answer: `metadata_filtering_conditions` of requests and stored models (contract 5.6)."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictFloat, StrictInt, StrictStr, model_validator

from zhiku.http.schema import WireModel

MAX_CONDITIONS = 100
MAX_VALUES = 1000
"""How many conditions a filter may have, and how many values each of them."""

LIST_OPERATORS = ("contains", "not contains", "start with", "end with", "in", "not in")
_SPELLINGS = {">=": "≥", "<=": "≤"}

Operator = Literal[
    "contains",
    "not contains",
    "start with",
    "end with",
    "is",
    "is not",
    "in",
    "not in",
    "empty",
    "not empty",
    "=",
    "≠",
    ">",
    "<",
    "≥",
    "≤",
    "before",
    "after",
]


def _one_spelling(raw: object) -> object:
    if not isinstance(raw, str):
        return raw
    return _SPELLINGS.get(raw.strip(), raw.strip())


Operand = StrictStr | StrictInt | StrictFloat


class Condition(WireModel):
    """What one metadata field must be like; skipped where a value is needed and none is given."""

    name: str = Field(min_length=1, description="Name of a field of the dataset, or of a built-in one.")
    comparison_operator: Annotated[Operator, BeforeValidator(_one_spelling)] = Field(
        description="How the value is compared; `>=` and `<=` are accepted too."
    )
    value: Operand | Annotated[list[Operand], Field(max_length=MAX_VALUES)] | None = Field(
        default=None, description="A text, a number, or a list of them where any of several may match."
    )

    @model_validator(mode="after")
    def refuse_stray_list(self) -> "Condition":
        """Refuse a list where one value is compared."""
        if isinstance(self.value, list) and self.comparison_operator not in (*LIST_OPERATORS, "empty", "not empty"):
            raise ValueError(f"{self.comparison_operator} takes one value, not a list")
        return self


class MetadataConditions(WireModel):
    """A filter over documents' metadata; without conditions all documents pass."""

    logical_operator: Literal["and", "or"] = Field(default="and", description="Whether all conditions must hold.")
    conditions: list[Condition] = Field(
        default_factory=list[Condition], max_length=MAX_CONDITIONS, description="What must hold."
    )


def stored_conditions(raw: Any) -> MetadataConditions | None:
    """Return the conditions kept with a dataset's retrieval model, None if it has none."""
    return None if raw is None else MetadataConditions.model_validate(raw)
