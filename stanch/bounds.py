"""Values of a playbook's inputs: their type, and the bounds and choices they must keep."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol

from stanch.durations import format_duration, parse_duration

_PYTHON: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "int": (int,),
    "number": (int, float),
    "bool": (bool,),
    "list": (list, tuple),
}


class Bounded(Protocol):
    """An input as its author wrote it, or as a plan carries it."""

    @property
    def type(self) -> str: ...
    @property
    def min(self) -> Any: ...
    @property
    def max(self) -> Any: ...
    @property
    def choices(self) -> tuple[Any, ...]: ...


class InputError(ValueError):
    """A value does not fit its input; the text says why."""


def read_input(setting: Bounded, value: Any) -> Any:
    """The value with its type: durations as timedelta.

    Raises:
        InputError: wrong type, out of bounds or not among the choices.
    """
    typed = _typed(setting.type, value)
    low = _typed(setting.type, setting.min) if setting.min is not None else None
    high = _typed(setting.type, setting.max) if setting.max is not None else None
    if low is not None and typed < low:
        raise InputError(f"{_shown(typed)} is less than the least, {_shown(low)}")
    if high is not None and typed > high:
        raise InputError(f"{_shown(typed)} is more than the most, {_shown(high)}")
    if setting.choices and value not in setting.choices:
        raise InputError(f"{value!r} is not one of {', '.join(map(str, setting.choices))}")
    return typed


def plain_input(value: Any) -> Any:
    """A value as plans and states carry it: durations as text such as 24h."""
    return format_duration(value) if isinstance(value, timedelta) else value


def _typed(kind: str, value: Any) -> Any:
    if kind == "duration":
        if not isinstance(value, str):
            raise InputError("a duration needs a unit; write it like 30m, 4h or 7d")
        try:
            return parse_duration(value)
        except ValueError as error:
            raise InputError(str(error)) from error
    if not isinstance(value, _PYTHON[kind]) or (isinstance(value, bool) and kind != "bool"):
        raise InputError(f"{kind} is needed, not {type(value).__name__}")
    return float(value) if isinstance(value, int) and kind == "number" else value


def _shown(value: Any) -> str:
    return str(plain_input(value))
