"""`stanch approve --group`: like requests, all of them printed, one answer, and a decision for each."""

from __future__ import annotations

from typing import Any, NoReturn

import typer

from stanch.cli.client import Api, in_path, leave, safe, show_facts, show_json

PENDING = 6
PARTIAL = 7


def vote_together(found: Api, case: str, step: str, *, verdict: str, reason: str, yes: bool, as_json: bool) -> NoReturn:
    """Vote about what a case asks and about all like requests that wait now; what comes later is not in it."""
    own: list[dict[str, Any]] = found.get("/v1/approvals", {"case_id": in_path(case, "case")}, part="approvals")[
        "approvals"
    ]
    items = _alike(_meant(own, step), found.get("/v1/approvals", part="approvals")["approvals"])
    for item in items:
        show_facts([("case", item["case_id"])], err=True)
        print_request(item)
        typer.echo("", err=True)
    if not yes and not typer.confirm(safe(f"{verdict} these {len(items)}?"), err=True):
        raise typer.Exit(1)
    shown = [{name: item[name] for name in ("case_id", "approval_id", "digest")} for item in items]
    answer = found.post("/v1/decisions", {"items": shown, "verdict": verdict, "reason": reason})
    if as_json:
        show_json(answer)
    else:
        for result in answer["results"]:
            typer.echo(safe(f"{result['case_id']}  {result['status']}  {result['message']}"))
        typer.echo(safe(answer["message"]), err=True)
    raise typer.Exit({"counted": 0, "recorded": PENDING, "partial": PARTIAL}.get(answer["status"], 1))


def _meant(own: list[dict[str, Any]], step: str) -> dict[str, Any]:
    """The case's own request, asked for by itself: of all that wait only those that end soonest are listed."""
    meant = [item for item in own if step in ("", item["request"]["step"])]
    if not meant:
        raise leave(1, "this case asks for nothing now")
    if len(meant) > 1:
        raise leave(2, f"name the step: {', '.join(item['request']['step'] for item in meant)}")
    return meant[0]


def _alike(meant: dict[str, Any], waiting: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The case's own request first, then those of its group."""
    from stanch.approvals.grouping import MAX_ALIKE  # the commands start without it

    own = meant["request"]["approval_id"]
    others = [item for item in waiting if item["group"] == meant["group"] and item["request"]["approval_id"] != own]
    if len(others) >= MAX_ALIKE:
        typer.echo(f"{len(others) + 1} like requests wait; these are the first {MAX_ALIKE}", err=True)
    return [item["request"] for item in (meant, *others)][:MAX_ALIKE]


def print_request(request: dict[str, Any]) -> None:
    """All of the request, to standard error: nobody decides about what was not shown."""
    from stanch.approvals import ApprovalRequest
    from stanch.approvals.facts import request_facts

    asked = ApprovalRequest.model_validate({name: request[name] for name in ApprovalRequest.model_fields})
    facts = request_facts(asked, lambda principal: principal)
    show_facts([("Asks", asked.question), *facts, ("Request", request["digest"])], err=True)
