"""The small words of a playbook file: durations, rates and values that may hold `${{ }}`."""

from __future__ import annotations

import re
from collections.abc import Sized
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from stanch.durations import parse_duration

TEMPLATE_MARK = "${{"
_RATE = re.compile(r"(\d+)/(s|m|h|d|w)")


def is_template(value: object) -> bool:
    return isinstance(value, str) and TEMPLATE_MARK in value


def _span(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError("a duration needs a unit; write it like 30m, 4h or 7d")
    return parse_duration(value)


def _open_span(value: object) -> object:
    return value if is_template(value) else _span(value)


def _rate(value: object) -> object:
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0:
        raise ValueError("a rate is a number per time; write it like 10/h or 3/d")
    return int(match[1]), parse_duration(f"1{match[2]}").total_seconds()


def _not_empty(value: Sized) -> Sized:
    if not len(value):
        raise ValueError("must not be empty")
    return value


_SPAN_SCHEMA = {"type": "string", "pattern": r"^(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?$", "examples": ["30m", "4h", "7d"]}
_OPEN_SCHEMA = {"anyOf": [_SPAN_SCHEMA, {"type": "string", "pattern": r"\$\{\{"}], "x-expression-type": "duration"}
_RATE_SCHEMA = {"type": "string", "pattern": r"^\d+/[smhdw]$", "examples": ["10/h", "3/d"]}

Span = Annotated[timedelta, BeforeValidator(_span), WithJsonSchema(_SPAN_SCHEMA)]
"""A duration written with its unit."""

OpenSpan = Annotated[timedelta | str, BeforeValidator(_open_span), WithJsonSchema(_OPEN_SCHEMA)]
"""A duration, or a `${{ }}` that gives one."""

Rate = Annotated[tuple[int, float], BeforeValidator(_rate), WithJsonSchema(_RATE_SCHEMA)]
"""How many in how many seconds."""

NotEmpty = AfterValidator(_not_empty)
"""At least one item; asked only of a list whose items are right, so that one mistake gives one problem."""

Value = Any
"""JSON whose strings may hold `${{ }}`."""
