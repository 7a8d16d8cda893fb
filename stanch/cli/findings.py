"""`stanch findings`: what a body would become, without sending it anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stanch.sources import Extraction, Library


def findings(
    file: Annotated[Path, typer.Argument(help="A report or finding; - reads standard input.")],
    adapter: Annotated[str, typer.Option(help="The adapter a source would name; auto recognises the format.")] = "auto",
    adapters: Annotated[Path | None, typer.Option(help="Folder with adapters of your own.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="No summary on standard error.")] = False,
) -> None:
    """Print the canonical, redacted findings of a file as NDJSON, or why it would be quarantined."""
    from stanch.errors import ConfigError, IntakeError
    from stanch.sources import extract, load_library

    body = read_body(file)
    try:
        library = load_library([adapters] if adapters else [])
        _known(adapter, library)
        found = extract(body, adapter=adapter, library=library)
    except ConfigError as error:
        raise _stopped([str(problem) for problem in error.problems] or [str(error)]) from None
    except IntakeError as error:
        raise _stopped([f"{file}: {error}"]) from None
    _print(found, quiet=as_json)
    raise typer.Exit(_status(found))


def read_body(file: Path) -> bytes:
    """The bytes of a file or of standard input; exits 2 where there are none to be had."""
    try:
        return typer.get_binary_stream("stdin").read() if str(file) == "-" else file.read_bytes()
    except OSError:
        typer.echo(f"cannot read {file}", err=True)
        raise typer.Exit(2) from None


def _known(adapter: str, library: Library) -> None:
    if adapter not in library.names():
        typer.echo(f"there is no adapter '{adapter}'; known: {', '.join(library.names())}", err=True)
        raise typer.Exit(2)


def _stopped(lines: list[str]) -> typer.Exit:
    for line in lines:
        typer.echo(line, err=True)
    return typer.Exit(3)


def _print(found: Extraction, *, quiet: bool) -> None:
    for finding in found.findings:
        typer.echo(json.dumps(finding.model_dump(mode="json", exclude_none=True)))
    for item in found.quarantined:
        shown = {"reason": item.reason.value, "message": item.message, "index": item.index, "place": item.place}
        typer.echo(json.dumps({"quarantined": shown}))
    if quiet:
        return
    typer.echo(f"{len(found.findings)} findings, {len(found.quarantined)} quarantined", err=True)
    for title, counts in (("ignored", found.ignored), ("warning", found.warnings)):
        for text, count in counts.items():
            typer.echo(f"{title}: {text} ({count})", err=True)


def _status(found: Extraction) -> int:
    if not found.quarantined:
        return 0
    return 7 if found.findings else 1
