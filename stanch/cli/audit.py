"""`stanch audit`: proves that the ledger is as it was written, from the database or from an exported file alone."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stanch.cli.local import needed_keys, opened

if TYPE_CHECKING:
    from stanch.records import Records, Verification

app = typer.Typer(help="Verify and export the ledger.", no_args_is_help=True)
_KEY_HELP = "Hex key of the ledger, where this machine is not the deployment's."
_AS_JSON = typer.Option("--json", help="Print the result as JSON.")
_KEY = typer.Option("--key", envvar="STANCH_LEDGER_KEY", help=_KEY_HELP)


def verify(source: Records | Path, *, key: bytes = b"", case_id: str = "") -> Verification:
    """Check the ledger of a database, or of an exported file with its key."""
    from stanch.records import verify_file

    return verify_file(source, key) if isinstance(source, Path) else source.verify(case_id)


def report(result: Verification) -> str:
    """The result in one line, naming the first bad entry."""
    bad = result.first_bad
    if bad is None:
        return f"ok: {result.entries} entries of {result.cases} cases are as they were written"
    place = f"case {bad.case_id}, entry {bad.seq}" if bad.case_id else "the ledger"
    return f"falsified: {place}: {bad.why}"


@app.command("verify")
def verify_command(
    file: Annotated[Path | None, typer.Argument(help="An exported ledger; without it, this deployment's.")] = None,
    case: Annotated[str, typer.Option("--case", help="Only this case.")] = "",
    key: Annotated[str, _KEY] = "",
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """Check that no entry was changed, removed, reordered or cut off."""
    from stanch.sinks.terminal import safe_text

    with _told(as_json=as_json):
        if file is not None:
            result = verify(file, key=_key(key))
        else:
            with opened() as (records, _):
                result = verify(records, case_id=case)
        typer.echo(json.dumps(asdict(result)) if as_json else safe_text(report(result), limit=500))
        raise typer.Exit(0 if result.ok else 1)


@app.command("export")
def export_command(
    file: Annotated[Path, typer.Argument(help="Where to write the ledger as JSON lines.")],
    case: Annotated[str, typer.Option("--case", help="Only this case.")] = "",
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """Write the ledger to a file that `stanch audit verify FILE` checks without the database."""
    with _told(as_json=as_json), opened() as (records, _):
        count = records.export(file, case_id=case)
        typer.echo(json.dumps({"file": str(file), "entries": count}) if as_json else f"{count} entries")


def _key(text: str) -> bytes:
    """The key that was given, else this deployment's; under one made afresh every export would be falsified."""
    from stanch.errors import ConfigError
    from stanch.settings import load_settings

    if not text:
        return needed_keys(load_settings()).ledger
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ConfigError("the ledger key is not hex", code="C301") from None


@contextmanager
def _told(*, as_json: bool) -> Generator[None]:
    """Turn expected errors into one line and an exit status."""
    from stanch.errors import DependencyError, StanchError
    from stanch.sinks.terminal import safe_text

    try:
        yield
    except StanchError as error:
        told = {"error": error.code, "message": error.message, "hint": error.hint}
        words = safe_text(" ".join(told.values()).rstrip(), limit=500)
        typer.echo(json.dumps(told) if as_json else words, err=not as_json)
        raise typer.Exit(4 if isinstance(error, DependencyError) else 3) from None
    except OSError as error:
        typer.echo(f"the file cannot be used: {error.strerror}", err=True)
        raise typer.Exit(2) from None
