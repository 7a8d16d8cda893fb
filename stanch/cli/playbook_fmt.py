"""`stanch playbook fmt`: one form for all playbooks, comments kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from stanch.cli.file_kinds import kind_of
from stanch.cli.playbook_files import files_in, read_text, say, stopped

DEFAULT_FOLDER = Path("playbooks")


def fmt(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Playbook files or folders; playbooks/ by default.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 for another form.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The files with another form as JSON.")] = False,
) -> None:
    """Put playbooks into their one form: order of keys, layout, spaces. What they mean never changes."""
    from stanch.errors import ConfigError
    from stanch.formatting import format_playbook

    made: dict[Path, str] = {}
    for path in files_in(paths or [DEFAULT_FOLDER]):
        text = _exact(path)
        if kind_of(path, text) != "playbook":
            typer.echo(f"{path} is no playbook and is left as it is", err=True)
            continue
        try:
            formatted = format_playbook(text, str(path))
        except ConfigError as error:
            raise stopped(error) from None
        if formatted != text:
            made[path] = formatted
    if not check:
        for path, text in made.items():
            _write(path, text)
    _tell(list(made), check=check, as_json=as_json)
    raise typer.Exit(1 if check and made else 0)


def _exact(path: Path) -> str:
    """With the line ends as they are, so that others than ours count as another form."""
    read_text(path)
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


def _write(path: Path, text: str) -> None:
    """Beside it first, so that the file is never half written."""
    beside = path.with_name(path.name + ".new")
    try:
        beside.write_text(text, "utf-8", newline="\n")
        beside.chmod(path.stat().st_mode)
        beside.replace(path)
    except OSError:
        typer.echo(f"cannot write {path}", err=True)
        raise typer.Exit(2) from None


def _tell(paths: list[Path], *, check: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([str(path) for path in paths]))
        return
    for path in paths:
        say(f"{'has another form' if check else 'formatted'}: {path}")
