"""What create screens ask for: values in the right shape, what is missing named, what is refused left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jira_support import connect
from raw_server import Answer, RawServer, http
from ticket_support import KEY, draft

from activities import jira as connector
from activities._jira.doctor import takes
from activities._jira.screens import ScreenField
from activities._jira.shapes import example, shaped
from activities._ticket.common import ATTACHMENT_LIMIT
from activities._ticket.evidence import evidence_file
from stanch.errors import Rejected
from stanch.ports import TicketPort
from stanch.sandbox.jira import CustomField, JiraStandin
from stanch.views import TicketTarget


@pytest.fixture(scope="module")
def shared() -> Iterator[JiraStandin]:
    with JiraStandin() as standin:
        yield standin


@pytest.fixture
def jira(shared: JiraStandin) -> JiraStandin:
    shared.reset()
    return shared


def field(kind: str, **more: Any) -> ScreenField:
    return ScreenField(id="customfield_1", kind=kind, **more)


@pytest.mark.parametrize(
    ("value", "screen", "wanted"),
    [
        ("Mobile", field("option"), {"value": "Mobile"}),
        ({"id": "10"}, field("option"), {"id": "10"}),
        ("EU > Lisbon", field("option-with-child"), {"value": "EU", "child": {"value": "Lisbon"}}),
        ("EU", field("option-with-child"), {"value": "EU"}),
        ("5b10a", field("user"), {"accountId": "5b10a"}),
        ("High", field("priority"), {"name": "High"}),
        (["API", "Web"], field("array", items="option"), [{"value": "API"}, {"value": "Web"}]),
        ("API", field("array", items="component"), [{"name": "API"}]),
        ("a", field("array", items="string"), ["a"]),
        ("3", field("number"), 3),
        ("3.5", field("number"), 3.5),
        (7, field("number"), 7),
        ("three", field("number"), "three"),
        (8, field("string"), "8"),
        (date(2026, 3, 1), field("date"), "2026-03-01"),
        (datetime(2026, 3, 1, 12, tzinfo=UTC), field("datetime"), "2026-03-01T12:00:00.000+0000"),
        ("free", None, "free"),
    ],
)
def test_a_value_takes_the_shape_of_its_field(value: Any, screen: ScreenField | None, wanted: Any) -> None:
    assert shaped(value, screen, cloud=True) == wanted


def test_a_text_area_is_a_document_on_cloud_only() -> None:
    area = field("string", custom="com.atlassian.jira.plugin.system.customfieldtypes:textarea")
    assert shaped("x", area, cloud=True)["type"] == "doc"
    assert shaped("x", area, cloud=False) == "x"
    assert shaped("tom", field("user"), cloud=False) == {"name": "tom"}


@given(st.text(), st.sampled_from(["array", "option", "number", "user", "string", "date", "any", ""]))
def test_an_example_is_toml_that_says_the_field(word: str, kind: str) -> None:
    import tomllib

    clean = "".join(letter for letter in word if letter.isprintable())
    assert "customfield_1" in tomllib.loads(example(field(kind, items="option", allowed=(clean,) if clean else ())))


def test_doctor_looks_at_each_place_that_routes_name(jira: JiraStandin) -> None:
    jira.state.custom_fields = [CustomField("customfield_7", "Business unit", options=("Cards", "Loans"))]
    targets = [
        TicketTarget(system="jira", project="PAY", type="Bug"),
        TicketTarget(system="jira", project="SEC", fields={"customfield_7": "Loans"}),
        TicketTarget(system="jira", project="OPS", type="Saga"),
    ]
    checks = {check.name: check for check in connect(jira, webhook_secret="s").doctor(targets)}
    pay = checks["jira fields PAY/Bug"]
    assert not pay.ok
    assert "customfield_7 (Business unit, option, one of Cards, Loans)" in pay.detail
    assert 'customfield_7 = "Cards"' in pay.fix
    assert "project_fields.PAY" in pay.fix
    assert checks["jira fields SEC"].ok
    assert "set `type` to one of" in checks["jira fields OPS/Saga"].fix
    odd = {"customfield_7": "Cars", "customfield_8": 1}
    check = {each.name: each for each in connect(jira, fields=odd).doctor()}["jira fields MOBP"]
    assert "customfield_7 does not take the configured value" in check.detail
    assert "customfield_8 is not on the create screen" in check.detail


@pytest.mark.parametrize(
    ("kind", "value", "fits"),
    [
        ("option", "Android", False),  # has the letters "id" in it
        ("option", "Web", True),
        ("option", {"id": "10100"}, True),
        ("array", ["Web", "Android"], False),
        ("option-with-child", "Web > Safari", True),
        ("option-with-child", "Europe > Lisbon", False),
    ],
)
def test_doctor_compares_configured_values_with_what_is_offered(kind: str, value: Any, fits: bool) -> None:
    assert takes(field(kind, allowed=("Web", "API")), value) == fits


def test_what_two_routes_share_is_all_that_counts(jira: JiraStandin) -> None:
    jira.state.custom_fields = [CustomField("customfield_7", "Unit")]
    both = [TicketTarget(system="jira", project="PAY", fields={"customfield_7": "x"}), TicketTarget(project="PAY")]
    for targets in (both, both[::-1]):
        checks = {check.name: check for check in connect(jira).doctor(targets)}
        assert not checks["jira fields PAY"].ok


def test_a_field_that_came_within_the_hour_is_filled(jira: JiraStandin) -> None:
    tickets = connect(jira, fields={"customfield_7": "x"})
    tickets.ensure_ticket(draft())
    jira.state.custom_fields = [CustomField("customfield_7", "Unit")]
    key = tickets.ensure_ticket(draft(key="77" * 16)).key
    assert jira.issue(key).fields["customfield_7"] == "x"
    jira.state.custom_fields = []
    key = tickets.ensure_ticket(draft(key="88" * 16)).key
    assert "customfield_7" not in jira.issue(key).fields


def strict(refused: set[str], sent: list[dict[str, Any]]) -> Any:
    """A Jira whose screens show everything and whose create refuses some of it."""

    def answer(method: str, path: str, body: bytes) -> Answer:
        where = path.partition("?")[0]
        if method == "POST" and where.endswith("/issue"):
            fields = json.loads(body)["fields"]
            sent.append(fields)
            wrong = {name: "no" for name in refused if name in fields}
            return http({"errors": wrong}, status=400) if wrong else http({"id": "1", "key": "MOBP-1"}, status=201)
        if "/search" in where:
            return http({"issues": [], "isLast": True})
        if where.endswith("/issuetypes"):
            return http({"issueTypes": [{"id": 7, "name": "Task"}]})
        if "/createmeta/" in where:
            names = ["summary", "labels", "priority", "duedate", "components", "parent", "assignee"]
            return http({"fields": [{"fieldId": name, "schema": {"type": "any"}} for name in names]})
        status = {"statusCategory": {"key": "new"}}
        return http({"id": "1", "key": "MOBP-1", "fields": {"status": status, "labels": [f"stanch-{KEY[:16]}"]}})

    return answer


def made_with(refused: set[str], **changes: Any) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    with RawServer(strict(refused, sent)) as server:
        section = {"url": server.url, "token": "t", "email": "e@example.com", "project": "MOBP"}
        port: TicketPort = connector.CONNECTOR.build("jira", {**section, "priorities": {"high": "High"}})
        port.ensure_ticket(draft(severity="high", **changes))
    return sent


def test_all_that_a_route_gives_is_sent() -> None:
    due = datetime(2026, 3, 1, tzinfo=UTC)
    [fields] = made_with(set(), components=("API",), parent="SHOP-7", due=due, assignee="tom")
    assert fields["components"] == [{"name": "API"}]
    assert (fields["parent"], fields["duedate"], fields["priority"]) == (
        {"key": "SHOP-7"},
        "2026-03-01",
        {"name": "High"},
    )


def test_what_is_not_needed_and_not_taken_is_left_out_and_said() -> None:
    sent = made_with({"priority", "components", "assignee"}, components=("API",), assignee="gone")
    assert len(sent) == 2
    assert not {"priority", "components", "assignee"} & set(sent[1])
    text = json.dumps(sent[1]["description"])
    assert "Meant for gone" in text
    assert "did not take: components, priority" in text


def test_what_a_ticket_cannot_be_without_is_refused_at_once() -> None:
    with pytest.raises(Rejected, match="fields labels"):
        made_with({"labels"})


def test_evidence_keeps_to_its_limit_and_says_what_it_leaves_out() -> None:
    body = {"title": "x", "evidence": [{"excerpt": "y" * 1_000_000, "n": number} for number in range(9)]}
    file = evidence_file("case-1", body)
    assert len(file) <= ATTACHMENT_LIMIT
    found = json.loads(file)
    assert (len(found["finding"]["evidence"]), found["left_out"]) == (5, 4)
    assert evidence_file("case-1", body) == file
    assert "left_out" in json.loads(evidence_file("case-1", {"description": "z" * 6_000_000}))
