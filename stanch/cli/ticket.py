"""`stanch ticket`: cases and tickets compared, as every night."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from stanch.cli import app as root
from stanch.wire_tickets import Difference, ReconcileCall, Reconciled

app = typer.Typer(help="Tickets and their cases.", no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def tickets() -> None:
    """Tickets and their cases."""


@app.command()
def reconcile(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Name differences, repair nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print each difference as a line of JSON.")] = False,
) -> None:
    """Compare every living case with its ticket; one line for each difference, with its reason.

    Exits 0 where nothing is left to do, 1 where a difference is not repaired.
    """
    from stanch.sinks.terminal import safe_text

    compared, left = 0, 0

    def shown(page: Reconciled) -> None:
        nonlocal compared, left
        compared += page.compared
        left += sum(each.done != "repaired" for each in page.differences)
        for each in page.differences:
            line = json.dumps(each.model_dump()) if as_json else safe_text(_line(each), limit=500)
            typer.echo(line)

    root.REGISTRY["worker"].reconcile_tickets(ReconcileCall(dry_run=dry_run), shown=shown)
    typer.echo(f"{compared} tickets compared, {left} differences left", err=True)
    raise typer.Exit(1 if left else 0)


def _line(each: Difference) -> str:
    return f"{each.system} {each.key or '-'} {each.case_id} {each.what}: {each.reason} ({each.done})"
