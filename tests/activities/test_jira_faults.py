"""Every way in which Jira misbehaves ends in the right outcome, and never in a second ticket."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from jira_support import TOKEN, connect
from spec_contract import obeying
from ticket_support import FAULT_IDS, FAULTS, HOSTILE, draft, exception_texts, http_date

from activities._outcomes import RETRY_AFTER_CAP
from activities.jira import JiraTickets
from stanch.errors import AuthBlocked, ConnectorError, Rejected, RetrySafe, Uncertain
from stanch.ports import TicketState
from stanch.sandbox._server import Fault
from stanch.sandbox.jira import DONE, CustomField, JiraStandin


@pytest.fixture(scope="module", params=["cloud", "server"])
def shared(request: pytest.FixtureRequest) -> Iterator[JiraStandin]:
    with JiraStandin(cloud=request.param == "cloud") as standin:
        yield standin


@pytest.fixture
def jira(shared: JiraStandin) -> Iterator[JiraStandin]:
    shared.reset()
    with obeying(shared, once=True) if shared.cloud else nullcontext():
        yield shared


WRITES: list[tuple[str, Callable[[JiraTickets, str], object]]] = [
    ("comment", lambda tickets, key: tickets.add_note(key, "text", marker="aa" * 8)),
    ("transition", lambda tickets, key: tickets.set_state(key, TicketState.DONE)),
    ("link", lambda tickets, key: tickets.ensure_link(key, link_id="c", url="http://127.0.0.1/c", title="Case")),
    ("attach", lambda tickets, key: tickets.attach(key, name="a.json", content=b"{}")),
    ("assign", lambda tickets, key: tickets.assign(key, assignee="tom.b")),
]


def effects(jira: JiraStandin, key: str) -> tuple[int, str, int, int, str]:
    """What stands in the tracker after everything."""
    issue = jira.issue(key)
    return len(issue.comments), issue.status.category, len(issue.links), len(issue.attachments), issue.assignee


@pytest.mark.parametrize(("name", "fault", "write", "read"), FAULTS, ids=FAULT_IDS)
def test_a_failed_create_has_its_outcome_and_leaves_one_ticket(
    jira: JiraStandin, name: str, fault: Fault, write: type[ConnectorError], read: type[ConnectorError]
) -> None:
    tickets = connect(jira, timeout=0.4, settle=0.2)
    jira.faults.script("create", fault)
    started = datetime.now(UTC)
    with pytest.raises(write) as caught:
        tickets.ensure_ticket(draft())
    assert type(caught.value).outcome == write.outcome
    since = started if isinstance(caught.value, Uncertain) else None
    ticket = tickets.ensure_ticket(draft(), uncertain_since=since)
    assert [issue.key for issue in jira.issues()] == [ticket.key]


@pytest.mark.parametrize(("name", "fault", "write", "read"), FAULTS, ids=FAULT_IDS)
def test_a_failed_read_has_its_outcome(
    jira: JiraStandin, name: str, fault: Fault, write: type[ConnectorError], read: type[ConnectorError]
) -> None:
    tickets = connect(jira, timeout=0.4)
    jira.faults.script("search", fault)
    with pytest.raises(read):
        tickets.ensure_ticket(draft())
    assert jira.issues() == []


@pytest.mark.parametrize(("operation", "act"), WRITES, ids=[name for name, _ in WRITES])
@pytest.mark.parametrize("mode", ["drop_before", "drop_after"])
def test_an_uncertain_change_is_repeated_without_doing_it_twice(
    jira: JiraStandin, operation: str, act: Callable[[JiraTickets, str], object], mode: str
) -> None:
    tickets = connect(jira)
    key = tickets.ensure_ticket(draft()).key
    jira.faults.script(operation, Fault(mode))
    with pytest.raises(Uncertain):
        act(tickets, key)
    act(tickets, key)
    once = effects(jira, key)
    act(tickets, key)
    assert effects(jira, key) == once
    assert max(once[0], once[2], once[3]) <= 1


def test_an_answer_that_comes_after_we_gave_up_is_found_while_settling(jira: JiraStandin) -> None:
    tickets = connect(jira, timeout=0.2, settle=1.5)
    jira.faults.script("create", Fault("delay", seconds=0.6))
    started = datetime.now(UTC)
    with pytest.raises(Uncertain):
        tickets.ensure_ticket(draft())
    ticket = tickets.ensure_ticket(draft(), uncertain_since=started)
    assert [issue.key for issue in jira.issues()] == [ticket.key]


def test_a_lagging_index_is_waited_for(jira: JiraStandin) -> None:
    tickets = connect(jira, timeout=1.0, settle=1.0)
    jira.index_lag = 0.5
    jira.faults.script("create", Fault("drop_after"))
    started = datetime.now(UTC)
    with pytest.raises(Uncertain):
        tickets.ensure_ticket(draft())
    ticket = tickets.ensure_ticket(draft(), uncertain_since=started)
    assert [issue.key for issue in jira.issues()] == [ticket.key]


def test_settling_ends(jira: JiraStandin) -> None:
    begun = time.monotonic()
    short = connect(jira, timeout=0.2, connect_timeout=0.1, settle=0.3)
    short.ensure_ticket(draft(), uncertain_since=datetime.now(UTC))
    assert 0.6 <= time.monotonic() - begun < 3
    begun = time.monotonic()
    later = datetime.now(UTC) - timedelta(hours=1)
    connect(jira, settle=5).ensure_ticket(draft(key="bb" * 16), uncertain_since=later)
    assert time.monotonic() - begun < 2
    assert len(jira.issues()) == 2


def test_a_failed_read_after_the_create_is_no_failed_create(jira: JiraStandin) -> None:
    jira.faults.script("get", Fault("status", status=500))
    ticket = connect(jira).ensure_ticket(draft())
    assert (ticket.key, ticket.state) == (jira.issues()[0].key, TicketState.NEW)


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("7", 7, 7),
        ("0", 0, 0),
        ("-5", 0, 0),
        ("999999", RETRY_AFTER_CAP, RETRY_AFTER_CAP),
        ("+120", 60, 120),
        ("+-60", 0, 0),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(jira: JiraStandin, value: str, least: float, most: float) -> None:
    value = http_date(seconds=float(value[1:])) if value.startswith("+") else value
    jira.faults.script("create", Fault("status", status=429, retry_after=value))
    with pytest.raises(RetrySafe) as caught:
        connect(jira).ensure_ticket(draft())
    assert caught.value.retry_after is not None
    assert least <= caught.value.retry_after <= most


@pytest.mark.parametrize("value", ["", "soon", "nan"])
def test_an_unreadable_retry_after_is_none(jira: JiraStandin, value: str) -> None:
    jira.faults.script("create", Fault("status", status=429, retry_after=value))
    with pytest.raises(RetrySafe) as caught:
        connect(jira).ensure_ticket(draft())
    assert caught.value.retry_after is None


def test_a_tracker_that_is_not_there_was_not_written_to() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        tickets = connect(JiraStandin(), url=f"http://127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(RetrySafe, match="cannot be reached"):
            tickets.ensure_link("MOBP-1", link_id="c", url="http://127.0.0.1/c", title="Case")


def test_a_revoked_token_is_auth_blocked(jira: JiraStandin) -> None:
    tickets = connect(jira)
    jira.token = "another"
    with pytest.raises(AuthBlocked):
        tickets.ensure_ticket(draft())


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_no_error_carries_the_vendors_words_or_our_credentials(jira: JiraStandin, status: int) -> None:
    if status == 400:
        jira.state.custom_fields = [CustomField("customfield_10010", "Team")]
    else:
        jira.faults.script("create", Fault("status", status=status))
    with pytest.raises(ConnectorError) as caught:
        connect(jira).ensure_ticket(draft(summary="canary-summary"))
    texts = exception_texts(caught.value)
    for secret in (TOKEN, "canary-summary", "Authorization", "errorMessages", "headers"):
        assert secret not in texts


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text(jira: JiraStandin, text: str) -> None:
    tickets = connect(jira)
    ticket = tickets.ensure_ticket(draft(summary=text, body=text, labels=(text,), case_id="case-1"))
    tickets.add_note(ticket.key, text, marker="aa" * 8)
    tickets.ensure_link(ticket.key, link_id=text, url="http://127.0.0.1/c", title=text)
    tickets.attach(ticket.key, name=text, content=b"x")
    assert tickets.ensure_ticket(draft(key="77" * 16)).key != ticket.key
    with pytest.raises(Rejected):
        tickets.get_ticket(text)
    assert len(jira.issues()) == 2


def test_long_texts_are_cut_where_jira_would_refuse(jira: JiraStandin) -> None:
    tickets = connect(jira)
    ticket = tickets.ensure_ticket(draft(summary="s" * 1000, body="{x} \n\n" * 20_000))
    tickets.add_note(ticket.key, "n" * 100_000, marker="aa" * 8)
    issue = jira.issue(ticket.key)
    assert len(issue.fields["summary"]) == 255
    assert "the whole text is in case case-abc" in str(issue.fields["description"])
    tickets.add_note(ticket.key, "n" * 100_000, marker="aa" * 8)
    assert len(issue.comments) == 1


def test_many_threads_share_one_connector(jira: JiraStandin) -> None:
    tickets = connect(jira, timeout=10)
    keys = [f"{number:02x}" * 16 for number in range(1, 13)]
    found: dict[str, str] = {}

    def work(key: str) -> None:
        ticket = tickets.ensure_ticket(draft(key=key, summary=key))
        tickets.set_state(ticket.key, TicketState.DONE)
        found[key] = ticket.key

    threads = [threading.Thread(target=work, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {jira.issue(ticket).fields["summary"]: ticket for ticket in found.values()} == found
    assert all(issue.status == DONE for issue in jira.issues())
