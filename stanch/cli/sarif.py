"""Problems of files as a SARIF log (OASIS SARIF 2.1.0), for code review tools."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from stanch.errors import Problem

ROOT_ID = "%SRCROOT%"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_sarif(problems: Sequence[Problem], *, root: Path | None = None) -> dict[str, Any]:
    """The problems as one run.

    Args:
        problems: of any files.
        root: the folder that paths are told relative to; the current one where not given.
    """
    from stanch import __version__

    codes = sorted({problem.code for problem in problems})
    base = (root or Path.cwd()).resolve()
    driver = {
        "name": "stanch validate",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [_rule(code) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT_ID: {"description": {"text": "The folder that stanch validate was called in."}}},
        "invocations": [{"executionSuccessful": True}],
        "results": [_result(problem, codes, base) for problem in problems],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str) -> dict[str, Any]:
    from stanch.error_table import meanings, plain

    known = meanings().get(code)
    if known is None:
        return {"id": code, "shortDescription": {"text": code}}
    means, step = known
    return {
        "id": code,
        "shortDescription": {"text": _sentence(plain(means))},
        "help": {
            "text": f"{_sentence(plain(means))} Next step: {_sentence(plain(step), capital=False)}",
            "markdown": f"{_sentence(means)}\n\n**Next step:** {_sentence(step, capital=False)}",
        },
    }


def _sentence(text: str, *, capital: bool = True) -> str:
    first = text[:1].upper() if capital else text[:1]
    return first + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _result(problem: Problem, codes: Sequence[str], base: Path) -> dict[str, Any]:
    text = problem.message + (f" ({problem.hint})" if problem.hint else "")
    location = _location(problem.file, base)
    place: dict[str, Any] = {"artifactLocation": location}
    if problem.line > 0:
        place["region"] = {"startLine": problem.line, "startColumn": max(problem.column, 1)}
    mark = "\0".join((problem.code, str(location["uri"]), problem.message))
    return {
        "ruleId": problem.code,
        "ruleIndex": codes.index(problem.code),
        "level": _LEVELS.get(problem.severity, "warning"),
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"stanchProblem/v1": hashlib.sha256(mark.encode()).hexdigest()},
    }


def _location(file: str, base: Path) -> dict[str, Any]:
    """Relative to the root, so that the log means the same on another machine; a file outside it keeps its path."""
    path = (base / (file or "stanch.toml")).resolve()
    if path.is_relative_to(base):
        return {"uri": quote(path.relative_to(base).as_posix()), "uriBaseId": ROOT_ID}
    return {"uri": path.as_uri()}
