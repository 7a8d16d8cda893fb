"""A case is given to a team: whether its ticket has to move is said of the tracker that the ticket is in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from stanch.contract import CaseCommand
from stanch.routing import load_routes
from stanch.settings import Settings
from stanch.web import assigning
from stanch.web.assigning import Hand, assign

ROUTES = """
version: routing/v1
directory:
  users: {user:ana: {name: Ana}}
  teams: {team:shop: {lead: user:ana, ticket: {system: jira, project: SHOP}}}
default: {id: default, owner: team:shop}
"""


@pytest.mark.asyncio
@pytest.mark.parametrize(("system", "home"), [("jira", ""), ("jira-europe", ""), ("servicenow", "jira"), ("", "jira")])
async def test_a_tracker_is_at_home_by_its_kind(monkeypatch: pytest.MonkeyPatch, system: str, home: str) -> None:
    sent: list[CaseCommand] = []

    async def signal(client: Any, case_id: str, name: str, message: CaseCommand) -> None:
        sent.append(message)

    monkeypatch.setattr(assigning, "signal_case", signal)
    services: Any = SimpleNamespace(
        records=SimpleNamespace(case=lambda case_id: SimpleNamespace(ticket_system=system)),
        settings=Settings(trackers={"jira-europe": {"kind": "jira"}, "jira": {}, "servicenow": {}}),
        policy=SimpleNamespace(current=SimpleNamespace(routes=load_routes(ROUTES, "routes.yaml"))),
        client=None,
    )
    await assign(services, "case-1", Hand(to="team:shop", by="user:ana", via="api"))
    assert [each.home for each in sent] == [home]
