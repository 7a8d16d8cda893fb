"""From the text of an ownership file to a table that answers."""

from __future__ import annotations

from stanch.documents import Codes, load, validate
from stanch.errors import ConfigError, Problem
from stanch.routing._checks import problems_of
from stanch.routing._model import RoutesFile
from stanch.routing._table import RouteTable

_CODES = Codes(unknown_key="R001", missing="R000", invalid="R000")


def load_routes(text: str, file: str = "routes.yaml") -> RouteTable:
    """Read and check an ownership file.

    Raises:
        ConfigError: with every problem found, codes R000 to R303 (docs/errors.md).
    """
    document = load(text, file, code="R000")
    words = validate(RoutesFile, document, _CODES)
    problems = problems_of(words, document)
    if problems:
        count = len(problems)
        raise ConfigError(f"{file} has {count} mistake{'s' if count != 1 else ''}", problems=_in_order(problems))
    return RouteTable(words, document.data, name=file)


def _in_order(problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: (problem.line, problem.column, problem.code))
