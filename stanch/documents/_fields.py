"""Which keys a model accepts at a place, read from its type annotations."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag


def names_at(model: type[BaseModel], location: Iterable[str | int]) -> set[str]:
    """The keys known at pydantic's `location` below a model."""
    kinds, _ = _walk(model, location)
    return {name for kind in kinds for each in _flat(kind) if _is_model(each) for name in _keys(each)}


def branches(model: type[BaseModel], location: Iterable[str | int]) -> list[bool]:
    """For each step of a location: does it name a branch of a choice of types, and not a place in the file."""
    _, flags = _walk(model, location)
    return flags


def _walk(model: type[BaseModel], location: Iterable[str | int]) -> tuple[list[Any], list[bool]]:
    kinds: list[Any] = [model]
    flags: list[bool] = []
    for step in location:
        chosen = [member for kind in kinds for member in _branch(kind, step)]
        flags.append(bool(chosen))
        kinds = chosen or [inner for kind in kinds for inner in _below(kind, step)]
    return kinds, flags


def _keys(model: type[BaseModel]) -> Iterable[str]:
    return [str(field.alias or name) for name, field in model.model_fields.items()]


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _flat(kind: Any) -> list[Any]:
    """The members of a (possibly annotated, optional or nested) choice of types."""
    origin = get_origin(kind)
    if origin is Annotated:
        return _flat(get_args(kind)[0])
    if origin in (Union, types.UnionType):
        return [inner for member in get_args(kind) for inner in _flat(member)]
    return [kind]


def _branch(kind: Any, step: str | int) -> list[Any]:
    """The member of a choice that pydantic calls `step` in a location."""
    inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if get_origin(inner) not in (Union, types.UnionType):
        return []
    return [member for member in get_args(inner) if step in _tags(member)]


def _tags(member: Any) -> set[str]:
    named = {getattr(each, "__name__", "") for each in _flat(member)}
    return named | {item.tag for item in getattr(member, "__metadata__", ()) if isinstance(item, Tag)}


def _below(kind: Any, step: str | int) -> list[Any]:
    found = [below for each in _flat(kind) if (below := _step(each, step)) is not None]
    return found or [kind]  # the step named a branch, not a place


def _step(kind: Any, step: str | int) -> Any:
    if _is_model(kind):
        fields = {str(field.alias or name): field.annotation for name, field in kind.model_fields.items()}
        return fields.get(str(step))
    origin, args = get_origin(kind), get_args(kind)
    if isinstance(origin, type) and issubclass(origin, Mapping) and len(args) == 2:
        return args[1]
    if origin in (list, tuple, set, frozenset) and isinstance(step, int) and args:
        return args[0]
    return None
