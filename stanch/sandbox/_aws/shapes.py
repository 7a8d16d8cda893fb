"""Requests checked against the vendor's own service model, as strictly as the model allows."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, cast

import botocore.session
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape


class AwsError(Exception):
    """An error answer of the JSON protocol."""

    def __init__(self, code: str, message: str = "", *, status: int = 400, field: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = status
        self.body: dict[str, str] = {"__type": code, "message": message} | ({"Field": field} if field else {})


def invalid(message: str, field: str = "") -> AwsError:
    return AwsError("WAFInvalidParameterException", message, field=field)


@cache
def service(name: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(name)


def check(value: Any, shape: Shape, place: str = "") -> None:
    """Make sure that a JSON value is what the model says.

    Raises:
        AwsError: WAFInvalidParameterException for unknown or missing members, wrong types, lengths, words, patterns.
    """
    if isinstance(shape, StructureShape):
        _structure(value, shape, place)
    elif isinstance(shape, ListShape):
        _bounded(_typed(value, list, place), shape, place)
        for index, item in enumerate(value):
            check(item, shape.member, f"{place}[{index}]")
    elif isinstance(shape, MapShape):
        for key, item in _typed(value, dict, place).items():
            check(key, shape.key, place)
            check(item, shape.value, f"{place}.{key}")
    else:
        _scalar(value, shape, place)


def _structure(value: Any, shape: StructureShape, place: str) -> None:
    for name, item in _typed(value, dict, place).items():
        if name not in shape.members:
            raise invalid(f"unknown member {place}.{name}", place)
        check(item, shape.members[name], f"{place}.{name}")
    missing = [name for name in shape.required_members if name not in value]
    if missing:
        raise invalid(f"missing member {place}.{missing[0]}", place)


def _scalar(value: Any, shape: Shape, place: str) -> None:
    if isinstance(shape, StringShape):
        _bounded(_typed(value, str, place), shape, place)
        if shape.enum and value not in shape.enum:
            raise invalid(f"{place} is not one of the allowed words", place)
        pattern = _pattern(str(shape.metadata.get("pattern", "")))
        if pattern is not None and not pattern.search(value):
            raise invalid(f"{place} does not match its pattern", place)
    elif shape.type_name in ("integer", "long"):
        number = _typed(value, int, place)
        low, high = shape.metadata.get("min", number), shape.metadata.get("max", number)
        if isinstance(value, bool) or not low <= number <= high:
            raise invalid(f"{place} is out of range", place)
    elif shape.type_name == "boolean":
        _typed(value, bool, place)


def _typed(value: Any, kind: type[Any], place: str) -> Any:
    if not isinstance(value, kind):
        raise invalid(f"{place} has the wrong type", place)
    return value


def _bounded(value: Any, shape: Shape, place: str) -> None:
    size = len(value)
    if not int(shape.metadata.get("min", 0)) <= size <= int(shape.metadata.get("max", size)):
        raise invalid(f"{place} has the wrong length", place)


@cache
def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text) if text else None
    except re.error:
        return None  # Java syntax that Python does not know; length and type are still checked


def members(name: str, model: str = "wafv2") -> frozenset[str]:
    """Members of a structure in the service model."""
    return frozenset(cast(StructureShape, service(model).shape_for(name)).members)
