"""Where routes send tickets, with what, and what a system cannot take."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from stanch.errors import ConfigError
from stanch.routing import RouteTable
from stanch.routing import load_routes as load
from stanch.views import ApiView, FindingView, TicketTarget

FILE = """
version: routing/v1
directory:
  users: {{user:ana: {{name: Ana}}}}
  teams:
    team:shop: {{lead: user:ana, ticket: {team}}}
default: {{id: default, owner: team:shop}}
rules:
  - id: mobile
    match: {{host: m.example.com, path: /**}}
    owner: team:shop
    ticket: {rule}
"""
JIRA = """{system: jira, project: SHOP, type: Bug, components: [API], parent: SHOP-7, labels: [mobile],
      fields: {customfield_1: Mobile, customfield_2: 3, customfield_3: [a, b]}}"""
NOW = "{system: servicenow, group: Mobile, category: API, problem: PRB0040001}"


def load_text(**given: str) -> RouteTable:
    return load(text(**given), "routes.yaml")


def text(*, team: str = "{system: board}", rule: str = JIRA) -> str:
    return FILE.format(team=team, rule=rule)


def test_every_word_of_a_ticket_reaches_the_decision() -> None:
    table = load_text()
    decision = table.route(FindingView(api=ApiView(host="m.example.com", path="/x")), datetime.now(UTC))
    assert decision.view.ticket == TicketTarget(
        system="jira",
        project="SHOP",
        type="Bug",
        components=("API",),
        parent="SHOP-7",
        labels=("mobile",),
        fields={"customfield_1": "Mobile", "customfield_2": 3, "customfield_3": ("a", "b")},
    )


def test_doctor_is_told_of_each_place_once() -> None:
    table = load_text(team=JIRA, rule=NOW)
    assert [each.system for each in table.tickets] == ["jira", "servicenow"]
    assert len(load_text(team=JIRA, rule=JIRA).tickets) == 1


@pytest.mark.parametrize(
    "rule",
    [
        "{system: servicenow, parent: SHOP-7}",
        "{system: servicenow, components: [API]}",
        "{system: jira, problem: PRB0040001}",
        "{system: board, category: API}",
    ],
)
def test_what_a_system_does_not_have_is_a_mistake(rule: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(rule=rule)
    assert [problem.code for problem in caught.value.problems] == ["R206"]


@pytest.mark.parametrize(
    "rule", ["{system: jira, parent: shop 7}", "{system: servicenow, problem: x^OR}", "{labels: ['a b']}"]
)
def test_a_key_that_is_none_is_a_mistake(rule: str) -> None:
    with pytest.raises(ConfigError):
        load_text(rule=rule)
