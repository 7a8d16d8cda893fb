"""Types of action parameters, as far as a playbook can be checked against them before it runs."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, cached_property
from types import MappingProxyType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from stanch.sinks.text import one_line

_ACCEPTS: dict[Any, tuple[str, ...]] = {
    str: ("string",),
    bool: ("bool",),
    int: ("int",),
    float: ("double", "int"),
    timedelta: ("duration",),
    datetime: ("timestamp",),
}
_WORDS = {
    "string": "text",
    "bool": "true or false",
    "int": "a whole number",
    "double": "a number",
    "duration": "a duration",
    "timestamp": "a time",
    "list": "a list",
    "map": "a mapping",
    "record": "a mapping",
    "null": "nothing",
}
_NEEDED = {
    "string_type": "text is needed; quote the value",
    "list_type": "a list is needed",
    "tuple_type": "a list is needed",
    "model_type": "a mapping is needed",
    "bool_type": "true or false is needed",
    "int_type": "a whole number is needed",
}


@dataclass(frozen=True)
class Field:
    """One parameter: its type and whether it must be given."""

    annotation: Any
    required: bool = False

    @cached_property
    def kind(self) -> Any:
        """The type without Optional and annotations."""
        return _bare(self.annotation)

    @property
    def optional(self) -> bool:
        """True where nothing (null) may be given."""
        return _optional(self.annotation)

    @cached_property
    def members(self) -> Mapping[str, Field]:
        kind = self.kind
        return fields_of(kind) if isinstance(kind, type) and issubclass(kind, BaseModel) else {}

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """Reads a literal as this type."""
        return TypeAdapter(self.annotation)

    @property
    def item(self) -> Field:
        """The type of the items of a list."""
        args = get_args(self.kind)
        return Field(args[0] if args else Any)

    @property
    def accepts(self) -> tuple[str, ...]:
        """Expression types that fit; empty where anything may."""
        kind, origin = self.kind, get_origin(self.kind)
        if origin is Literal:
            return ("string",)
        if origin in (tuple, list, set, frozenset):
            return ("list",)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return ("map", "record")
        return _ACCEPTS.get(kind, ())


@cache
def fields_of(model: type[BaseModel]) -> Mapping[str, Field]:
    """The fields of a model with their full annotations."""
    found: dict[str, Field] = {}
    for name, info in model.model_fields.items():
        annotation = info.annotation
        if info.metadata:
            annotation = Annotated.__class_getitem__((annotation, *info.metadata))  # type: ignore[attr-defined]
        found[name] = Field(annotation, info.is_required())
    return MappingProxyType(found)


def type_problem(field: Field, given: str) -> str:
    """Why an expression of this type cannot be the value; empty where it can."""
    if given in ("dyn", "any") or not field.accepts or given in field.accepts:
        return ""
    if given == "null" and field.optional:
        return ""
    wanted = _WORDS.get(field.accepts[0], field.accepts[0])
    return f"{wanted} is needed, and this expression gives {_WORDS.get(given, given)}"


def literal_problem(field: Field, value: Any) -> str:
    """Why a literal cannot be the value; empty where it can."""
    try:
        field.adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        message = _NEEDED.get(str(first["type"])) or str(first["msg"]).removeprefix("Value error, ")
        return one_line(f"{place}: {message}" if place else message)
    return ""


def _bare(annotation: Any) -> Any:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _bare(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        rest = [each for each in get_args(annotation) if each is not type(None)]
        return _bare(rest[0]) if len(rest) == 1 else Any
    return annotation


def _optional(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _optional(get_args(annotation)[0])
    return origin in (Union, types.UnionType) and type(None) in get_args(annotation)
