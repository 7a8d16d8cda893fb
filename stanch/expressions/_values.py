"""Values on their way into the engine and out of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, TypeGuard

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import BaseModel, TypeAdapter, ValidationError

from stanch.expressions._cost import Caps
from stanch.expressions._errors import ExpressionFailed
from stanch.expressions._specs import DYN, Field, ListOf, MapOf, Record, Simple, Spec
from stanch.shapes import is_dict, is_list, is_mapping

_MAX_DEPTH = 32
_MAX_TOTAL = 1_500_000  # characters, over all that one expression reads
_VALUE_COST = 100  # of any value, in characters
_UNSAFE = re.compile("[\x00\ud800-\udfff]")  # the binding cuts texts at NUL, so 'a\0b' would equal 'a'
_DURATION = TypeAdapter(timedelta)
_TIMESTAMP = TypeAdapter(datetime)

Wanted = dict[str, "Wanted"]  # names to convert; an empty one asks for everything below


class View:
    """Turns plain values into what the engine may see: only what is asked for, and within the caps."""

    def __init__(self, caps: Caps) -> None:
        self._caps = caps
        self._left = _MAX_TOTAL

    def of(self, field: Field, value: Any, wanted: Wanted) -> Any:
        """The value of a root or field; None where it is absent."""
        return None if value is None else self._typed(field.spec, value, wanted, 0)

    def _typed(self, spec: Spec, value: Any, wanted: Wanted, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise ExpressionFailed("a value is nested too deeply for an expression")
        self._spend(_VALUE_COST)
        match spec:
            case Record():
                return self._record(spec, value, wanted, depth)
            case ListOf():
                return [self._typed(spec.item, each, {}, depth + 1) for each in self._items(value)]
            case MapOf():
                return self._mapping(value, spec.value, depth)
            case Simple():
                return self._simple(spec.kind, value, depth)

    def _record(self, spec: Record, value: Any, wanted: Wanted, depth: int) -> dict[str, Any]:
        view: dict[str, Any] = {}
        for name in wanted or spec.fields:
            inner = getattr(value, name, None) if isinstance(value, BaseModel) else _get(value, name)
            if inner is not None and name in spec.fields:
                view[name] = self._typed(spec.fields[name].spec, inner, wanted.get(name, {}), depth + 1)
        return view

    def _simple(self, kind: str, value: Any, depth: int) -> Any:
        if kind == "double" and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if kind == "duration" and isinstance(value, str):
            return _duration(_parsed(_DURATION, value))
        if kind == "timestamp" and isinstance(value, str):
            return _timestamp(_parsed(_TIMESTAMP, value))
        return self._any(value, depth)

    def _any(self, value: Any, depth: int) -> Any:
        if isinstance(value, Enum):
            return self._any(value.value, depth)
        if isinstance(value, str):
            return self._text(value)
        if value is None or isinstance(value, bool | int | float | bytes):
            return value
        if isinstance(value, datetime):
            return _timestamp(value)
        if isinstance(value, timedelta):
            return _duration(value)
        return self._compound(value, depth)

    def _compound(self, value: Any, depth: int) -> Any:
        if isinstance(value, BaseModel):
            return self._mapping(value.model_dump(), DYN, depth)
        if is_mapping(value):
            return self._mapping(value, DYN, depth)
        if isinstance(value, Sequence | set | frozenset):
            return [self._inner(DYN, each, depth) for each in self._items(value)]
        raise ExpressionFailed("a value has a type that expressions do not know")

    def _mapping(self, value: Any, inner: Spec, depth: int) -> dict[str, Any]:
        if not is_mapping(value):
            raise ExpressionFailed("a value is not the mapping it was declared as")
        kept = list(value.items())[: self._limit(len(value), self._caps.items)]
        return {
            self._text(str(key)): None if each is None else self._typed(inner, each, {}, depth + 1)
            for key, each in kept
        }

    def _inner(self, spec: Spec, value: Any, depth: int) -> Any:
        return None if value is None else self._typed(spec, value, {}, depth + 1)

    def _items(self, value: Any) -> list[Any]:
        if not _is_many(value):
            raise ExpressionFailed("a value is not the list it was declared as")
        ordered = sorted(value, key=repr) if isinstance(value, set | frozenset) else list(value)
        return ordered[: self._limit(len(ordered), self._caps.items)]

    def _text(self, value: str) -> str:
        kept = value[: self._limit(len(value), self._caps.text)]
        self._spend(len(kept))
        return _UNSAFE.sub("\ufffd", kept)

    def _spend(self, cost: int) -> None:
        self._left -= cost
        if self._left < 0:
            raise ExpressionFailed("the values are too large for an expression")

    def _limit(self, length: int, cap: int) -> int:
        if length > cap and self._caps.strict:
            raise ExpressionFailed(
                "a value is too long for an expression with loops of this cost", hint="simplify the expression"
            )
        return cap


def _is_many(value: object) -> TypeGuard[Sequence[Any] | set[Any] | frozenset[Any]]:
    return isinstance(value, Sequence | set | frozenset) and not isinstance(value, str | bytes)


def _get(value: Any, name: str) -> Any:
    if not is_mapping(value):
        raise ExpressionFailed("a value is not the record it was declared as")
    return value.get(name)


def _parsed(adapter: TypeAdapter[Any], value: str) -> Any:
    try:
        return adapter.validate_python(value)
    except ValidationError:
        raise ExpressionFailed("a value is not the time it was declared as") from None


def _timestamp(value: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(value if value.tzinfo is None else value.astimezone(UTC))
    return message


def _duration(value: timedelta) -> Duration:
    message = Duration()
    message.FromTimedelta(value)
    return message


def plain(value: Any) -> Any:
    """A result as plain Python: dicts with text keys, lists, scalars, aware datetimes, timedeltas."""
    if is_dict(value):
        return {str(key): plain(each) for key, each in sorted(value.items(), key=lambda item: str(item[0]))}
    if is_list(value):
        return [plain(each) for each in value]
    if isinstance(value, bytearray):
        return bytes(value)
    if value is None or isinstance(value, str | bool | int | float | bytes | datetime | timedelta):
        return value
    raise ExpressionFailed("the result is not a value that can be used")
