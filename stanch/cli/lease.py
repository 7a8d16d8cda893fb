"""`stanch lease`: live blocks, lifting one by hand, and lifting what is past its end when nothing else is left."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from stanch.cli.client import By, Json, Reason, Url, api, in_path, safe, show_facts, show_json, show_rows
from stanch.cli.lease_reap import reap
from stanch.durations import format_duration
from stanch.lease_words import words_of_json

app = typer.Typer(help="Blocks that somebody holds until a time.", no_args_is_help=True, pretty_exceptions_enable=False)
LeaseId = Annotated[str, typer.Argument(metavar="LEASE", help="The lease's id.")]


@app.command("list")
def list_leases(
    case: Annotated[str, typer.Option(help="Only of this case.")] = "",
    point: Annotated[str, typer.Option(help="Only at this enforcement point.")] = "",
    ended: Annotated[bool, typer.Option("--all", help="Ended ones too.")] = False,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Blocks, soonest end first, with the time that is left."""
    query = {"case_id": case, "point": point, "live": "false" if ended else "true"}
    answer = api(url).get("/v1/leases", query, part="leases")
    if as_json:
        return show_json(answer)
    titles = ("lease", "state", "left", "point", "what", "case")
    named = " of that case or at that point" if case or point else ""
    none = f"no block{named} is in records" if ended else f"no block{named} stands; `--all` shows ended ones"
    return show_rows(titles, (_row(row) for row in answer["leases"]), none=none)


def _row(row: dict[str, Any]) -> list[object]:
    lease = row["lease"]
    return [
        lease["lease_id"],
        row["state"],
        _left(row),
        lease["point"],
        words_of_json(lease["spec"]),
        lease["case_id"],
    ]


def left(lease: dict[str, Any]) -> str:
    """The time until the end, such as `1h59m`; `over` after it."""
    remaining = datetime.fromisoformat(lease["expires_at"]) - datetime.now(UTC)
    return format_duration(remaining) if remaining.total_seconds() > 0 else "over"


def _left(row: dict[str, Any]) -> str:
    """The same of a block that stands; one that is lifted or was refused has no time left."""
    return left(row["lease"]) if row["state"] in ("requested", "held") else ""


@app.command()
def show(lease_id: LeaseId, url: Url = "", as_json: Json = False) -> None:
    """One block with its proof."""
    answer = api(url).get(f"/v1/leases/{in_path(lease_id, 'lease')}", part="lease")
    if as_json:
        return show_json(answer)
    lease = answer["lease"]
    facts = [
        ("lease", lease_id),
        ("state", answer["state"]),
        ("what", words_of_json(lease["spec"])),
        ("left", _left(answer)),
    ]
    names = ("expires_at", "point", "target", "case_id", "step", "playbook", "requested_by")
    return show_facts([*facts, *((name, lease.get(name)) for name in names), ("proof", answer.get("proof"))])


@app.command()
def lift(lease_id: LeaseId, reason: Reason = "", by: By = "", url: Url = "", as_json: Json = False) -> None:
    """Ask for a block to be lifted now."""
    answer = api(url, by).post(f"/v1/leases/{in_path(lease_id, 'lease')}/lift", {"reason": reason})
    if as_json:
        return show_json(answer)
    typer.echo(safe(f"lift: {answer.get('status')} (case {answer.get('case_id')})"))
    for words in answer.get("news") or ():
        typer.echo(safe(words, limit=600), err=True)
    return None


app.command("reap")(reap)
