"""Reads a connector's section of stanch.toml into its model, without ever showing a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from stanch.errors import ConfigError, Problem

Section = TypeVar("Section", bound=BaseModel)


def read_section(model: type[Section], name: str, section: Mapping[str, Any]) -> Section:
    """The section as its model; `kind` was used up by whoever chose the connector.

    Raises:
        ConfigError: one problem for each wrong key; never a value, since values may be secrets.
    """
    try:
        return model.model_validate({key: value for key, value in section.items() if key != "kind"})
    except ValidationError as error:
        problems = [
            Problem(code="C001", message=f"{_place(name, item['loc'])}: {item['msg'].removeprefix('Value error, ')}")
            for item in error.errors(include_url=False, include_context=False, include_input=False)
        ]
    raise ConfigError(
        f"the section of connector {name} is wrong: {problems[0].message}",
        problems=problems,
        hint="compare with its table of keys, which docs/connectors.md names",
    )


def _place(name: str, loc: tuple[int | str, ...]) -> str:
    return ".".join(map(str, (name, *loc)))
