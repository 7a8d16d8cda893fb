"""Tickets in ServiceNow against the stand-in, the same through both transports."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
import requests
from servicenow_support import PASSWORD, TRANSPORTS, Connect, connect, through
from spec_contract import SERVICENOW, obeying
from ticket_support import KEY, draft

from activities.servicenow import ServiceNowTickets
from stanch.errors import ConfigError, Rejected
from stanch.ports import Ticket, TicketState
from stanch.sandbox.servicenow import ServiceNowStandin


@pytest.fixture(params=TRANSPORTS)
def joined(request: pytest.FixtureRequest) -> Connect:
    return through(request.param)


@pytest.fixture(scope="module")
def shared() -> Iterator[ServiceNowStandin]:
    with ServiceNowStandin() as standin:
        yield standin


@pytest.fixture
def now(shared: ServiceNowStandin) -> Iterator[ServiceNowStandin]:
    shared.reset()
    with obeying(shared, SERVICENOW):
        yield shared


def made(join: Connect, now: ServiceNowStandin, **changes: Any) -> tuple[ServiceNowTickets, Ticket]:
    tickets = join(now, **changes)
    return tickets, tickets.ensure_ticket(draft())


def test_a_ticket_is_made_once_and_found_again(joined: Connect, now: ServiceNowStandin) -> None:
    wanted = draft(
        assignee="tom.b", group="Mobile Product", watchers=("maria.k", "nobody"), severity="high",
        due=datetime(2026, 3, 1, 12, tzinfo=UTC),
    )  # fmt: skip
    first = joined(now).ensure_ticket(wanted)
    assert (first.key, first.state, first.system) == ("INC0010001", TicketState.NEW, "servicenow")
    assert (first.assignee, first.group) == ("tom.b", "Mobile Product")
    assert joined(now).ensure_ticket(wanted).key == first.key
    assert now.ledger.count("servicenow.created") == 1
    record = now.record(first.key)
    assert record["correlation_id"] == f"stanch:{KEY}"
    assert (record["urgency"], record["due_date"]) == ("1", "2026-03-01 12:00:00")
    assert record["watch_list"] == now.state.user("maria.k")
    page = requests.get(first.url, timeout=5)
    assert "Debug endpoint is public" in page.text


def test_security_incidents_have_their_own_table_and_states(joined: Connect, now: ServiceNowStandin) -> None:
    tickets, ticket = made(joined, now, table="sn_si_incident")
    assert (ticket.key, ticket.state) == ("SIR0010001", TicketState.NEW)
    assert tickets.set_state(ticket.key, TicketState.DONE).state_name == "3"
    assert tickets.set_state(ticket.key, TicketState.IN_PROGRESS).state_name == "16"


def test_an_instance_that_drops_query_parts_cannot_pass_a_stranger_off(joined: Connect, now: ServiceNowStandin) -> None:
    joined(now).ensure_ticket(draft(key="aa" * 16))
    # A column an administrator renamed: every query that names it returns all records.
    now.state.hidden = frozenset({"correlation_id"})
    assert joined(now).ensure_ticket(draft()).key == "INC0010002"
    assert joined(now).ensure_ticket(draft()).key == "INC0010002"


def test_the_state_goes_by_configured_values_and_back(joined: Connect, now: ServiceNowStandin) -> None:
    tickets, ticket = made(joined, now)
    note = "The block is lifted."
    done = tickets.set_state(ticket.key, TicketState.DONE, resolution="fixed_and_verified", note=note)
    assert (done.state, done.resolution) == (TicketState.DONE, "fixed")
    assert now.record(ticket.key)["close_notes"] == "The block is lifted."
    again = tickets.set_state(
        ticket.key, TicketState.DONE, resolution="fixed_and_verified", note="The block is lifted."
    )
    assert (again.state, len(now.notes(ticket.key))) == (TicketState.DONE, 1)
    assert tickets.set_state(ticket.key, TicketState.IN_PROGRESS).state is TicketState.IN_PROGRESS


def test_states_of_a_process_can_be_configured(joined: Connect, now: ServiceNowStandin) -> None:
    tickets, ticket = made(joined, now, states={"new": ["1"], "in_progress": ["-5"], "done": ["7", "6"]})
    assert tickets.set_state(ticket.key, TicketState.IN_PROGRESS).state_name == "-5"
    assert tickets.set_state(ticket.key, TicketState.DONE).state_name == "7"
    now.resolve(ticket.key)
    assert tickets.get_ticket(ticket.key).state is TicketState.DONE
    now.record(ticket.key)["state"] = "42"
    assert tickets.get_ticket(ticket.key).state is TicketState.IN_PROGRESS


def test_a_note_is_written_once_per_marker(joined: Connect, now: ServiceNowStandin) -> None:
    tickets, ticket = made(joined, now)
    for marker in ("aa" * 8, "aa" * 8, "bb" * 8):
        tickets.add_note(ticket.key, "The block stands.", marker=marker)
    assert len(now.notes(ticket.key)) == 2


def test_a_link_is_a_note_written_once(joined: Connect, now: ServiceNowStandin) -> None:
    tickets, ticket = made(joined, now)
    for _ in range(2):
        tickets.ensure_link(ticket.key, link_id="case-abc", url="http://127.0.0.1/cases/abc", title="Case")
    (note,) = now.notes(ticket.key)
    assert note.startswith("Case: http://127.0.0.1/cases/abc")
    with pytest.raises(Rejected):
        tickets.ensure_link(ticket.key, link_id="x", url="javascript:alert(1)", title="x")


def test_a_file_is_attached_once(joined: Connect, now: ServiceNowStandin) -> None:
    tickets, ticket = made(joined, now)
    content = b'{"a": "\xc3\xa9"}'
    for _ in range(2):
        tickets.attach(ticket.key, name="evidence.json", content=content)
    ((sys_id, row),) = now.state.tables["sys_attachment"].items()
    assert row["file_name"] == f"evidence-{sha256(content).hexdigest()[:16]}.json"
    assert now.state.files[sys_id] == content


def test_assigning_to_a_group_and_a_person(joined: Connect, now: ServiceNowStandin) -> None:
    tickets, ticket = made(joined, now)
    after = tickets.assign(ticket.key, assignee="tom.b", group="Mobile Platform", note="Belongs there.")
    assert (after.assignee, after.group, after.changed_by) == ("tom.b", "Mobile Platform", "stanch")
    now.reassign(ticket.key, to="maria.k", by="tom.b")
    read = tickets.get_ticket(ticket.key)
    assert (read.assignee, read.group, read.changed_by) == ("maria.k", "Mobile Platform", "tom.b")
    for unknown in ({"assignee": "gone.person"}, {"group": "No Such Team"}, {}):
        with pytest.raises(Rejected):
            tickets.assign(ticket.key, **unknown)


def test_an_unknown_assignee_does_not_cost_the_ticket(joined: Connect, now: ServiceNowStandin) -> None:
    ticket = joined(now).ensure_ticket(draft(assignee="gone.person", group="x^ORactive=true"))
    assert (ticket.assignee, ticket.group) == ("", "")
    assert "Meant for gone.person" in now.record(ticket.key)["description"]


def test_people_are_not_overwritten_by_a_rerun(joined: Connect, now: ServiceNowStandin) -> None:
    tickets, ticket = made(joined, now)
    now.reassign(ticket.key, to="maria.k")
    assert tickets.ensure_ticket(draft(assignee="tom.b")).assignee == "maria.k"


def test_a_data_policy_is_a_rejection_and_its_field_can_be_configured(joined: Connect) -> None:
    with ServiceNowStandin(mandatory=("business_service",)) as now:
        with pytest.raises(Rejected, match="policy"):
            joined(now).ensure_ticket(draft())
        checks = {check.name: check for check in joined(now, callback_secret="s").doctor()}
        assert checks["servicenow fields"].detail == "mandatory without a value: business_service"
        configured = joined(now, callback_secret="s", fields={"business_service": "API"}, group="AppSec")
        assert configured.ensure_ticket(draft()).key == "INC0010001"
        assert all(check.ok for check in configured.doctor())


def test_what_a_route_gives_reaches_the_record(joined: Connect, now: ServiceNowStandin) -> None:
    lost = draft(category="API", problem="PRB0040001", fields={"subcategory": "Exposure"}, group="No Such Team")
    record = now.record(joined(now, fields={"subcategory": "Other"}).ensure_ticket(lost).key)
    assert (record["category"], record["subcategory"]) == ("API", "Exposure")
    assert "Belongs to problem PRB0040001" in record["description"]
    assert "Meant for No Such Team" in record["description"]


def test_a_security_incident_is_closed_in_its_own_words(joined: Connect, now: ServiceNowStandin) -> None:
    tickets, ticket = made(joined, now, table="sn_si_incident")
    for resolution, code in (("fixed", "Threat mitigated"), ("false_positive", "False positive")):
        done = tickets.set_state(ticket.key, TicketState.DONE, resolution=resolution)
        assert done.resolution == resolution
        assert now.state.tables["sn_si_incident"][ticket.id]["close_code"] == code
        tickets.set_state(ticket.key, TicketState.IN_PROGRESS)


def test_ours_is_found_among_all_that_an_instance_returns(joined: Connect, now: ServiceNowStandin) -> None:
    tickets, ticket = made(joined, now)
    for number in range(40):
        now.state.create("incident", {"short_description": f"stranger {number}"}, by="tom.b")
    now.state.hidden = frozenset({"correlation_id", "number"})
    assert tickets.ensure_ticket(draft()).key == ticket.key
    assert tickets.get_ticket(ticket.key).key == ticket.key


def test_doctor_says_what_is_missing(joined: Connect, now: ServiceNowStandin) -> None:
    checks = {check.name: check for check in joined(now, group="No Such Team").doctor()}
    assert not checks["servicenow callback secret"].ok
    assert not checks["servicenow group No Such Team"].ok
    assert checks["servicenow sign-in"].ok
    joined(now).ensure_ticket(draft())
    checks = {check.name: check for check in joined(now).doctor()}
    assert "ignored" in checks["servicenow queries"].detail
    now.password = "rotated"
    assert [check.ok for check in joined(now).doctor()] == [False, False]


@pytest.mark.parametrize("key", ["../sys_user", "INC0010001^ORactive=true", "", "javascript:1", "INC1"])
def test_only_a_record_number_is_looked_up(joined: Connect, now: ServiceNowStandin, key: str) -> None:
    with pytest.raises(Rejected, match="record number"):
        joined(now).get_ticket(key)


def test_a_missing_record_is_rejected_though_the_query_returns_others(joined: Connect, now: ServiceNowStandin) -> None:
    tickets, _ = made(joined, now)
    now.state.hidden = frozenset({"number"})
    with pytest.raises(Rejected, match="no such record"):
        tickets.get_ticket("INC9999999")


def test_nothing_shows_a_secret(joined: Connect, now: ServiceNowStandin) -> None:
    tickets = joined(now, callback_secret="hook-secret")
    shown = " ".join(repr(part) for part in (tickets, *vars(tickets).values()))
    assert PASSWORD not in shown
    assert "hook-secret" not in shown


@pytest.mark.parametrize(
    "changes",
    [
        {"pasword": "x"},
        {"password": ""},
        {"user": ""},
        {"url": "http://now.example.com"},
        {"table": "change_request"},
        {"transport": "carrier pigeon"},
        {"states": {"new": ["1"]}},
        {"states": {"new": ["1"], "in_progress": [], "done": ["6"]}},
    ],
)
def test_a_wrong_section_is_a_configuration_error(now: ServiceNowStandin, changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        connect(now, **changes)
    assert PASSWORD not in str(caught.value.problems)


def test_a_person_acts_over_http(now: ServiceNowStandin) -> None:
    tickets, ticket = made(connect, now)
    control = f"{now.url}/_control/act"
    orders = ({"do": "reassign", "to": "tom.b"}, {"do": "resolve"}, {"do": "reopen"}, {"do": "comment", "text": "hi"})
    for order in orders:
        assert requests.post(control, json={"key": ticket.key, "by": "maria.k", **order}, timeout=5).ok
    assert requests.post(control, json={"key": "INC0", "do": "resolve"}, timeout=5).status_code == 400
    read = tickets.get_ticket(ticket.key)
    assert (read.assignee, read.state, read.changed_by) == ("tom.b", TicketState.IN_PROGRESS, "maria.k")
    assert read.version == 5
