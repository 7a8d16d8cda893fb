"""`stanch case`: list, show and follow cases, and say something to one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from stanch.cli import holds
from stanch.cli.client import (
    AS_VARIABLE,
    By,
    Json,
    Reason,
    Url,
    api,
    in_path,
    leave,
    safe,
    show_facts,
    show_json,
    show_rows,
)

app = typer.Typer(help="Cases.", no_args_is_help=True, pretty_exceptions_enable=False)
app.command()(holds.hold)
app.command()(holds.unhold)
app.command()(holds.shred)
Case = Annotated[str, typer.Argument(help="The case's id.")]

RESOLUTIONS = ("fixed", "false_positive", "risk_accepted", "duplicate")  # as in stanch.endings, which loads slowly
_COLUMNS = ("case_id", "severity", "state", "owner", "title", "waiting_on", "ticket_key")
_WHAT = ("title", "state", "severity", "owner", "assignee", "host", "path", "method", "playbook", "mode", "rule")
_WHEN = ("due", "waiting_on", "ticket_system", "ticket_key", "ticket_url", "opened", "updated", "closed")
_AS_RECORDED = "as last recorded: the case itself gave no answer; `stanch doctor` says whether a worker is there"
_NOT_BEGUN = "its finding is stored; work on it begins as soon as a worker is there: see `stanch doctor`"


@app.command("list")
def list_cases(
    state: Annotated[list[str] | None, typer.Option(help="Only these states; may be given again.")] = None,
    severity: Annotated[list[str] | None, typer.Option(help="Only these severities; may be given again.")] = None,
    owner: Annotated[str, typer.Option(help="Only of this owner.")] = "",
    text: Annotated[str, typer.Option(help="In title, host, path, id or ticket.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Cases, newest change first."""
    query: dict[str, str | int | list[str]] = {
        "state": state or [],
        "severity": severity or [],
        "owner": owner,
        "q": text,
        "limit": limit,
    }
    answer = api(url).get("/v1/cases", query, part="cases")
    if as_json:
        return show_json(answer)
    rows = [[row.get(name) for name in _COLUMNS] for row in answer["cases"]]
    wanted = state or severity or owner or text
    none = "no case matches; an owner is written as team:NAME or user:NAME" if wanted else "there is no case yet"
    return show_rows(_COLUMNS, rows, none=none)


@app.command()
def show(case: Case, url: Url = "", as_json: Json = False) -> None:
    """One case: facts, what it asks, what it blocks, what went wrong."""
    answer = api(url).get(f"/v1/cases/{in_path(case, 'case')}", part="approvals")
    if as_json:
        return show_json(answer)
    live: dict[str, Any] = answer.get("live") or {}
    summary: dict[str, Any] = live.get("summary") or answer.get("case") or {}
    show_facts([("case", case), *((name, summary.get(name)) for name in (*_WHAT, *_WHEN)), ("why", live.get("why"))])
    for line in _details(answer, live):
        typer.echo(line)
    if not live and summary.get("state") != "closed":
        typer.echo(_AS_RECORDED if summary else _NOT_BEGUN, err=True)
    return None


def _details(answer: dict[str, Any], live: dict[str, Any]) -> Iterator[str]:
    steps: dict[str, Any] = live.get("steps") or {}
    for name, step in steps.items():
        yield safe(f"step {name}: {step.get('status')} {step.get('reason') or ''}").rstrip()
    for item in answer["approvals"]:
        request = item["request"]
        yield safe(f"asks {request['step']}: {request['question']} (until {request['expires_at']})", limit=600)
    for row in answer["leases"]:
        lease = row["lease"]
        yield safe(f"lease {lease['lease_id']}: {row['state']} at {lease['point']} until {lease['expires_at']}")
    for link in answer.get("links") or ():
        accepted = f" ({link['accepted']})" if link.get("accepted") else ""
        yield safe(f"belongs to {link['other']}: {link['why']}{accepted}", limit=600)
    away = answer.get("suppression")
    if away:
        attacked = f"; attacked since: {away['contradicted_by']}" if away.get("contradicted_by") else ""
        yield safe(f"put away as {away['kind']} until {away['until']} by {away['by']}{attacked}", limit=600)
    noise: dict[str, Any] = answer.get("noise") or {}
    if noise.get("quiet"):
        yield safe(f"quiet: {noise['quiet']}", limit=600)
    if noise.get("group_id"):
        yield safe(f"in group {noise['group_id']}: `stanch case show {noise['group_id']}`", limit=600)
    for row in answer.get("members") or ():
        yield safe(f"member {row['case_id']}: {row['state']} {row['title']}", limit=600)
    for text in live.get("problems") or ():
        yield safe(f"problem: {text}", limit=600)


@app.command()
def timeline(case: Case, url: Url = "", as_json: Json = False) -> None:
    """The ledger of a case, oldest first."""
    answer = api(url).get(f"/v1/cases/{in_path(case, 'case')}/timeline", part="entries")
    if as_json:
        return show_json(answer)
    titles = ("time", "event", "step", "actor", "data")
    return show_rows(titles, ([*(entry[name] for name in titles[:-1]), _data(entry)] for entry in answer["entries"]))


def _data(entry: dict[str, Any]) -> str:
    shown = {name: value for name, value in entry["data"].items() if value not in ("", None, [], {})}
    return ("OUTCOME UNKNOWN " if entry["uncertain"] else "") + ", ".join(f"{n}={safe(v)}" for n, v in shown.items())


@app.command()
def comment(case: Case, text: str, by: By = "", url: Url = "", as_json: Json = False) -> None:
    """Add a comment."""
    _tell("comment", case, {"text": text}, by=by, url=url, as_json=as_json)


@app.command()
def assign(
    case: Case,
    to: Annotated[str, typer.Argument(help="Who has it from here: user:NAME or team:NAME of the directory.")],
    reason: Reason = "",
    by: By = "",
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Give a case, and its open ticket, to somebody else; rules can learn from it."""
    _tell("assign", case, {"to": to, "text": reason}, by=by, url=url, as_json=as_json)


@app.command()
def attest(case: Case, reason: Reason = "", by: By = "", url: Url = "", as_json: Json = False) -> None:
    """Say in your own name that a finding is fixed; not for whoever has reported it."""
    if not reason.strip():
        raise leave(2, "say with --reason how you know that it is fixed")
    _tell("attest", case, {"text": reason}, by=by, url=url, as_json=as_json)


@app.command()
def close(
    case: Case,
    as_: Annotated[
        list[str] | None,
        typer.Option("--as", help=f"How it ends ({', '.join(RESOLUTIONS)}), and who you are, such as user:maria."),
    ] = None,
    until: Annotated[str, typer.Option(help="How long it stays put away, such as 90d; at most 365d.")] = "",
    reason: Reason = "",
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Close a case; what it has changed is taken back first. All but `fixed` put the finding away for a time."""
    resolution, by = _who_and_how(as_ or [])
    body = {"text": reason, "as": resolution, "until": until}
    _tell("close", case, {name: value for name, value in body.items() if value}, by=by, url=url, as_json=as_json)


def _who_and_how(words: list[str]) -> tuple[str, str]:
    """One option says both: a resolution is a word of ours, a person has a kind before the name."""
    people = [word for word in words if ":" in word]
    ways = [word for word in words if ":" not in word]
    if len(people) > 1 or len(ways) > 1:
        raise leave(2, "one person and one resolution")
    if ways and ways[0] not in RESOLUTIONS:
        raise leave(2, f"--as takes {', '.join(RESOLUTIONS)}, or a person such as user:maria")
    return (ways or [""])[0], (people or [os.environ.get(AS_VARIABLE, "")])[0]


@app.command()
def reopen(case: Case, reason: Reason = "", by: By = "", url: Url = "", as_json: Json = False) -> None:
    """Open a case again, from its last finding."""
    _tell("reopen", case, {"text": reason}, by=by, url=url, as_json=as_json)


@app.command()
def cancel(case: Case, reason: Reason = "", by: By = "", url: Url = "", as_json: Json = False) -> None:
    """Stop a case and take back what it has changed."""
    _tell("cancel", case, {"text": reason}, by=by, url=url, as_json=as_json)


def _tell(kind: str, case: str, body: dict[str, str], *, by: str, url: str, as_json: bool) -> None:
    if kind == "comment" and not body["text"].strip():
        raise leave(2, "a comment needs text")
    answer = api(url, by).post(f"/v1/cases/{in_path(case, 'case')}/{kind}", body)
    if as_json:
        return show_json(answer)
    return typer.echo(safe(f"{kind}: {answer.get('status')}"))
