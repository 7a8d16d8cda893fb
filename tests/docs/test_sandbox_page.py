"""The page of the stand-ins names every fault, setting, act and control route, and its examples are taken."""

from __future__ import annotations

import json
import re

import facts
import pytest

from stanch.sandbox._faults import NAMED, Faults
from stanch.sandbox._jira.people import ACTS as JIRA_ACTS
from stanch.sandbox._servicenow.people import ACTS as SERVICENOW_ACTS
from stanch.sandbox.jira import JiraStandin
from stanch.sandbox.servicenow import ServiceNowStandin

PAGE = facts.page("sandbox.md")


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def names(text: str) -> set[str]:
    """The words in code form of each row's first cell."""
    return set().union(*(facts.ticked(line.split("|")[1]) for line in text.splitlines() if line.startswith("|")))


def examples(text: str) -> list[str]:
    return re.findall(r"`({.*?})` \|$", text, re.M)


def test_every_fault_has_an_example_that_is_planned() -> None:
    text = section("Faults")
    assert names(text) == set(NAMED)
    orders = [json.loads(each) for each in examples(text)]
    assert [order["fault"] for order in orders] == [
        line.split("`")[1] for line in text.splitlines() if line[:3] == "| `"
    ]
    for order in orders:
        Faults().plan(order)


def test_the_rule_in_full_is_planned() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", section("Faults"), re.S)
    Faults().plan(json.loads(block))


@pytest.mark.parametrize(
    ("standin", "secret", "table"),
    [(JiraStandin(), "token", "| Jira |"), (ServiceNowStandin(), "password", "| ServiceNow |")],
    ids=["jira", "servicenow"],
)
def test_every_setting_has_an_example_that_is_taken(
    standin: JiraStandin | ServiceNowStandin, secret: str, table: str
) -> None:
    text = section("Settings").partition(table)[2].partition("\n\n")[0]
    assert names(f"{table}{text}") == {*standin.settings(), secret}
    for each in examples(text):
        standin.set(json.loads(each))


def test_every_act_and_route_is_listed() -> None:
    assert names(section("What people do")) >= {*JIRA_ACTS, *SERVICENOW_ACTS} - {"back"}
    assert "`back` (Jira)" in section("What people do")
    served = {
        f"{method} {route.path}"
        for route in JiraStandin().app.routes
        if route.path.startswith("/_control/")
        for method in route.methods - {"HEAD"}
    }
    assert names(section("Control")) == served
