"""The `match` words of rules and playbooks, and the places they stand for."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from stanch.routing._place import Place, parse_host, parse_path


def checked_host(text: str) -> str:
    """The pattern itself; refused in words for its author."""
    try:
        parse_host(text)
    except ValueError as error:
        raise _form(str(error)) from None
    return text


def _checked_path(text: str) -> str:
    try:
        parse_path(text)
    except ValueError as error:
        raise _form(str(error)) from None
    return text


def _form(message: str) -> PydanticCustomError:
    return PydanticCustomError("R005", "{message}", {"message": message})


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


_METHOD = r"^[A-Z]{3,10}$"


def _one_or_more(item: dict[str, str]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [item, {"type": "array", "items": item}]})


Words = Annotated[tuple[str, ...], BeforeValidator(_listed), _one_or_more({"type": "string"})]
Methods = Annotated[
    tuple[Annotated[str, Field(pattern=_METHOD)], ...],
    BeforeValidator(_listed),
    _one_or_more({"type": "string", "pattern": _METHOD}),
]


class PlaceWords(BaseModel):
    """One place: host and path patterns, and conditions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Annotated[str, AfterValidator(checked_host)] = "*"
    path: Annotated[str, AfterValidator(_checked_path)] = "/**"
    methods: Methods = ()
    environment: Words = ()
    source: Words = ()

    @property
    def place(self) -> Place:
        text = f"{self.host}{self.path}" + (f" {','.join(self.methods)}" if self.methods else "")
        sets = (frozenset(self.methods), frozenset(self.environment), frozenset(self.source))
        return Place(text, parse_host(self.host), parse_path(self.path), *sets)


class Match(PlaceWords):
    """Where a rule or playbook applies: one place, or `any` of several."""

    any: tuple[PlaceWords, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> Match:
        if self.any and self.model_fields_set - {"any"}:
            raise PydanticCustomError("R005", "'any' stands alone: put host, path and methods into its entries")
        if "any" in self.model_fields_set and not self.any:
            raise PydanticCustomError("R005", "an empty 'any' would apply everywhere; write a place into it")
        if not self.model_fields_set:
            raise PydanticCustomError("R005", "an empty 'match' would apply everywhere; write host or path")
        return self

    @property
    def alternatives(self) -> tuple[PlaceWords, ...]:
        return self.any or (self,)

    @cached_property
    def places(self) -> tuple[Place, ...]:
        return tuple(words.place for words in self.alternatives)
