"""`stanch case hold`, `unhold` and `shred`: what may be deleted of a case's originals, and deleting it for good."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from stanch.cli.client import By, Json, leave, safe
from stanch.cli.local import actor_of, opened

Case = Annotated[str, typer.Argument(help="The case's id.")]
Why = Annotated[str, typer.Option("--reason", help="Why; kept in the ledger.")]


def hold(case: Case, reason: Why, by: By = "", as_json: Json = False) -> None:
    """Put a legal hold on a case: its kept originals are not deleted."""
    _say_why(reason)
    with opened() as (records, _):
        done = records.hold(case, actor=actor_of(by), reason=reason, at=datetime.now(UTC))
    _answer(case, done=done, yes="held", no="is under a hold already", as_json=as_json)


def unhold(case: Case, reason: Why, by: By = "", as_json: Json = False) -> None:
    """End the legal hold of a case."""
    _say_why(reason)
    with opened() as (records, _):
        done = records.release(case, actor=actor_of(by), reason=reason, at=datetime.now(UTC))
    _answer(case, done=done, yes="released", no="is under no hold", as_json=as_json)


def shred(case: Case, reason: Why, by: By = "", as_json: Json = False) -> None:
    """Destroy the key to a case's kept originals: nobody can open them for it any more."""
    _say_why(reason)
    with opened() as (records, _):
        count = records.shred(case, actor=actor_of(by), reason=reason, at=datetime.now(UTC))
    if as_json:
        typer.echo(json.dumps({"case_id": case, "shredded": count}))
    else:
        typer.echo(safe(f"{case}: the key to {count} originals is destroyed"))


def _say_why(reason: str) -> None:
    if not reason.strip():
        raise leave(2, "say why with --reason")


def _answer(case: str, *, done: bool, yes: str, no: str, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"case_id": case, "done": done}))
    else:
        typer.echo(safe(f"{case} {yes if done else no}"), err=not done)
    if not done:
        raise typer.Exit(1)
