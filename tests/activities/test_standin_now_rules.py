"""What administrators and people change in ServiceNow at run time, as our connector sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from servicenow_support import connect as connect_now
from standin_support import told
from ticket_support import draft

from stanch.errors import AuthBlocked, Rejected, RetrySafe, Uncertain
from stanch.ports import TicketState
from stanch.sandbox.servicenow import ServiceNowStandin


@pytest.fixture(scope="module")
def instances() -> Iterator[ServiceNowStandin]:
    with ServiceNowStandin() as standin:
        yield standin


@pytest.fixture
def now(instances: ServiceNowStandin) -> ServiceNowStandin:
    instances.reset()
    return instances


def test_a_business_rule_aborts_a_write(now: ServiceNowStandin) -> None:
    tickets = connect_now(now)
    key = tickets.ensure_ticket(draft()).key
    assert told(now, "settings", abort_when={"state": "6"}) == 200
    with pytest.raises(Rejected):
        tickets.set_state(key, TicketState.DONE)
    assert told(now, "act", do="resolve", key=key) == 400
    assert now.record(key)["state"] != "6"


def test_a_hibernating_instance_answers_a_page(now: ServiceNowStandin) -> None:
    tickets = connect_now(now)
    assert told(now, "settings", hibernating=True) == 200
    with pytest.raises(RetrySafe):
        tickets.ensure_ticket(draft())
    assert told(now, "settings", hibernating=False) == 200
    assert tickets.ensure_ticket(draft()).key == "INC0010001"


def test_a_password_is_revoked_and_a_field_becomes_mandatory(now: ServiceNowStandin) -> None:
    tickets = connect_now(now)
    assert told(now, "settings", mandatory=["business_service"]) == 200
    with pytest.raises(Rejected):
        tickets.ensure_ticket(draft())
    assert told(now, "settings", password="another", mandatory=[]) == 200
    with pytest.raises(AuthBlocked):
        tickets.ensure_ticket(draft())


@pytest.mark.parametrize(("scripts", "rows"), [("evaluate", 1), ("refuse", 0)])
def test_a_script_in_a_query_is_evaluated_or_refused(now: ServiceNowStandin, scripts: str, rows: int) -> None:
    connect_now(now).ensure_ticket(draft())
    assert told(now, "settings", scripts=scripts) == 200
    assert len(found(now, "short_description=javascript:gs.getUserName()")) == rows
    assert now.ledger.count(f"servicenow.script_{scripts}d") == 1


def test_an_unreadable_part_is_dropped_unless_the_instance_is_strict(now: ServiceNowStandin) -> None:
    connect_now(now).ensure_ticket(draft())
    assert len(found(now, "no_such_field=1")) == 1
    assert told(now, "settings", strict_queries=True) == 200
    assert found(now, "no_such_field=1") == []


def test_a_record_moves_to_another_table_or_is_deleted(now: ServiceNowStandin) -> None:
    tickets, other = connect_now(now), connect_now(now, table="sn_si_incident")
    key = tickets.ensure_ticket(draft()).key
    assert told(now, "act", do="move", key=key, to="sn_si_incident") == 200
    with pytest.raises(Rejected):
        tickets.get_ticket(key)
    assert other.get_ticket(key).key == key
    assert told(now, "act", do="delete", key=key) == 200
    with pytest.raises(Rejected):
        other.get_ticket(key)
    assert httpx.get(f"{now.url}/_control/tickets").json() == {"tickets": []}


def test_priority_follows_impact_and_urgency(now: ServiceNowStandin) -> None:
    key = connect_now(now).ensure_ticket(draft()).key
    assert told(now, "act", do="priority", key=key, to="1") == 200
    record = now.record(key)
    assert (record["impact"], record["urgency"], record["priority"]) == ("1", "1", "1")
    now._person(key, {"priority": "4"}, by="maria.k")
    assert now.record(key)["priority"] == "1"
    assert told(now, "act", do="priority", key=key, to="9") == 400


def test_rows_come_in_the_order_and_page_that_is_asked_for(now: ServiceNowStandin) -> None:
    tickets = connect_now(now)
    keys = [tickets.ensure_ticket(draft(key=f"{number:02x}" * 16)).key for number in range(1, 4)]
    assert [row["number"] for row in found(now, "active=true^ORDERBYDESCnumber")] == keys[::-1]
    assert [row["number"] for row in found(now, "number>INC0010001^ORDERBYnumber", sysparm_offset="1")] == keys[2:]


def found(now: ServiceNowStandin, query: str, **more: str) -> list[dict[str, Any]]:
    answer = httpx.get(
        f"{now.url}/api/now/table/incident", params={"sysparm_query": query, **more}, auth=("stanch", now.password)
    )
    rows: list[dict[str, Any]] = answer.json()["result"]
    return rows


def test_an_attachment_of_servicenow_is_too_large(now: ServiceNowStandin) -> None:
    tickets = connect_now(now)
    key = tickets.ensure_ticket(draft()).key
    assert told(now, "settings", attachment_limit=10) == 200
    with pytest.raises((Rejected, Uncertain)):
        tickets.attach(key, name="a.json", content=b"x" * 11)
    assert now.state.tables["sys_attachment"] == {}


@pytest.mark.parametrize(
    "order", [{"passwrd": "x"}, {"scripts": "maybe"}, {"hibernating": 1}, {"mandatory": "x"}, {"abort_when": {"a": 1}}]
)
def test_a_wrong_setting_of_servicenow_changes_nothing(now: ServiceNowStandin, order: dict[str, Any]) -> None:
    before = now.settings()
    assert told(now, "settings", **order) == 400
    assert now.settings() == before
