"""Pydantic's errors, told as problems of a file: one for each mistake, at its line, with the likely right word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from stanch.documents import _hints
from stanch.documents._fields import branches, names_at
from stanch.documents._tree import Document, Path, child
from stanch.documents._yaml import failed
from stanch.errors import Problem

Model = TypeVar("Model", bound=BaseModel)
_CODE = re.compile(r"[A-Z]\d{3}\Z")


@dataclass(frozen=True)
class Codes:
    """Codes for the kinds of mistakes that a model finds.

    A validator may raise `PydanticCustomError("R204", "...", {"hint": "..."})`: an error type that is a code is kept.
    """

    unknown_key: str = "P002"
    missing: str = "P001"
    invalid: str = "P001"


def validate(model: type[Model], document: Document, codes: Codes | None = None) -> Model:
    """Read a document as a model.

    Raises:
        ConfigError: with every mistake, each once, at its place in the file.
    """
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=True)
    details = _without_echoes(_one_each(model, document, found))
    problems = [_problem(model, document, codes or Codes(), detail) for detail in details]
    raise failed(document.file, sorted(problems, key=lambda problem: (problem.line, problem.column)))


@dataclass(frozen=True)
class _Detail:
    error: Mapping[str, Any]
    path: Path  # where in the file
    union: tuple[Path, str] | None  # the first choice of types on the way, and the branch that was tried


def _locate(model: type[BaseModel], document: Document, error: Mapping[str, Any]) -> _Detail:
    """Drop from pydantic's location what names a branch of a union and not a place in the file."""
    node, path, union = document.root, list[str | int](), None
    location: tuple[str | int, ...] = error["loc"]
    flags = branches(model, location)
    for position, step in enumerate(location):
        found = None if flags[position] else child(node, step)
        if found is not None:
            node = found
            path.append(step)
        elif position == len(location) - 1 and error["type"] == "missing":
            path.append(step)
        elif union is None:
            union = (tuple(path), str(step))
    return _Detail(error, tuple(path), union)


def _one_each(model: type[BaseModel], document: Document, errors: Iterable[Mapping[str, Any]]) -> list[_Detail]:
    """Of a choice of types keep the branch that came furthest; of one place keep the first error."""
    details = [_locate(model, document, error) for error in errors]
    kept: dict[Path, tuple[str, int, int]] = {}
    for union in {detail.union for detail in details if detail.union}:
        branch = [len(detail.path) for detail in details if detail.union == union]
        rank = (max(branch), -len(branch))
        place, name = union
        if place not in kept or rank > kept[place][1:]:
            kept[place] = (name, *rank)
    chosen = [item for item in details if item.union is None or kept[item.union[0]][0] == item.union[1]]
    return list({detail.path: detail for detail in reversed(chosen)}.values())[::-1]


def _without_echoes(details: list[_Detail]) -> list[_Detail]:
    """A misspelt key is one mistake: that the right one is missing follows from it."""
    unknown = [detail.path for detail in details if detail.error["type"] == "extra_forbidden"]

    def is_echo(detail: _Detail) -> bool:
        beside = [str(path[-1]) for path in unknown if path[:-1] == detail.path[:-1]]
        return detail.error["type"] == "missing" and bool(get_close_matches(str(detail.path[-1]), beside, cutoff=0.6))

    return [detail for detail in details if not is_echo(detail)]


def _problem(model: type[BaseModel], document: Document, codes: Codes, detail: _Detail) -> Problem:
    kind = str(detail.error["type"])
    last = str(detail.path[-1]) if detail.path else "the file"
    code, message, hint = codes.invalid, _message(detail.error, last), ""
    if kind == "extra_forbidden":
        code, message = codes.unknown_key, f"unknown key '{last}'"
        hint = _hints.for_key(last) or _suggest(last, names_at(model, detail.error["loc"][:-1]))
    elif kind == "missing":
        code = codes.missing
    elif kind in ("model_type", "model_attributes_type"):
        hint = _suggest("", names_at(model, detail.error["loc"]))
    elif _CODE.match(kind):
        code, hint = kind, str(detail.error.get("ctx", {}).get("hint", ""))
    elif kind in ("literal_error", "enum"):
        hint = _suggest(str(detail.error["input"]), re.findall(r"'([^']*)'", str(detail.error["ctx"]["expected"])))
    is_key = kind in ("extra_forbidden", "missing") or detail.error["loc"][-1:] == ("[key]",)
    line, column = document.at(detail.path, key=is_key)
    return Problem(code=code, message=message, file=document.file, line=line, column=column, hint=hint)


_WORDS = {
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "mapping_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "missing": "is missing",
}


def _message(error: Mapping[str, Any], name: str) -> str:
    kind = str(error["type"])
    if kind in _WORDS:
        return f"'{name}' {_WORDS[kind]}"
    if kind in ("literal_error", "enum"):
        return f"'{name}' must be one of {error['ctx']['expected']}"
    if _CODE.match(kind):
        return str(error["msg"])
    return f"'{name}': {str(error['msg']).removeprefix('Value error, ')}"


def _suggest(word: str, known: Iterable[str]) -> str:
    names = sorted(set(known))
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known here: {', '.join(names)}" if 0 < len(names) <= 12 else ""
