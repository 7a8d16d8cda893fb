"""`stanch validate`: every problem of every policy file, at its line, with its cause and the next step."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stanch.cli.file_kinds import kind_of
from stanch.cli.validate_inventory import inventory_problems, openapi_problems
from stanch.cli.validate_routes import routes_problems

if TYPE_CHECKING:
    from stanch.errors import Problem

DEFAULT_PATHS = (Path("policy"), Path("playbooks"))
_SUFFIXES = (".yaml", ".yml")
_SARIF_LEVEL = {"error": "error", "warning": "warning", "info": "note"}


def validate(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files or folders; policy/ and playbooks/ by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Problems as JSON.")] = False,
    sarif: Annotated[bool, typer.Option("--sarif", help="Problems as SARIF 2.1.0, for code review tools.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
) -> None:
    """Check playbooks, routes, inventory, guards, sources and text templates; exits 3 when one is not usable."""
    files = list(files_of(paths or [path for path in DEFAULT_PATHS if path.exists()]))
    if not files:
        typer.echo("there is nothing to check: name files or folders", err=True)
        raise typer.Exit(2)
    problems = check_files(files)
    if sarif:
        typer.echo(json.dumps(as_sarif(problems), indent=2))
    elif as_json:
        typer.echo(json.dumps([as_dict(problem) for problem in problems], indent=2))
    else:
        show(problems, checked=len(files))
    bad = [problem for problem in problems if problem.severity == "error" or (strict and problem.severity == "warning")]
    raise typer.Exit(3 if bad else 0)


def files_of(paths: Iterable[Path]) -> Iterator[Path]:
    """Policy files under the given paths; exits 2 for a path that does not exist."""
    for path in paths:
        if path.is_dir():
            found = (item for item in sorted(path.rglob("*")) if item.suffix in (*_SUFFIXES, ".j2"))
            yield from (item for item in found if item.is_file())
        elif path.is_file():
            yield path
        else:
            typer.echo(f"there is no {path}", err=True)
            raise typer.Exit(2)


def check_files(files: list[Path]) -> list[Problem]:
    """Problems of all files, and of the playbooks of one folder together."""
    from stanch.errors import Problem

    texts: dict[Path, str] = {}
    problems: list[Problem] = []
    for path in files:
        try:
            texts[path] = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            problems.append(Problem("P001", "the file is not readable UTF-8 text", file=str(path), line=1, column=1))
    playbooks = {path: text for path, text in texts.items() if kind_of(path, text) == "playbook"}
    routes = {path: text for path, text in texts.items() if kind_of(path, text) == "routes"}
    for path, text in texts.items():
        if path not in playbooks and path not in routes:
            problems += _others(path, text)
    problems += routes_problems(routes)
    problems += _playbooks(playbooks, templates=_own_templates(texts))
    return sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column, problem.code))


def _own_templates(texts: dict[Path, str]) -> set[str]:
    return {path.stem for path in texts if path.suffix == ".j2"}


def _playbooks(texts: dict[Path, str], *, templates: set[str]) -> list[Problem]:
    from stanch.errors import ConfigError
    from stanch.playbooks.calling import CALL, beside
    from stanch.playbooks.library import PlaybookSet
    from stanch.texts import shipped

    known = templates | set(shipped().names)
    problems: list[Problem] = []
    for folder in sorted({path.parent for path in texts}):
        inside = {str(path): text for path, text in texts.items() if path.parent == folder}
        try:
            calls = any(CALL in text for text in inside.values())
            others = beside(folder, without=[Path(file).name for file in inside]) if calls else {}
            problems += PlaybookSet.of_texts(inside, templates=known, others=others).warnings
        except ConfigError as error:
            problems += error.problems
    return problems + [problem for path, text in texts.items() for problem in _fixtures(path, text)]


def _fixtures(path: Path, text: str) -> Iterator[Problem]:
    """P403: findings that the tests of a playbook name, and that are not there or no longer findings."""
    from stanch.errors import Problem, StanchError
    from stanch.playbooks import check_playbook
    from stanch.simulate.examples import finding_of

    checked = check_playbook(text, str(path))
    for number, test in enumerate(checked.playbook.tests if checked.playbook else ()):
        try:
            finding_of(test.finding, path.parent)
        except StanchError as error:
            line, column = _test_place(text, number)
            message = f"finding of test {test.name!r}: {error.message}"
            yield Problem("P403", message, file=str(path), line=line, column=column, hint=error.hint)


def _test_place(text: str, number: int) -> tuple[int, int]:
    from stanch.documents import load

    return load(text).at(("tests", number, "finding"))


def _others(path: Path, text: str) -> list[Problem]:
    from stanch.errors import ConfigError, Problem

    check = _CHECKS.get(kind_of(path, text))
    if check is None:
        message = "not a kind of file that is checked here"
        hint = "start it with version: playbook/v1, routing/v1, inventory/v1, guards/v1 or sources/v1"
        return [Problem("C030", message, file=str(path), line=1, column=1, hint=hint, severity="warning")]
    try:
        return check(text, path)
    except ConfigError as error:
        return list(error.problems)


def _guards(text: str, path: Path) -> list[Problem]:
    from stanch.guards import load_guards

    load_guards(text, str(path))
    return []


def _sources(text: str, path: Path) -> list[Problem]:
    """Against the adapters beside it; where those are broken they have problems of their own."""
    from stanch.errors import ConfigError
    from stanch.intake.config import parse_sources
    from stanch.sources import load_library

    folder = path.parent / "adapters"
    try:
        library = load_library([folder] if folder.is_dir() else [])
    except ConfigError:
        library = load_library([])
    parse_sources(text, str(path), library=library)
    return []


def _adapter(_text: str, path: Path) -> list[Problem]:
    from stanch.sources import load_adapter

    load_adapter(path)
    return []


def _template(text: str, path: Path) -> list[Problem]:
    from stanch.texts.rendering import problems_of

    return problems_of(str(path), text)


_CHECKS: dict[str, Callable[[str, Path], list[Problem]]] = {
    "guards": _guards,
    "sources": _sources,
    "inventory": inventory_problems,
    "openapi": openapi_problems,
    "adapter": _adapter,
    "text": _template,
}


def show(problems: list[Problem], *, checked: int) -> None:
    """Problems on standard output, the summary on standard error."""
    from stanch.sinks.terminal import safe_text

    for problem in problems:
        word = "" if problem.severity == "error" else f"{problem.severity}: "
        place = f"{problem.file}:{problem.line}:{problem.column}: " if problem.file else ""
        hint = f" ({problem.hint})" if problem.hint else ""
        typer.echo(safe_text(f"{place}{word}{problem.code} {problem.message}{hint}", limit=1000))
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = sum(problem.severity == "warning" for problem in problems)
    remarks = len(problems) - errors - warnings
    more = f", {remarks} remarks" if remarks else ""
    typer.echo(f"{checked} files checked: {errors} errors, {warnings} warnings{more}", err=True)


def as_dict(problem: Problem) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(problem)


def as_sarif(problems: list[Problem]) -> dict[str, object]:
    """The problems as a SARIF log (OASIS SARIF 2.1.0, sections 3.13 to 3.30)."""
    from stanch import __version__

    rules = sorted({problem.code for problem in problems})
    tool = {"name": "stanch validate", "version": __version__, "rules": [{"id": code} for code in rules]}
    results = [_sarif(problem) for problem in problems]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": tool}, "results": results}],
    }


def _sarif(problem: Problem) -> dict[str, object]:
    text = problem.message + (f" ({problem.hint})" if problem.hint else "")
    region = {"startLine": max(problem.line, 1), "startColumn": max(problem.column, 1)}
    place = {"artifactLocation": {"uri": problem.file or "stanch.toml"}, "region": region}
    return {
        "ruleId": problem.code,
        "level": _SARIF_LEVEL.get(problem.severity, "warning"),
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    }
