"""Types that expressions know, read from pydantic models, nested dicts and short words."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from functools import cache, lru_cache
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel

from stanch.shapes import is_dict

SpecLike: TypeAlias = "str | type[BaseModel] | Mapping[str, SpecLike]"


@dataclass(frozen=True)
class Simple:
    """A scalar, or `dyn` for what is only known when it runs.

    Args:
        choices: the words an enumeration has.
        instead: words that never occur, with the one that does.
        is_open: there may be others; only what looks like a misspelt choice is a mistake.
    """

    kind: str
    choices: tuple[str, ...] = ()
    instead: tuple[tuple[str, str], ...] = ()
    is_open: bool = False


@dataclass(frozen=True)
class ListOf:
    item: Spec


@dataclass(frozen=True)
class MapOf:
    value: Spec


@dataclass(eq=False)
class Record:
    """Named fields; it may refer to itself."""

    name: str
    fields: dict[str, Field] = field(default_factory=dict[str, "Field"])


@dataclass(frozen=True)
class Field:
    spec: Spec
    optional: bool = False


Spec: TypeAlias = Simple | ListOf | MapOf | Record

DYN = Simple("dyn")
_SCALARS = ("string", "bool", "int", "double", "duration", "timestamp", "bytes", "dyn")
_PYTHON: dict[Any, Spec] = {
    str: Simple("string"),
    bool: Simple("bool"),
    int: Simple("int"),
    float: Simple("double"),
    bytes: Simple("bytes"),
    datetime: Simple("timestamp"),
    timedelta: Simple("duration"),
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z", re.ASCII)


class Specs:
    """Reads type declarations; each model becomes one record however often it is used."""

    def __init__(self, *, shared: bool = False) -> None:
        self.records: dict[str, Record] = {}
        self._shared = shared

    def read(self, like: SpecLike, *, name: str) -> Field:
        """The spec of a declaration; `name` is the path that anonymous records are named after."""
        if isinstance(like, str):
            return _word(like)
        if isinstance(like, type):
            return Field(self._model(like))
        return Field(self._mapping(like, name))

    def _mapping(self, like: Mapping[str, SpecLike], name: str) -> Record:
        record = Record(f"at_{name}")
        self.records[record.name] = record
        for key, value in like.items():
            if not _NAME.match(key):
                raise ValueError(f"{key!r} cannot be a name in expressions")
            record.fields[key] = self.read(value, name=f"{name}_{key}")
        return record

    def _model(self, model: type[BaseModel]) -> Record:
        name = re.sub(r"\W", "_", f"{model.__module__}_{model.__qualname__}")
        if name in self.records:
            return self.records[name]
        if not self._shared:
            self.records |= _records_of(model)
            return self.records[name]
        record = self.records[name] = Record(name)
        for key, info in model.model_fields.items():
            record.fields[key] = _with_words(self._annotation(info.annotation), info.json_schema_extra)
        return record

    def _annotation(self, kind: Any) -> Field:
        origin, args = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return self._annotation(args[0])
        if origin in (Union, types.UnionType):
            return self._union(args)
        if origin is Literal:
            return Field(_literal(args))
        if isinstance(kind, type):
            return Field(self._class(kind))
        return Field(self._container(origin, args))

    def _union(self, args: tuple[Any, ...]) -> Field:
        rest = [arg for arg in args if arg is not type(None)]
        optional = len(rest) < len(args)
        inner = self._annotation(rest[0]).spec if len(rest) == 1 else DYN
        return Field(inner, optional)

    def _class(self, kind: type) -> Spec:
        if issubclass(kind, BaseModel):
            return self._model(kind)
        if issubclass(kind, Enum):
            return _literal(tuple(member.value for member in kind))
        if issubclass(kind, list | tuple | set | frozenset):
            return ListOf(DYN)
        if issubclass(kind, dict):
            return MapOf(DYN)
        return _PYTHON.get(kind, DYN)

    def _container(self, origin: Any, args: tuple[Any, ...]) -> Spec:
        if not isinstance(origin, type):
            return DYN
        if issubclass(origin, Mapping):
            return MapOf(self._annotation(args[1]).spec) if args[0] is str else DYN
        if issubclass(origin, tuple) and not (len(args) == 2 and args[1] is Ellipsis):
            return ListOf(DYN)
        if issubclass(origin, list | tuple | set | frozenset) or origin.__name__ == "Sequence":
            return ListOf(self._annotation(args[0]).spec)
        return DYN


def _with_words(field: Field, extra: Any) -> Field:
    """A text whose field lists its words in `json_schema_extra`, without refusing others as data."""
    if not is_dict(extra) or field.spec != Simple("string"):
        return field
    known, instead = extra.get("words", ()), tuple(sorted(extra.get("instead", {}).items()))
    return Field(Simple("string", tuple(known), instead, bool(extra.get("others"))), field.optional)


@cache
def _records_of(model: type[BaseModel]) -> dict[str, Record]:
    """A model's record with those it is made of, read once and then shared by every schema."""
    specs = Specs(shared=True)
    specs.read(model, name="")
    return specs.records


def _literal(values: tuple[Any, ...]) -> Spec:
    if all(isinstance(value, str) for value in values):
        return Simple("string", tuple(str(value) for value in values))
    kinds: set[type[Any]] = {type(value) for value in values}
    return _PYTHON.get(kinds.pop(), DYN) if len(kinds) == 1 else DYN


@lru_cache(maxsize=256)
def _word(text: str) -> Field:
    """`string`, `'a'|'b'`, `list<string>`, `map<int>`, `list`, `map`; a `?` at the end makes it optional."""
    optional = text.endswith("?")
    word = text.removesuffix("?")
    if word in _SCALARS:
        return Field(Simple(word), optional)
    if word.startswith("'"):
        return Field(Simple("string", tuple(each.strip("'") for each in word.split("|"))), optional)
    if word in ("list", "map"):
        return Field(ListOf(DYN) if word == "list" else MapOf(DYN), optional)
    match = re.fullmatch(r"(list|map)<(.+)>", word)
    if not match:
        raise ValueError(f"{text!r} is not a type that expressions know")
    inner = _word(match[2]).spec
    return Field(ListOf(inner) if match[1] == "list" else MapOf(inner), optional)
