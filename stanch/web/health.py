"""Whether this process lives, whether what it needs is there, and figures for Prometheus."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from temporalio.service import RPCError

from stanch.contract import SEARCH_ATTRIBUTES
from stanch.errors import DependencyError
from stanch.guards.breaker import open_scopes
from stanch.temporal import search_attributes
from stanch.web.point_figures import seen
from stanch.web.reception import Reception
from stanch.web.services import Given, Services
from stanch.web.slack_socket import Socket

PATIENCE_SECONDS = 3.0

router = APIRouter()


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """This process answers; says nothing about anything else."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(request: Request, services: Given) -> Response:
    """Temporal, records, our search attributes by name and type, the policy in use, and the line to Slack.

    An edit that is not in use leaves this process ready: the last good policy does its work.
    """
    temporal, records = await asyncio.gather(_temporal(services), _records(services))
    line: Socket = request.app.state.slack
    checks = temporal | records | _policy(services) | line.check()
    ready = all(item["ok"] for item in checks.values())
    return JSONResponse({"status": "ready" if ready else "not ready", "checks": checks}, 200 if ready else 503)


async def _temporal(services: Services) -> dict[str, Any]:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            present = await search_attributes(services.client)
    except (RPCError, TimeoutError):
        hint = "start Temporal or set TEMPORAL_ADDRESS"
        return {"temporal": {"ok": False, "hint": hint}, "search_attributes": {"ok": False, "hint": hint}}
    wrong = sorted(name for name, kind in SEARCH_ATTRIBUTES.items() if present.get(name) != kind)
    attributes = {"ok": not wrong} | ({"wrong": wrong, "hint": "run stanch bootstrap"} if wrong else {})
    return {"temporal": {"ok": True}, "search_attributes": attributes}


def _policy(services: Services) -> dict[str, Any]:
    state = services.policy.state
    found: dict[str, Any] = {"ok": True, "digest": state.digest, "stale": bool(state.problem)}
    return {"policy": found | ({"hint": "run stanch validate"} if state.problem else {})}


async def _records(services: Services) -> dict[str, Any]:
    try:
        await asyncio.to_thread(services.records.ping)
    except DependencyError:
        return {"records": {"ok": False, "hint": "check records_url and the disk"}}
    return {"records": {"ok": True}}


@router.get("/metrics")
async def metrics(request: Request, services: Given) -> Response:
    """Figures from records and of this process, in Prometheus' text format."""
    text = await asyncio.to_thread(_figures, services) + _received(request.app.state.reception)
    text += _of_slack(request.app.state.slack)
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _figures(services: Services) -> str:
    records = services.records
    leases = Counter(row.lease.point for row in records.leases())
    lines = _family("stanch_cases", "Cases by state.", "state", records.count_cases("state"))
    lines += _family("stanch_cases_by_severity", "Cases by severity.", "severity", records.count_cases("severity"))
    lines += _family("stanch_leases_live", "Blocks requested or held, by point.", "point", leases)
    lines += _single("stanch_approvals_pending", "Requests that wait for people.", len(records.approvals()))
    lines += _single(
        "stanch_quarantine_held", "Deliveries that nobody could map.", len(records.quarantined(limit=1000))
    )
    lines += _single("stanch_halts", "Scopes that are halted.", len(records.halts()))
    about = "Tickets that were made twice, linked and closed."
    lines += _single("stanch_ticket_duplicates_closed", about, records.duplicates_closed())
    last = seen(records)
    lines += _family("stanch_leases_overdue", "Held over a minute past their end.", "point", last.overdue)
    lines += _family("stanch_blocks_drifted", "Blocks that should stand and do not.", "point", last.drifted)
    lines += _family("stanch_blocks_orphaned", "Entries of ours that nobody holds.", "point", last.orphaned)
    lines += _family("stanch_points_unreachable", "1 where the last look got no answer.", "point", last.unreachable)
    open_ones = dict.fromkeys(open_scopes(records.breakers(), datetime.now(UTC)), 1)
    lines += _family("stanch_breakers_open", "1 where too many changes failed.", "scope", open_ones)
    tickets = records.count_tickets()
    lines += _single("stanch_tickets_gone", "Tickets that were deleted or are hidden.", tickets["gone"])
    lines += _single("stanch_tickets_untold", "Tickets whose tracker does not take notes now.", tickets["untold"])
    about = "What comparisons of cases and tickets have found, by kind."
    found = records.count_differences({})
    lines += _family("stanch_ticket_differences_total", about, "what", found, kind="counter")
    lines += _of_policy(services)
    return "\n".join(lines) + "\n"


def _of_policy(services: Services) -> list[str]:
    uses = services.policy_uses()
    stale = Counter({use.shown: int(any(each.problem for each in uses if each.shown == use.shown)) for use in uses})
    about = "1 where a process does not use the newest edit of the policy."
    lines = _family("stanch_policy_stale", about, "process", stale)
    about = "Different policies in use; 1 is right."
    lines += _single("stanch_policy_versions", about, len({use.digest for use in uses}))
    name = "stanch_policy_reload_failures_total"
    lines += [f"# HELP {name} Edits of the policy that this process did not take.", f"# TYPE {name} counter"]
    return [*lines, f"{name} {services.policy.state.failures}"]


def _of_slack(socket: Socket) -> str:
    state = socket.state()
    if state is None:
        return ""
    lines = _single("stanch_slack_connected", "1 while the line to Slack is up.", int(state.connected))
    lines += _single("stanch_slack_connections", "Lines of this app, as Slack last said.", state.connections)
    about = "Lines beyond those that the settings name; 0 is right."
    lines += _single("stanch_slack_connections_foreign", about, max(0, state.connections - socket.expected))
    return "\n".join(lines) + "\n"


def _received(reception: Reception) -> str:
    name = "stanch_findings_received_total"
    lines = [f"# HELP {name} Findings answered by this process, by source and status.", f"# TYPE {name} counter"]
    for (source, status), count in sorted(reception.answered.items()):
        lines.append(f'{name}{{source="{_escaped(source)}",status="{_escaped(status)}"}} {count}')
    return "\n".join(lines) + "\n"


def _family(
    name: str, about: str, label: str, values: dict[str, int] | Counter[str], *, kind: str = "gauge"
) -> list[str]:
    head = [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
    return head + [f'{name}{{{label}="{_escaped(value)}"}} {count}' for value, count in sorted(values.items())]


def _single(name: str, about: str, value: int) -> list[str]:
    return [f"# HELP {name} {about}", f"# TYPE {name} gauge", f"{name} {value}"]


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
