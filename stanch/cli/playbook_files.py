"""Reads the files that the commands under `stanch playbook` are given, and says what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from stanch.plan import Plan
    from stanch.playbooks import Playbook


def files_in(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        found = sorted(path.glob("*.y*ml")) if path.is_dir() else [path]
        if not found:
            typer.echo(f"there is no playbook in {path}", err=True)
            raise typer.Exit(2)
        yield from found


def read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        typer.echo(f"cannot read {path}", err=True)
        raise typer.Exit(2) from None


def all_usable(paths: Iterable[Path]) -> None:
    """Exits 3 after telling the mistakes of every file."""
    bad = [code for path in paths if (code := _mistaken(path))]
    if bad:
        raise typer.Exit(bad[0])


def _mistaken(path: Path) -> int:
    try:
        load_book(path)
    except typer.Exit as stop:
        return stop.exit_code
    return 0


def load_book(path: Path) -> Playbook:
    from stanch.errors import ConfigError
    from stanch.playbooks import load_playbook
    from stanch.playbooks.calling import library_for

    try:
        text = read_text(path)
        return load_playbook(text, str(path), library=library_for(text, path))
    except ConfigError as error:
        raise stopped(error) from None


def stopped(error: Exception) -> typer.Exit:
    from stanch.sinks.terminal import safe_text

    for line in _told(error):
        typer.echo(safe_text(line, limit=1000), err=True)
    return typer.Exit(3)


def _told(error: Exception) -> list[str]:
    from stanch.errors import StanchError

    if problems := getattr(error, "problems", ()):
        return [str(problem) for problem in problems]
    if isinstance(error, StanchError):
        return [f"{error.code} {error.message}" + (f" ({error.hint})" if error.hint else "")]
    return [str(error)]


def load_plan(path: Path, *, inputs: Mapping[str, Any] | None = None) -> Plan:
    """The plan of a playbook file, with what it calls; exits 3 where it has none."""
    from stanch.errors import ConfigError
    from stanch.playbooks import compile_plan
    from stanch.playbooks.calling import callees_of

    try:
        book = load_book(path)
        return compile_plan(book, source=str(path), inputs=inputs, callees=callees_of(book, path))
    except ConfigError as error:
        raise stopped(error) from None


def say(text: str) -> None:
    """A line on standard output, harmless for a terminal."""
    from stanch.sinks.terminal import safe_text

    indent = text[: len(text) - len(text.lstrip())]
    typer.echo(indent + safe_text(text, limit=500))
