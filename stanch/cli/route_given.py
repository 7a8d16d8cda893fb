"""What the commands about ownership are given, and how they speak: rules, findings, inventories, lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from stanch.shapes import is_dict

if TYPE_CHECKING:
    from stanch.learning.coverage import Known
    from stanch.routing import RouteTable
    from stanch.views import FindingView

_FILES = (".json", ".jsonl", ".ndjson", ".yaml", ".yml", ".txt")  # of a file that was meant, rather than of a host


def load_table(path: Path) -> RouteTable:
    """An ownership file, or all of a policy folder, ready to answer.

    Raises:
        ConfigError: it cannot be read or has mistakes.
    """
    from stanch.routing import read_routes

    return read_routes(path)


def findings_of(target: str, given: Mapping[str, str]) -> Iterator[FindingView]:
    """Findings of a target, with what was given on the command line laid over them.

    Raises:
        IntakeError: the file holds something that is not a finding.
    """
    if target == "-" or Path(target).is_file():
        for item in _items(_read(target)):
            yield overlaid(_finding(item), given)
        return
    if _names_a_file(target):
        say(f"there is no file {target}; a URL is written with https://")
        raise typer.Exit(2)
    yield overlaid(_of_url(target), given)


def _names_a_file(target: str) -> bool:
    """Whether it can only be meant as a file: it ends like one, and what stands first is no host."""
    host, slash, _ = target.partition("/")
    return "://" not in target and target.lower().endswith(_FILES) and (not slash or "." not in host.strip("."))


def _read(target: str) -> str:
    from stanch.errors import IntakeError

    try:
        return typer.get_text_stream("stdin").read() if target == "-" else Path(target).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise IntakeError("the findings are not readable UTF-8 text") from None


def _items(text: str) -> Iterator[Any]:
    """One JSON value, an array, or one JSON value a line."""
    from stanch.errors import IntakeError

    try:
        whole = json.loads(text)
    except ValueError:
        whole = None
    if whole is not None:
        yield from whole if isinstance(whole, list) else [whole]
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError:
                raise IntakeError(f"line {number} is not JSON", hint="give one finding a line") from None


def _finding(item: Any) -> FindingView:
    """A canonical finding as `stanch findings` prints it, or one in hand-written form."""
    from pydantic import ValidationError

    from stanch.errors import IntakeError
    from stanch.findings.fixtures import parse_view
    from stanch.findings.model import Finding
    from stanch.findings.view import view_of

    if not is_dict(item):
        raise IntakeError("a finding must be a JSON object")
    if "finding_info" not in item:
        return parse_view(item)
    try:
        return view_of(Finding.model_validate(item))
    except ValidationError:
        raise IntakeError("this is not a canonical finding", hint="`stanch findings FILE` prints them") from None


def _of_url(target: str) -> FindingView:
    from stanch.routing import normal_host, split_url
    from stanch.views import ApiView, FindingView

    host, path = split_url(target)
    return FindingView(api=ApiView(host=normal_host(host), path=path))


def overlaid(finding: FindingView, given: Mapping[str, str]) -> FindingView:
    """The finding with non-empty words of the command line in place of its own; exits 2 for an unknown severity."""
    from stanch.views import SEVERITIES

    if given.get("severity") and given["severity"] not in SEVERITIES:
        typer.echo(f"--severity must be one of {', '.join(SEVERITIES)}", err=True)
        raise typer.Exit(2)
    own = {name: given[name] for name in ("severity", "category") if given.get(name)}
    api = {name: given[name] for name in ("method", "environment") if given.get(name)}
    return finding.model_copy(update={**own, "api": finding.api.model_copy(update=api)})


def show_lines(lines: Iterable[str]) -> None:
    """Untrusted words on standard output: each line stays one line, its indentation is ours."""
    from stanch.sinks.terminal import safe_text

    for line in lines:
        typer.echo(safe_text(line, limit=2000, lines=True).replace("\n", " "))


def say(line: str) -> None:
    from stanch.sinks.terminal import safe_text

    typer.echo(safe_text(line, limit=1000), err=True)


def apis(given: Path | None, beside: Path, table: RouteTable) -> Known:
    """What an inventory knows; one that is named must be there, one beside the rules need not.

    Raises:
        ConfigError: it is not there, or has mistakes.
    """
    from stanch.errors import ConfigError
    from stanch.inventory import load_inventory

    if given is not None and not given.is_file():
        raise ConfigError(f"there is no {given}", code="I101", hint="name the inventory file")
    return load_inventory(given or beside, routes=table).known
