"""The ServiceNow connector against an instance that we have not built, through both transports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from foreign_servicenow import ForeignServiceNow, foreign_servicenow
from servicenow_support import TRANSPORTS
from ticket_support import HOSTILE, draft

from activities.servicenow import CONNECTOR, ServiceNowTickets
from stanch.errors import AuthBlocked, ConnectorError, RetrySafe, Uncertain
from stanch.ports import TicketState

SPOILT = ["cut", "half a chunk", "asleep", "timed out", "500", "502"]
Connect = Callable[..., ServiceNowTickets]


@pytest.fixture
def now() -> Iterator[ForeignServiceNow]:
    with foreign_servicenow() as instance:
        yield instance


@pytest.fixture(params=TRANSPORTS)
def connect(request: pytest.FixtureRequest, now: ForeignServiceNow) -> Connect:
    def build(**changes: Any) -> ServiceNowTickets:
        section = {
            "url": now.url,
            "user": "stanch",
            "password": "p",
            "transport": request.param,
            "timeout": 0.6,
            "connect_timeout": 0.3,
            "settle": 0.1,
            "poll": 0.02,
        }
        made = CONNECTOR.build("now", {**section, **changes})
        assert isinstance(made, ServiceNowTickets)
        return made

    return build


def test_a_ticket_lives_its_whole_life(now: ForeignServiceNow, connect: Connect) -> None:
    tickets = connect()
    made = tickets.ensure_ticket(draft(assignee="eva.brandt", group="Mobile Product", watchers=("nobody",)))
    assert (made.key, made.state) == ("INC0000001", TicketState.NEW)
    assert (made.assignee, made.group) == ("eva.brandt", "Mobile Product")
    assert tickets.ensure_ticket(draft()).key == made.key
    for _ in range(2):
        tickets.add_note(made.key, "We look at it.", marker="aa" * 8)
        tickets.ensure_link(made.key, link_id="c", url="https://stanch.example/c", title="Case")
        tickets.attach(made.key, name="evidence.json", content=b"{}")
    done = tickets.set_state(made.key, TicketState.DONE, resolution="fixed", note="Proven.")
    assert (done.state, done.resolution) == (TicketState.DONE, "fixed")
    assert tickets.set_state(made.key, TicketState.IN_PROGRESS).state is TicketState.IN_PROGRESS
    assert len(now.incidents) == 1
    assert len(now.journal[now.incidents[0]["sys_id"]]) == 3
    assert len(now.tables["sys_attachment"]) == 1


def test_the_doctor_finds_nothing_wrong(connect: Connect) -> None:
    checks = connect(callback_secret="whsec_c2VjcmV0c2VjcmV0c2VjcmV0").doctor()
    assert all(check.ok for check in checks), checks


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_create_that_ends_badly_leaves_one_ticket(
    now: ForeignServiceNow, connect: Connect, when: str, how: str
) -> None:
    tickets = connect()
    now.faults["create incident"] = [f"{when} {how}"]
    begun = datetime.now(UTC)
    with pytest.raises(Uncertain):
        tickets.ensure_ticket(draft())
    tickets.ensure_ticket(draft(), uncertain_since=begun)
    assert len(now.incidents) == 1


@pytest.mark.parametrize("how", [*SPOILT, "429"])
def test_a_query_that_ends_badly_creates_nothing(now: ForeignServiceNow, connect: Connect, how: str) -> None:
    now.faults["find incident"] = [f"after {how}"]
    with pytest.raises(RetrySafe):
        connect().ensure_ticket(draft())
    assert not now.incidents


WRITES: list[tuple[str, Callable[[ServiceNowTickets, str], object]]] = [
    ("note", lambda tickets, key: tickets.add_note(key, "text", marker="aa" * 8)),
    ("state", lambda tickets, key: tickets.set_state(key, TicketState.DONE, note="Proven.")),
    ("assign", lambda tickets, key: tickets.assign(key, assignee="eva.brandt", note="Yours.")),
]


@pytest.mark.parametrize(("name", "act"), WRITES, ids=[name for name, _ in WRITES])
@pytest.mark.parametrize("how", ["cut", "half a chunk", "502"])
def test_a_change_that_ends_badly_is_made_once(
    now: ForeignServiceNow, connect: Connect, name: str, act: Callable[[ServiceNowTickets, str], object], how: str
) -> None:
    tickets = connect()
    key = tickets.ensure_ticket(draft()).key
    now.faults["change incident"] = [f"after {how}"]
    with pytest.raises(Uncertain):
        act(tickets, key)
    act(tickets, key)
    act(tickets, key)
    assert len(now.journal[now.incidents[0]["sys_id"]]) == 1


@pytest.mark.parametrize(("status", "outcome"), [("401", AuthBlocked), ("403", AuthBlocked)])
def test_refusals(now: ForeignServiceNow, connect: Connect, status: str, outcome: type[ConnectorError]) -> None:
    now.faults["create incident"] = [f"before {status}"]
    with pytest.raises(outcome):
        connect().ensure_ticket(draft())


def test_slow_down_says_how_long(now: ForeignServiceNow, connect: Connect) -> None:
    now.faults["create incident"] = ["before 429"]
    with pytest.raises(RetrySafe) as caught:
        connect().ensure_ticket(draft())
    assert caught.value.retry_after == 21


def test_an_instance_that_ignores_the_query_makes_no_second_ticket(now: ForeignServiceNow, connect: Connect) -> None:
    tickets = connect()
    ours = tickets.ensure_ticket(draft())
    for number in range(30):  # newer ones of others, which fill the first rows
        now.create("incident", {"short_description": f"Printer {number}", "correlation_id": f"other:{number}"})
    now.columns.discard("correlation_id")
    assert tickets.ensure_ticket(draft()).key == ours.key
    assert tickets.ensure_ticket(draft(key="77" * 16)).key not in {row["number"] for row in now.incidents[:31]}


def test_whom_it_cannot_name_is_not_nobody(now: ForeignServiceNow, connect: Connect) -> None:
    """A read whose names fail must not look like a ticket that was given back."""
    tickets = connect()
    key = tickets.ensure_ticket(draft(assignee="eva.brandt")).key
    now.faults["find sys_user"] = ["after 503"]
    with pytest.raises(RetrySafe):
        tickets.get_ticket(key)
    assert tickets.get_ticket(key).assignee == "eva.brandt"


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_an_attacker_is_text(now: ForeignServiceNow, connect: Connect, text: str) -> None:
    tickets = connect()
    tickets.ensure_ticket(draft(summary=text, body=text, assignee=text))
    assert "[code]" not in now.incidents[0]["description"]
    assert len(now.incidents) == 1
