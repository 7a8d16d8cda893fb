"""From ownership files to a table that answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path as File
from typing import Any

from stanch.documents import Codes, load, validate
from stanch.errors import ConfigError, Problem
from stanch.routing._checks import problems_of
from stanch.routing._merge import Part, merge
from stanch.routing._model import RoutesFile, RoutesPart
from stanch.routing._pause import collection_paused
from stanch.routing._table import RouteTable
from stanch.routing._written import Written

MAIN, ROUTES_FOLDER = "routes.yaml", "routes.d"
_CODES = Codes(unknown_key="R001", missing="R000", invalid="R000")


@collection_paused()
def load_routes(text: str, file: str = MAIN) -> RouteTable:
    """Read and check a single ownership file.

    Raises:
        ConfigError: with every problem found, codes R000 to R303 (docs/errors.md).
    """
    document = load(text, file, code="R000")
    return _checked(validate(RoutesFile, document, _CODES), Written.of(document), document.data, file)


@collection_paused()
def load_route_files(texts: Mapping[str, str]) -> RouteTable:
    """Read and check the files of several teams as one; their order has no meaning.

    Args:
        texts: content by file name, at least one.

    Raises:
        ConfigError: with every problem found in any of them.
    """
    if len(texts) == 1:
        return load_routes(*reversed(next(iter(texts.items()))))
    parts, problems = _parts(texts)
    name = _name(texts)
    if problems:
        raise _failed(name, problems)
    merged = merge(parts)
    if merged.problems:
        raise _failed(name, merged.problems)
    return _checked(merged.words, merged.written, merged.data, name)


def route_files(path: File) -> list[File]:
    """The ownership files that belong together.

    Args:
        path: a policy folder; or one file, which brings `routes.d` beside it along when it is called `routes.yaml`.
    """
    main = path / MAIN if path.is_dir() else path
    beside = main.parent / ROUTES_FOLDER if main.name == MAIN else None
    parts = sorted(beside.glob("*.y*ml")) if beside and beside.is_dir() else []
    parts = [each for each in parts if each.is_file() and not each.name.startswith(".")]
    return [main, *parts] if main.is_file() or not parts else parts


def read_routes(path: File) -> RouteTable:
    """Read the ownership files of a policy folder, or one file and what belongs to it.

    Raises:
        ConfigError: with every problem found, or because a file cannot be read.
    """
    return load_route_files({str(file): _text(file) for file in route_files(path)})


def _text(file: File) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"cannot read {file}", code="R000", hint="name the ownership file or its folder") from None


def _parts(texts: Mapping[str, str]) -> tuple[list[Part], list[Problem]]:
    """Each file checked on its own, sorted by name so that the same files give the same messages."""
    parts, problems = list[Part](), list[Problem]()
    for name in sorted(texts):
        try:
            document = load(texts[name], name, code="R000")
            parts.append((document, validate(RoutesPart, document, _CODES)))
        except ConfigError as error:
            problems += error.problems
    return parts, problems


def _checked(words: RoutesFile, written: Written, data: Mapping[str, Any], name: str) -> RouteTable:
    problems = problems_of(words, written)
    if problems:
        raise _failed(name, problems)
    return RouteTable(words, data, name=name, written=written)


def _name(texts: Iterable[str]) -> str:
    first, *others = sorted(texts)
    return f"{first} and {len(others)} more"


def _failed(name: str, problems: list[Problem]) -> ConfigError:
    count = len(problems)
    ordered = sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column, problem.code))
    return ConfigError(f"{name} has {count} mistake{'s' if count != 1 else ''}", problems=ordered)
