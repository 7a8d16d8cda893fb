"""`stanch approve`, `deny`, `halt`, `resume`: decisions from the shell, about what was shown just before."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from stanch.cli.client import Api, By, Json, Reason, Url, api, in_path, leave, safe, show_json
from stanch.cli.decide_group import PENDING, print_request, vote_together

Case = Annotated[str, typer.Argument(help="The case's id.")]
Step = Annotated[str, typer.Argument(help="The step that asks, where a case asks more than one thing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Digest = Annotated[str, typer.Option(help="Decide only if the request has this digest (its beginning is enough).")]
Group = Annotated[bool, typer.Option("--group", help="And all like requests that wait: one look, a decision for each.")]
Scope = Annotated[str, typer.Argument(help="all, playbook:ID, point:NAME, action:NAME, source:NAME or host:NAME.")]


def approve(
    case: Case,
    step: Step = "",
    choose: Annotated[str, typer.Option(help="The option, where the request offers options.")] = "",
    reason: Reason = "",
    digest: Digest = "",
    by: By = "",
    yes: Yes = False,
    group: Group = False,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Approve what a case asks; everything that is asked is printed first."""
    found = api(url, by)
    _one_digest(digest, group=group)
    if group:
        vote_together(found, case, step, verdict=choose or "approve", reason=reason, yes=yes, as_json=as_json)
    request = _request(found, case, step=step, digest=digest)
    _vote(found, request, verdict=choose or "approve", reason=reason, yes=yes, as_json=as_json)


def deny(
    case: Case,
    step: Step = "",
    reason: Reason = "",
    digest: Digest = "",
    by: By = "",
    yes: Yes = False,
    group: Group = False,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Deny what a case asks."""
    found = api(url, by)
    _one_digest(digest, group=group)
    if group:
        vote_together(found, case, step, verdict="deny", reason=reason, yes=yes, as_json=as_json)
    request = _request(found, case, step=step, digest=digest)
    _vote(found, request, verdict="deny", reason=reason, yes=yes, as_json=as_json)


def _one_digest(digest: str, *, group: bool) -> None:
    """Each request of a group has a digest of its own, so that one digest would be about one of them only."""
    if digest and group:
        raise leave(2, "--digest is about one request; leave it out, or leave out --group")


def _request(found: Api, case: str, *, step: str, digest: str) -> dict[str, Any]:
    """The one open request that is meant; leaves where there is none or more than one."""
    asked = found.get(f"/v1/cases/{in_path(case, 'case')}", part="approvals")["approvals"]
    requests: list[dict[str, Any]] = [item["request"] for item in asked]
    meant = [item for item in requests if step in ("", item["step"]) and item["digest"].startswith(digest)]
    if not meant:
        raise leave(1, "this case does not ask for that now" if requests else "this case asks for nothing now")
    if len(meant) > 1:
        raise leave(2, f"name the step: {', '.join(item['step'] for item in meant)}")
    return meant[0]


def _vote(found: Api, request: dict[str, Any], *, verdict: str, reason: str, yes: bool, as_json: bool) -> None:
    print_request(request)
    if not yes and not typer.confirm(safe(f"{verdict}?"), err=True):
        raise typer.Exit(1)
    body = {"approval_id": request["approval_id"], "digest": request["digest"], "verdict": verdict, "reason": reason}
    answer = found.post(f"/v1/cases/{request['case_id']}/decisions", body)
    if as_json:
        show_json(answer)
    else:
        typer.echo(safe(answer.get("message", "")))
    raise typer.Exit(0 if answer.get("status") == "counted" else PENDING)


def halt(
    scope: Scope = "all",
    freeze: Annotated[bool, typer.Option(help="Stop lifts too.")] = False,
    reason: Reason = "",
    by: By = "",
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Stop new changes at once; blocks that stand keep ending at their time."""
    answer = api(url, by).post("/v1/halt", {"scope": scope, "freeze": freeze, "reason": reason})
    if as_json:
        return show_json(answer)
    typer.echo(safe(f"halted: {answer.get('scope')}"))
    if answer.get("warning"):
        typer.echo(safe(answer["warning"], limit=600), err=True)
    return None


def resume(scope: Scope = "all", by: By = "", url: Url = "", as_json: Json = False) -> None:
    """Allow changes again; exits 1 where nothing was halted."""
    answer = api(url, by).post("/v1/resume", {"scope": scope})
    was_halted = answer.get("status") == "resumed"
    if as_json:
        show_json(answer)
        raise typer.Exit(0 if was_halted else 1)
    typer.echo(safe(f"resumed: {scope}" if was_halted else f"not halted: {scope}"))
    if still := answer.get("still"):
        typer.echo(safe(f"halted all the same: {', '.join(still)}", limit=600), err=True)
    raise typer.Exit(0 if was_halted else 1)
