"""`stanch lease reap`: lifts what is past its end from the points' own state, with Temporal and records gone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import ModuleType
from typing import Annotated, Any

import typer

from stanch.cli.client import Json, safe, show_rows
from stanch.durations import format_duration

At = Annotated[str, typer.Option("--at", help="Only at this enforcement point; all where not given.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what is past its end; status 1 where something is.")]
By = Annotated[str, typer.Option("--as", envvar="STANCH_AS", help="Who you are, for the ledger.")]


def reap(dry_run: DryRun = False, at: At = "", by: By = "", as_json: Json = False) -> None:
    """Lift blocks whose time is over, from the points' state alone; nothing foreign and nothing in time is touched."""
    from stanch.cli.local import actor_of

    found: dict[str, Any] = _registry().reap(at=at, dry_run=dry_run, actor=actor_of(by))
    if as_json:
        typer.echo(json.dumps(found))
    else:
        _show(found)
    raise typer.Exit(status_of(found, dry_run=dry_run))


def _registry() -> ModuleType:
    from stanch.cli.app import REGISTRY

    return REGISTRY["worker"]


def status_of(found: Mapping[str, Any], *, dry_run: bool) -> int:
    """0 all is well, 1 something is past its end (dry run), 4 no point answers, 5 frozen, 7 only a part went well."""
    left = [item for item in found["entries"] if item["state"] not in ("lifted", "renewed") or item["code"]]
    away = [item for item in found["points"] if item["state"] == "unreachable"]
    if away and len(away) == len(found["points"]):
        return 4
    if dry_run:
        return 1 if left else 7 if away else 0
    if any(item["state"] == "overdue" for item in left):
        return 5  # a frozen point: nothing else is only looked at
    return 7 if left or away else 0


def _show(found: Mapping[str, Any]) -> None:
    show_rows(("state", "point", "over since", "case", "entry"), (_row(item) for item in found["entries"]))
    for item in found["points"]:
        if item["state"] != "answered":
            typer.echo(safe(f"{item['point']}: {item['state']} {item['code']} {item['reason']}", limit=400), err=True)
    typer.echo(_summary(found), err=True)


def _row(item: Mapping[str, Any]) -> Sequence[object]:
    ended = datetime.fromisoformat(item["expires_at"]) if item["expires_at"] else None
    since = format_duration(datetime.now(UTC).replace(microsecond=0) - ended) if ended else "?"
    words = f"{item['name']} {item['code']} {item['reason']}".strip()
    return (item["state"], item["point"], since, item["case_id"], words)


def _summary(found: Mapping[str, Any]) -> str:
    lifted = sum(item["state"] == "lifted" for item in found["entries"])
    where = {"records": "", "spool": "; records are gone: the lines wait in the spool of data_dir"}[found["ledger"]]
    return safe(f"{lifted} lifted, {found['standing']} in time left alone{where}", limit=400)
