"""Files of several teams put together: the order of files never matters, and nobody touches what another declared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from stanch.documents import Document
from stanch.errors import Problem
from stanch.routing._directory import Directory
from stanch.routing._model import RoutesFile, RoutesPart
from stanch.routing._written import Found, Path, Written
from stanch.shapes import is_dict, is_list, is_mapping

Part: TypeAlias = tuple[Document, RoutesPart]
Origins: TypeAlias = dict[Path, tuple[Document, Path]]
LISTS = ("rules", "overlays", "grouping", "inhibit", "silences", "tests")
_TABLES: tuple[Path, ...] = (
    ("directory", "users"),
    ("directory", "teams"),
    ("directory", "schedules"),
    ("calendars",),
    ("sla",),
    ("escalations",),
)
_SETS = ("ignore_case",)


@dataclass(frozen=True)
class Merged:
    """The whole of several files; `words` is usable only where there are no problems."""

    words: RoutesFile
    data: dict[str, Any]
    written: Written
    problems: list[Problem]


def merge(parts: Sequence[Part]) -> Merged:
    """Put checked files together, in any order."""
    documents = [document for document, _ in parts]
    origins: Origins = {}
    problems = [*_defaults(documents, origins), *_tables(documents, origins)]
    for name in LISTS:
        for place, (document, index) in enumerate(_sorted(documents, name)):
            origins[name, place] = (document, (name, index))
    data = _data(origins)
    for name in _SETS:
        data[name] = sorted({each for document in documents for each in document.data.get(name) or ()})
    return Merged(_words(parts, origins, data), data, Written({**origins, (): (documents[0], ())}), problems)


def _words(parts: Sequence[Part], origins: Origins, data: Mapping[str, Any]) -> RoutesFile:
    """The models of the parts as they are: each was checked when its file was read."""
    models = {document.file: part for document, part in parts}
    values: dict[str, Any] = {"version": "routing/v1", **{name: tuple(data[name]) for name in _SETS}}
    for path, (document, own) in origins.items():
        _put(values, path, _in_model(models[document.file], own))
    make: Any = RoutesFile.model_construct
    people: Any = Directory.model_construct
    listed = {key: tuple(value) if key in LISTS else value for key, value in values.items() if key != "directory"}
    whole: RoutesFile = make(**listed, directory=people(**values.get("directory", {})))
    return whole


def _in_model(model: Any, path: Path) -> Any:
    for step in path:
        model = model[step] if isinstance(step, int) or is_mapping(model) else getattr(model, step)
    return model


def _defaults(documents: Sequence[Document], origins: Origins) -> Iterator[Problem]:
    having = [document for document in documents if "default" in document.data]
    for document in having[:1]:
        origins["default",] = (document, ("default",))
    for document in having[1:]:
        message = "there can be only one default owner"
        yield _refused("R111", message, having[0], document, ("default",))
    if not having:
        hint = "one of the files says who owns what no rule is about"
        yield Written.of(documents[0]).problem(Found("R000", "'default' is missing", (), hint))


def _tables(documents: Sequence[Document], origins: Origins) -> Iterator[Problem]:
    for table in _TABLES:
        for document in documents:
            for key in _table(document, table):
                path = (*table, key)
                if path in origins:
                    yield _twice(origins[path][0], document, path)
                else:
                    origins[path] = (document, path)


def _table(document: Document, path: Path) -> Mapping[str, Any]:
    value: Any = document.data
    for step in path:
        value = value.get(step) or {} if is_dict(value) else {}
    return value if is_dict(value) else {}


def _twice(first: Document, second: Document, path: Path) -> Problem:
    theirs, ours = (str(document.data.get("namespace", "")) for document in (first, second))
    if theirs == ours:
        return _refused("R110", f"'{path[-1]}' is declared in two files", first, second, path)
    message = f"'{path[-1]}' belongs to namespace '{theirs}', and this file to '{ours}'"
    return _refused("R112", message, first, second, path)


def _refused(code: str, message: str, first: Document, second: Document, path: Path) -> Problem:
    written = Written({("first",): (first, ()), ("second",): (second, ())})
    found = Found(code, message, ("second", *path), "keep one of them", key=True, also=("first", *path))
    return written.problem(found)


def _sorted(documents: Sequence[Document], name: str) -> list[tuple[Document, int]]:
    """Entries of a list in an order that no file decides."""
    entries = [(document, index) for document in documents for index in range(len(document.data.get(name) or ()))]
    return sorted(entries, key=lambda each: _canonical(each[0].data[name][each[1]]))


def _canonical(entry: Any) -> tuple[str, str]:
    name = str(entry.get("id", "")) if is_dict(entry) else ""
    return name, json.dumps(entry, sort_keys=True)


def _data(origins: Origins) -> dict[str, Any]:
    whole: dict[str, Any] = {"version": "routing/v1"}
    for path, (document, own) in origins.items():
        value = document.data
        for step in own:
            value = value[step]
        _put(whole, path, value)
    return whole


def _put(whole: dict[str, Any], path: Path, value: Any) -> None:
    target: Any = whole
    for step in path[:-1]:
        target = target.setdefault(step, [] if step in LISTS else {})
    if is_list(target):
        target.append(value)
    else:
        target[path[-1]] = value


def digest_form(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data of a file in a form in which layout, order of rules and namespaces do not show."""
    form = {key: value for key, value in data.items() if key not in ("namespace", "version")}
    for name in ("rules", "overlays", "tests", *_SETS):
        if form.get(name):
            form[name] = sorted(form[name], key=_canonical)
    return {key: value for key, value in form.items() if value}
