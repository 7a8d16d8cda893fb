"""How tests connect to the Jira stand-in."""

from __future__ import annotations

from typing import Any

from activities.jira import CONNECTOR, JiraTickets
from stanch.sandbox.jira import JiraStandin

TOKEN = "jira-token"


def connect(jira: JiraStandin, **changes: Any) -> JiraTickets:
    section: dict[str, Any] = {
        "url": changes.get("url") or jira.url,
        "token": TOKEN,
        "project": "MOBP",
        "deployment": "cloud" if jira.cloud else "server",
        "timeout": 2.0,
        "connect_timeout": 0.2,
        "settle": 0.5,
        "poll": 0.02,
    }
    section |= {"email": "stanch@example.com"} if jira.cloud else {}
    tickets = CONNECTOR.build("jira", {**section, **changes})
    assert isinstance(tickets, JiraTickets)
    return tickets
