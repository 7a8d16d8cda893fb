"""`stanch findings`: what a body would become, without sending it anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stanch.sources import Extraction, Library


_MIB = 1024 * 1024
_GZIP = b"\x1f\x8b"
_LINES = (".jsonl", ".ndjson")


def findings(
    file: Annotated[Path, typer.Argument(help="A report or finding (JSON, NDJSON, XML, gzip); - is standard input.")],
    adapter: Annotated[str, typer.Option(help="The adapter a source would name; auto recognises the format.")] = "auto",
    adapters: Annotated[
        Path | None, typer.Option(help="Folder with adapters of your own; otherwise those of the policy folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="No summary on standard error.")] = False,
) -> None:
    """Print the canonical, redacted findings of a file as NDJSON, or why it would be quarantined."""
    from stanch.errors import ConfigError, IntakeError
    from stanch.intake.bodies import Limits, decompress
    from stanch.sources import extract, load_library

    body = read_body(file)
    limits = Limits(delivery=25 * _MIB, gzip_ratio=200)  # the most that a source may be allowed
    media = "application/x-ndjson" if any(suffix in _LINES for suffix in file.suffixes) else ""
    try:
        library = load_library(_folders(adapters))
        _known(adapter, library)
        plain = decompress(body, "gzip" if body.startswith(_GZIP) else "", limits)
        found = extract(plain, media, adapter=adapter, library=library, limits=limits)
    except ConfigError as error:
        raise _stopped([str(problem) for problem in error.problems] or [str(error)]) from None
    except IntakeError as error:
        next_step = f" ({error.hint})" if error.hint else ""
        raise _stopped([f"{file}: {error.code} {error}{next_step}"]) from None
    _print(found, quiet=as_json)
    raise typer.Exit(_status(found))


def read_body(file: Path) -> bytes:
    """The bytes of a file or of standard input; exits 2 where there are none to be had."""
    try:
        return typer.get_binary_stream("stdin").read() if str(file) == "-" else file.read_bytes()
    except OSError:
        typer.echo(f"cannot read {file}", err=True)
        raise typer.Exit(2) from None


def _folders(given: Path | None) -> list[Path]:
    """The folder that was named, or the one beside the policy."""
    from stanch.settings import load_settings

    if given is not None:
        if not given.is_dir():
            typer.echo(f"{given} is not a folder", err=True)
            raise typer.Exit(2)
        return [given]
    folder = load_settings().policy_dir / "adapters"
    return [folder] if folder.is_dir() else []


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
