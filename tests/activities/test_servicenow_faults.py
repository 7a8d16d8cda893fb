"""Every way in which ServiceNow misbehaves ends in the right outcome, and never in a second record."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from servicenow_support import PASSWORD, TRANSPORTS, Connect, through
from spec_contract import SERVICENOW, obeying
from ticket_support import FAULT_IDS, FAULTS, HOSTILE, draft, exception_texts, http_date

from activities._servicenow.query import equals
from activities.servicenow import ServiceNowTickets
from stanch.errors import AuthBlocked, ConnectorError, Rejected, RetrySafe, Uncertain
from stanch.ports import TicketState
from stanch.sandbox._server import Fault
from stanch.sandbox.servicenow import ServiceNowStandin


@pytest.fixture(scope="module")
def shared() -> Iterator[ServiceNowStandin]:
    with ServiceNowStandin() as standin:
        yield standin


@pytest.fixture
def now(shared: ServiceNowStandin) -> Iterator[ServiceNowStandin]:
    shared.reset()
    with obeying(shared, SERVICENOW, once=True):
        yield shared


@pytest.fixture(params=TRANSPORTS)
def joined(request: pytest.FixtureRequest) -> Connect:
    return through(request.param)


WRITES: list[tuple[str, Callable[[ServiceNowTickets, str], object]]] = [
    ("patch", lambda tickets, key: tickets.add_note(key, "text", marker="aa" * 8)),
    ("patch", lambda tickets, key: tickets.set_state(key, TicketState.DONE)),
    ("patch", lambda tickets, key: tickets.ensure_link(key, link_id="c", url="http://127.0.0.1/c", title="Case")),
    ("patch", lambda tickets, key: tickets.assign(key, assignee="tom.b")),
    ("attach", lambda tickets, key: tickets.attach(key, name="a.json", content=b"{}")),
]


def effects(now: ServiceNowStandin, key: str) -> tuple[int, str, str, int]:
    record = now.record(key)
    return len(now.notes(key)), record["state"], record["assigned_to"], len(now.state.tables["sys_attachment"])


@pytest.mark.parametrize(("name", "fault", "write", "read"), FAULTS, ids=FAULT_IDS)
def test_a_failed_create_has_its_outcome_and_leaves_one_record(
    joined: Connect,
    now: ServiceNowStandin,
    name: str,
    fault: Fault,
    write: type[ConnectorError],
    read: type[ConnectorError],
) -> None:
    tickets = joined(now, timeout=0.4, settle=0.1)
    now.faults.script("create", fault)
    started = datetime.now(UTC)
    with pytest.raises(write) as caught:
        tickets.ensure_ticket(draft())
    since = started if isinstance(caught.value, Uncertain) else None
    ticket = tickets.ensure_ticket(draft(), uncertain_since=since)
    assert [row["number"] for row in now.records()] == [ticket.key]


@pytest.mark.parametrize(("name", "fault", "write", "read"), FAULTS, ids=FAULT_IDS)
def test_a_failed_read_has_its_outcome(
    joined: Connect,
    now: ServiceNowStandin,
    name: str,
    fault: Fault,
    write: type[ConnectorError],
    read: type[ConnectorError],
) -> None:
    now.faults.script("query", fault)
    with pytest.raises(read):
        joined(now, timeout=0.4).ensure_ticket(draft())
    assert now.records() == []


@pytest.mark.parametrize(("operation", "act"), WRITES, ids=["note", "state", "link", "assign", "attach"])
@pytest.mark.parametrize("mode", ["drop_before", "drop_after", "error_200"])
def test_an_uncertain_change_is_repeated_without_doing_it_twice(
    joined: Connect,
    now: ServiceNowStandin,
    operation: str,
    act: Callable[[ServiceNowTickets, str], object],
    mode: str,
) -> None:
    tickets = joined(now)
    key = tickets.ensure_ticket(draft()).key
    now.faults.script(operation, Fault(mode))
    with pytest.raises(Uncertain):
        act(tickets, key)
    act(tickets, key)
    once = effects(now, key)
    act(tickets, key)
    assert effects(now, key) == once
    assert max(once[0], once[3]) <= 1


def test_an_answer_that_comes_after_we_gave_up_is_found_while_settling(joined: Connect, now: ServiceNowStandin) -> None:
    tickets = joined(now, timeout=0.2, settle=1.5)
    now.faults.script("create", Fault("delay", seconds=0.5))
    started = datetime.now(UTC)
    with pytest.raises(Uncertain):
        tickets.ensure_ticket(draft())
    ticket = tickets.ensure_ticket(draft(), uncertain_since=started)
    assert [row["number"] for row in now.records()] == [ticket.key]


def test_an_error_in_200_is_not_an_empty_table(joined: Connect, now: ServiceNowStandin) -> None:
    tickets = joined(now)
    tickets.ensure_ticket(draft())
    now.faults.script("query", Fault("error_200"))
    with pytest.raises(RetrySafe):
        tickets.ensure_ticket(draft())
    assert len(now.records()) == 1


def test_names_that_cannot_be_read_do_not_cost_the_ticket(joined: Connect, now: ServiceNowStandin) -> None:
    tickets = joined(now)
    key = tickets.ensure_ticket(draft(assignee="tom.b")).key
    now.faults.script("lookup", Fault("status", status=500))
    assert tickets.ensure_ticket(draft()).key == key


@pytest.mark.parametrize(
    ("value", "least", "most"), [("7", 7, 7), ("date", 60, 120), ("", None, None), ("soon", None, None)]
)
def test_retry_after_is_read(
    joined: Connect, now: ServiceNowStandin, value: str, least: float | None, most: float | None
) -> None:
    value = http_date(seconds=120) if value == "date" else value
    now.faults.script("create", Fault("status", status=429, retry_after=value))
    with pytest.raises(RetrySafe) as caught:
        joined(now).ensure_ticket(draft())
    if least is None or most is None:
        assert caught.value.retry_after is None
    else:
        assert least <= (caught.value.retry_after or 0) <= most


def test_a_wrong_password_is_auth_blocked(joined: Connect, now: ServiceNowStandin) -> None:
    now.password = "rotated"
    with pytest.raises(AuthBlocked):
        joined(now).ensure_ticket(draft())


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_no_error_carries_the_vendors_words_or_our_credentials(
    joined: Connect, now: ServiceNowStandin, status: int
) -> None:
    now.faults.script("create", Fault("status", status=status))
    with pytest.raises(ConnectorError) as caught:
        joined(now).ensure_ticket(draft(summary="canary-summary"))
    texts = exception_texts(caught.value)
    for secret in (PASSWORD, "canary-summary", "Authorization", "errorMessages", "127.0.0.1"):
        assert secret not in texts


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text(joined: Connect, now: ServiceNowStandin, text: str) -> None:
    tickets = joined(now)
    wanted = draft(summary=text, body=text, assignee=text, group=text, watchers=(text,))
    ticket = tickets.ensure_ticket(wanted)
    tickets.add_note(ticket.key, text, marker="aa" * 8)
    tickets.attach(ticket.key, name=text, content=b"x")
    with pytest.raises(Rejected):
        tickets.assign(ticket.key, assignee=text)
    assert tickets.ensure_ticket(draft(key="77" * 16)).key != ticket.key
    assert now.ledger.count("servicenow.script_evaluated") == 0
    shown = [now.record(ticket.key)["description"], *now.notes(ticket.key)]
    assert not any("[code]" in each.lower() or "[/code]" in each.lower() for each in shown)
    assert (ticket.assignee, ticket.group) == ("", "")


@pytest.mark.parametrize(
    "value", ["a^ORactive=true", "a\nb", "javascript:gs.x", " JavaScript:x", "", "a" * 101, "a^NQb"]
)
def test_a_value_that_could_change_a_query_is_refused(value: str) -> None:
    with pytest.raises(Rejected):
        equals(user_name=value)


def test_long_texts_are_cut_by_us_and_say_so(joined: Connect, now: ServiceNowStandin) -> None:
    tickets = joined(now)
    ticket = tickets.ensure_ticket(draft(summary="s" * 1000, body="[code]" * 5000))
    record = now.record(ticket.key)
    assert record["short_description"].endswith("…")
    assert len(record["short_description"]) == 160
    assert len(record["description"]) <= 4000
    assert "the whole text is in case case-abc" in record["description"]


def test_many_threads_share_one_connector(joined: Connect, now: ServiceNowStandin) -> None:
    tickets = joined(now, timeout=10)
    keys = [f"{number:02x}" * 16 for number in range(1, 13)]
    found: dict[str, str] = {}

    def work(key: str) -> None:
        ticket = tickets.ensure_ticket(draft(key=key, summary=key))
        tickets.add_note(ticket.key, key, marker=key)
        found[key] = ticket.key

    threads = [threading.Thread(target=work, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {now.record(ticket)["short_description"]: ticket for ticket in found.values()} == found
    assert all(now.notes(found[key])[0].startswith(key) for key in keys)
