"""`stanch validate`: every problem of every policy file, at its line, with its cause and the next step."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stanch.cli.file_kinds import kind_of
from stanch.cli.validate_inventory import inventory_problems, openapi_problems
from stanch.cli.validate_playbooks import playbook_problems
from stanch.cli.validate_routes import routes_problems

if TYPE_CHECKING:
    from stanch.errors import Problem

DEFAULT_PATHS = (Path("policy"), Path("playbooks"))
_SUFFIXES = (".yaml", ".yml")


def validate(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files or folders; policy/ and playbooks/ by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Problems as JSON.")] = False,
    sarif: Annotated[bool, typer.Option("--sarif", help="Problems as SARIF 2.1.0, for code review tools.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
) -> None:
    """Check playbooks, routes, inventory, guards, lists, sources and text templates; exits 3 when one is not usable."""
    files = list(files_of(paths or [path for path in DEFAULT_PATHS if path.exists()]))
    if not files:
        typer.echo("there is nothing to check: name files or folders", err=True)
        raise typer.Exit(2)
    problems = check_files(files)
    if sarif:
        from stanch.cli.sarif import as_sarif

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


@contextmanager
def _no_collector() -> Generator[None]:
    """Everything that is read is kept to the end, so that looking for garbage is a waste."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@_no_collector()
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
    problems += playbook_problems(playbooks, templates=_own_templates(texts), routes=routes)
    return sorted(dict.fromkeys(problems), key=lambda each: (each.file, each.line, each.column, each.code))


def _own_templates(texts: Mapping[Path, str]) -> set[str]:
    return {path.stem for path in texts if path.suffix == ".j2" and "." not in path.stem}


def _others(path: Path, text: str) -> list[Problem]:
    from stanch.errors import ConfigError, Problem

    kind = kind_of(path, text)
    if kind == "foreign":
        message = "skipped: only .yaml, .yml and .j2 files are checked"
        return [Problem("C030", message, file=str(path), line=1, column=1, severity="info")]
    check = _CHECKS.get(kind)
    if check is None:
        message = "not a kind of file that is checked here"
        hint = (
            "start it with version: playbook/v1, routing/v1, inventory/v1, guards/v1, lists/v1, sources/v1, scenario/v1"
        )
        return [Problem("C030", message, file=str(path), line=1, column=1, hint=hint, severity="warning")]
    try:
        return check(text, path)
    except ConfigError as error:
        return list(error.problems)


def _guards(text: str, path: Path) -> list[Problem]:
    from stanch.guards import load_guards

    load_guards(text, str(path))
    return []


def _lists(text: str, path: Path) -> list[Problem]:
    from stanch.lists import parse_lists

    parse_lists(text, str(path))
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
    """With the others of its folder and the shipped ones, which it may include."""
    from stanch.texts.folders import problems_of_file

    return problems_of_file(path, text)


def _scenario(text: str, path: Path) -> list[Problem]:
    """Its form and its finding; what comes of it is for `stanch playbook test`."""
    from stanch.errors import Problem, StanchError
    from stanch.playbooks.fixtures import check_fixture
    from stanch.simulate.golden import load_scenario

    scenario, document = load_scenario(text, str(path))
    told: dict[str, str] = {}
    if not (path.parent / scenario.playbook).is_file():
        told["playbook"] = f"there is no playbook {scenario.playbook}"
    try:
        check_fixture(scenario.finding, path.parent)
    except StanchError as error:
        told["finding"] = error.message
    places = {name: document.at((name,)) for name in told}
    return [Problem("P403", told[name], str(path), line, column) for name, (line, column) in places.items()]


_CHECKS: dict[str, Callable[[str, Path], list[Problem]]] = {
    "guards": _guards,
    "sources": _sources,
    "lists": _lists,
    "inventory": inventory_problems,
    "openapi": openapi_problems,
    "adapter": _adapter,
    "text": _template,
    "scenario": _scenario,
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
