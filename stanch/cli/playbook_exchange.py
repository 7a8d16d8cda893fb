"""`stanch playbook export` and `import`: CACAO 2.0 playbooks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stanch.cli.playbook_files import load_plan, read_text, stopped


class Format(StrEnum):
    """Formats for exchange."""

    CACAO = "cacao"


_FORMAT = typer.Option("--format", help="cacao is the only one.")


def export(
    playbook: Annotated[Path, typer.Argument(help="The playbook file.")],
    form: Annotated[Format, _FORMAT] = Format.CACAO,
    modified: Annotated[str, typer.Option(help="When this version was made, as 2026-03-01T12:00:00Z.")] = "",
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="CACAO is JSON; nothing changes.")] = False,
) -> None:
    """Print a playbook as CACAO 2.0, the same bytes for the same playbook; people carry it out elsewhere."""
    from stanch.cacao import EPOCH, export_plan

    del form, as_json
    made = export_plan(load_plan(playbook), modified=_time(modified) if modified else EPOCH)
    _give(json.dumps(made, indent=2, ensure_ascii=False) + "\n", out)


def import_(
    file: Annotated[Path, typer.Argument(help="A CACAO 2.0 playbook, as JSON.")],
    form: Annotated[Format, _FORMAT] = Format.CACAO,
    owner: Annotated[str, typer.Option(help="The team that answers for the draft.")] = "team:appsec",
    out: Annotated[Path | None, typer.Option(help="Write to this new file instead of standard output.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Draft and notes as JSON.")] = False,
) -> None:
    """Make a draft of a foreign playbook: manual, commands quoted for people, for no finding until it is reviewed."""
    from stanch.cacao import import_playbook
    from stanch.errors import ConfigError
    from stanch.sinks.terminal import safe_text

    del form
    if out is not None and out.exists():
        typer.echo(f"{out} exists and is not replaced", err=True)
        raise typer.Exit(2)
    try:
        draft = import_playbook(read_text(file), owner=owner)
    except ConfigError as error:
        raise stopped(ConfigError(f"{file}: {error.message}", code=error.code, hint=error.hint)) from None
    text = json.dumps({"playbook": draft.text, "notes": draft.notes}, indent=2) + "\n" if as_json else draft.text
    _give(text, out)
    for note in draft.notes:
        typer.echo(safe_text(f"look at {note}", limit=300), err=True)
    typer.echo("a draft: read every step before you give it a place", err=True)


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        typer.echo("--modified is a time with a zone, such as 2026-03-01T12:00:00Z", err=True)
        raise typer.Exit(2)
    return found.astimezone(UTC)


def _give(text: str, out: Path | None) -> None:
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, "utf-8")
    except OSError:
        typer.echo(f"cannot write {out}", err=True)
        raise typer.Exit(2) from None
