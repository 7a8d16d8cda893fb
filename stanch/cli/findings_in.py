"""Findings in files for commands that try things on them: our own forms, or reports of tools."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from stanch.shapes import is_list

if TYPE_CHECKING:
    from stanch.views import FindingView

_SUFFIXES = (".json", ".jsonl", ".ndjson")


def findings_in(path: Path) -> list[tuple[str, FindingView]]:
    """Every finding of a file, or of the JSON and NDJSON files of a folder, with the name of its place.

    Raises:
        ConfigError: P403, a file holds no finding, or the folder no such file.
    """
    if not path.is_dir():
        return list(_of_file(path))
    files = [item for item in sorted(path.iterdir()) if item.suffix in _SUFFIXES]
    if not files:
        from stanch.errors import ConfigError

        raise ConfigError(f"there is no finding in {path}", code="P403", hint=f"put {', '.join(_SUFFIXES)} files there")
    return [found for file in files for found in _of_file(file)]


def _of_file(path: Path) -> Iterator[tuple[str, FindingView]]:
    from stanch.errors import ConfigError

    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        typer.echo(f"cannot read {path}", err=True)
        raise typer.Exit(2) from None
    found = _own(text) or _reported(text)
    if not found:
        hint = "`stanch findings FILE` says why"
        raise ConfigError(f"there is no finding in {path}", code="P403", hint=hint)
    for number, view in enumerate(found, start=1):
        yield (f"{path.name}:{number}" if len(found) > 1 else path.name), view


def _own(text: str) -> list[FindingView]:
    """Findings as people write them, or as `stanch findings` prints them; empty where one is neither."""
    try:
        whole = json.loads(text)
        items = whole if is_list(whole) else [whole]
    except ValueError:
        items = [_line(line) for line in text.splitlines() if line.strip()]
    views = [_view(item) for item in items]
    return [view for view in views if view is not None] if all(views) else []


def _line(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _view(item: Any) -> FindingView | None:
    from pydantic import ValidationError

    from stanch.errors import IntakeError
    from stanch.findings import Finding, parse_view, view_of
    from stanch.shapes import is_mapping

    if not is_mapping(item):
        return None
    try:
        return view_of(Finding.model_validate(item)) if "class_uid" in item else parse_view(item)
    except (IntakeError, ValidationError):
        return None


def _reported(text: str) -> list[FindingView]:
    from stanch.errors import IntakeError
    from stanch.findings import view_of
    from stanch.sources import extract

    try:
        return [view_of(finding) for finding in extract(text.encode(), adapter="auto").findings]
    except IntakeError:
        return []
