"""A finding for every category and kind, and its ticket as each tracker stores it.

`python tests/activities/ticket_samples.py` writes the golden files again; read the difference as the developer who
gets the ticket.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jira_support import connect as join_jira
from servicenow_support import connect as join_servicenow
from ticket_support import draft

from activities.jira import JiraTickets
from activities.servicenow import ServiceNowTickets
from stanch.playbooks.library import PlaybookSet
from stanch.ports import TicketDraft
from stanch.sandbox.jira import JiraStandin
from stanch.sandbox.servicenow import ServiceNowStandin
from stanch.texts import shipped
from stanch.texts.plans import plan_words
from stanch.views import ApiView, FindingView, OwnerView, RouteView

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "data" / "tickets"
SEEN = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
ROUTE = RouteView(
    owner=OwnerView(id="team:payments", lead="user:maria"),
    assignee="user:tom",
    cc=("team:appsec",),
    lane="next_sprint",
    due=datetime(2026, 3, 15, 17, tzinfo=UTC),
)
TITLES = {
    "API1": ("Order of another customer can be read", "GET", "/orders/17", "/orders/{id}"),
    "API2": ("Token with an altered signature is accepted", "GET", "/me", "/me"),
    "API3": ("Customer profile gives out card numbers", "GET", "/customers/7", "/customers/{id}"),
    "API4": ("Page size has no maximum", "GET", "/orders", "/orders"),
    "API5": ("Refunds can be made without the role", "POST", "/admin/refunds", "/admin/refunds"),
    "API6": ("Vouchers can be claimed by a program", "POST", "/vouchers/claim", "/vouchers/claim"),
    "API7": ("Webhook address is fetched unchecked", "PUT", "/webhooks/3", "/webhooks/{id}"),
    "API8": ("Debug endpoint is public", "GET", "/mobile/debug", "/mobile/debug"),
    "API9": ("Version 1 is still reachable", "GET", "/v1/orders", "/v1/orders"),
    "API10": ("Address service's answers are not checked", "POST", "/addresses", "/addresses"),
}
# by kind: category, template, playbook, title
KINDS = {
    "attack": ("API1:2023", "attack", "contain_attacker", "Orders are walked through by one token"),
    "weakness": ("", "finding", "triage", "A weakness of no known category"),
    "exposure": ("API3:2023", "data_exposure", "data_exposure_block", "Health data in the answer of a public list"),
    "policy_gap": ("API8:2023", "policy_attach", "attach_owasp_policy", "No managed policy is attached"),
    "inventory_change": ("API9:2023", "finding", "triage", "An operation that the inventory does not know"),
}
BOOKS = {"API3": ("data_exposure", "data_exposure_block"), "API8": ("config_issue", "config_issue_ticket")}
NAMES = (*TITLES, *KINDS)


@cache
def books() -> PlaybookSet:
    return PlaybookSet.load(ROOT / "playbooks")


def sample(name: str) -> tuple[str, FindingView, str]:
    """Template, finding and playbook."""
    if name in KINDS:
        category, template, playbook, title = KINDS[name]
        return template, _finding(title, ("GET", "/orders/17", "/orders/{id}"), category=category, kind=name), playbook
    title, *place = TITLES[name]
    template, playbook = BOOKS.get(name, ("finding", "triage"))
    return template, _finding(title, tuple(place), category=f"{name}:2023", kind="weakness"), playbook


def _finding(title: str, place: tuple[str, ...], *, category: str, kind: str) -> FindingView:
    method, path, template = place
    attack = {"phase": "exploit", "confidence": 0.97, "actor": {"token_id": "tok-17"}} if kind == "attack" else {}
    return FindingView.model_validate(
        {
            "id": "F-1",
            "title": title,
            "description": "The tool asked as another user.\nThe answer held [redacted] of a customer.",
            "source": "zap",
            "type": "sample_type",
            "severity": "high",
            "category": category,
            "kind": kind,
            "count": 3,
            "last_seen": SEEN,
            "data_classification": ("phi",) if kind == "exposure" else ("pii",) if category == "API1:2023" else (),
            "api": ApiView(host="api.example.com", method=method, path=path, path_template=template),
            **attack,
        }
    )


def context(name: str) -> dict[str, Any]:
    """What the activity gives the template."""
    _, finding, playbook = sample(name)
    proof = {
        "kind": "http",
        "method": finding.api.method,
        "url_template": finding.api.path_template,
        "status_code": 200,
        "matched_on": "body",
        "time": SEEN,
        "excerpt": '{"owner": "[redacted]", "total": 12}',
    }
    return {
        "finding": finding,
        "route": ROUTE,
        "case": {"id": "case-abc", "url": "https://stanch.example.com/cases/case-abc"},
        "evidence": [proof],
        "plan": plan_words(books().entries[playbook].plan, ROUTE, scanners=("replay", "zap")),
    }


def ticket(name: str) -> TicketDraft:
    template, finding, _ = sample(name)
    text = shipped().render(template, context(name))
    return draft(summary=f"[{finding.severity}] {finding.title}", body=text.body, severity=finding.severity)


@contextmanager
def trackers() -> Iterator[dict[str, Any]]:
    with ExitStack() as stack:
        yield {
            "cloud": stack.enter_context(JiraStandin()),
            "wiki": stack.enter_context(JiraStandin(cloud=False)),
            "servicenow": stack.enter_context(ServiceNowStandin()),
        }


def stored(made: TicketDraft, running: dict[str, Any]) -> dict[str, str]:
    """The ticket as the trackers hold it after it was made, by the golden file's ending."""
    for standin in running.values():
        standin.reset()
    cloud, server, now = running["cloud"], running["wiki"], running["servicenow"]
    ports: tuple[JiraTickets, JiraTickets, ServiceNowTickets] = (
        join_jira(cloud),
        join_jira(server),
        join_servicenow(now),
    )
    keys = [port.ensure_ticket(made).key for port in ports]
    document = {name: cloud.issue(keys[0]).fields[name] for name in ("summary", "description")}
    fields, record = server.issue(keys[1]).fields, now.record(keys[2])
    return {
        "jira.json": json.dumps(document, indent=1, ensure_ascii=False) + "\n",
        "wiki.txt": f"{fields['summary']}\n\n{fields['description']}\n",
        "servicenow.txt": f"{record['short_description']}\n\n{record['description']}\n",
    }


def main() -> None:
    """Write the golden files."""
    GOLDEN.mkdir(exist_ok=True)
    with trackers() as running:
        for name in NAMES:
            for ending, text in stored(ticket(name), running).items():
                (GOLDEN / f"{name}.{ending}").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
