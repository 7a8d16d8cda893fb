"""The Jira connector against a Jira that we have not built: small pages, foreign words, other ways to break."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from foreign_jira import EVA, ME, ForeignJira, foreign_jira
from ticket_support import HOSTILE, draft

from activities.jira import CONNECTOR, JiraTickets
from stanch.errors import AuthBlocked, ConnectorError, Rejected, RetrySafe, Uncertain
from stanch.ports import TicketState

SPOILT = ["reset", "half", "short", "contradiction", "page", "empty", "wrong", "500", "502", "504"]


@pytest.fixture
def jira() -> Iterator[ForeignJira]:
    with foreign_jira() as server:
        yield server


def connect(jira: ForeignJira, **changes: Any) -> JiraTickets:
    section = {
        "url": jira.url,
        "email": "bot@example.com",
        "token": "t",
        "project": "A2B",
        "timeout": 0.6,
        "connect_timeout": 0.3,
        "settle": 0.1,
        "poll": 0.02,
        "resolutions": {"fixed": "Erledigt"},
    }
    made = CONNECTOR.build("jira", {**section, **changes})
    assert isinstance(made, JiraTickets)
    return made


def test_a_ticket_lives_its_whole_life(jira: ForeignJira) -> None:
    tickets = connect(jira)
    made = tickets.ensure_ticket(draft(assignee=EVA, watchers=(EVA, "nobody")))
    assert (made.key, made.state, made.assignee) == ("A2B-1", TicketState.NEW, EVA)
    assert tickets.ensure_ticket(draft()).key == made.key
    tickets.add_note(made.key, "We look at it.", marker="aa" * 8)
    tickets.ensure_link(made.key, link_id="c", url="https://stanch.example/c", title="Case")
    tickets.attach(made.key, name="evidence.json", content=b"{}")
    tickets.attach(made.key, name="evidence.json", content=b"{}")
    done = tickets.set_state(made.key, TicketState.DONE, resolution="fixed", note="Proven.")
    assert (done.state, done.resolution, done.changed_by) == (TicketState.DONE, "fixed", ME)
    again = tickets.set_state(made.key, TicketState.IN_PROGRESS)
    assert (again.state, again.resolution) == (TicketState.IN_PROGRESS, "")
    issue = jira.issue("A2B-1")
    assert (len(jira.issues), len(issue["comments"]), len(issue["links"]), len(issue["files"])) == (1, 2, 1, 1)


def test_done_without_a_resolution_is_done(jira: ForeignJira) -> None:
    tickets = connect(jira)
    key = tickets.ensure_ticket(draft()).key
    jira.moved(jira.issue(key), "6", by=EVA)
    now = tickets.get_ticket(key)
    assert (now.state, now.resolution, now.changed_by) == (TicketState.DONE, "", EVA)


def test_the_doctor_finds_nothing_wrong(jira: ForeignJira) -> None:
    checks = connect(jira, webhook_secret="s").doctor()
    assert all(check.ok for check in checks), checks


def test_who_does_not_exist_there_costs_the_assignee_only(jira: ForeignJira) -> None:
    made = connect(jira).ensure_ticket(draft(assignee="712020:left"))
    assert (made.assignee, len(jira.issues)) == ("", 1)


def test_a_note_is_found_behind_many_others(jira: ForeignJira) -> None:
    tickets = connect(jira)
    key = tickets.ensure_ticket(draft()).key
    tickets.add_note(key, "Ours.", marker="ab" * 8)
    for number in range(30):  # more than a page here gives, however many are asked for
        tickets.add_note(key, f"Another {number}", marker=f"{number:016x}")
    tickets.add_note(key, "Ours.", marker="ab" * 8)
    assert len(jira.issue(key)["comments"]) == 31


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_create_that_ends_badly_leaves_one_ticket(jira: ForeignJira, when: str, how: str) -> None:
    tickets = connect(jira)
    jira.faults["create"] = [f"{when} {how}"]
    begun = datetime.now(UTC)
    with pytest.raises(Uncertain):
        tickets.ensure_ticket(draft())
    tickets.ensure_ticket(draft(), uncertain_since=begun)
    assert len(jira.issues) == 1


@pytest.mark.parametrize("how", SPOILT)
def test_a_search_that_ends_badly_creates_nothing(jira: ForeignJira, how: str) -> None:
    jira.faults["find"] = [f"after {how}"]
    with pytest.raises(RetrySafe):
        connect(jira).ensure_ticket(draft())
    assert not jira.issues


WRITES: list[tuple[str, Callable[[JiraTickets, str], object]]] = [
    ("comment", lambda tickets, key: tickets.add_note(key, "text", marker="aa" * 8)),
    ("link", lambda tickets, key: tickets.ensure_link(key, link_id="c", url="http://127.0.0.1/c", title="Case")),
    ("attach", lambda tickets, key: tickets.attach(key, name="a.json", content=b"{}")),
    ("move", lambda tickets, key: tickets.set_state(key, TicketState.DONE, resolution="fixed")),
    ("assign", lambda tickets, key: tickets.assign(key, assignee=EVA)),
]


@pytest.mark.parametrize(("operation", "act"), WRITES, ids=[name for name, _ in WRITES])
@pytest.mark.parametrize("how", ["reset", "short", "contradiction", "502"])
def test_a_change_that_ends_badly_is_made_once(
    jira: ForeignJira, operation: str, act: Callable[[JiraTickets, str], object], how: str
) -> None:
    tickets = connect(jira)
    key = tickets.ensure_ticket(draft()).key
    jira.faults[operation] = [f"after {how}"]
    with pytest.raises(Uncertain):
        act(tickets, key)
    act(tickets, key)
    issue = jira.issue(key)
    assert max(len(issue[name]) for name in ("comments", "links", "files")) <= 1
    assert len(issue["history"]) == (2 if operation == "move" else 0)


def test_slow_down_says_how_long(jira: ForeignJira) -> None:
    jira.faults["create"] = ["before 429"]
    with pytest.raises(RetrySafe) as caught:
        connect(jira).ensure_ticket(draft())
    assert caught.value.retry_after == 17


@pytest.mark.parametrize(("status", "outcome"), [("401", AuthBlocked), ("403", AuthBlocked), ("409", Rejected)])
def test_refusals(jira: ForeignJira, status: str, outcome: type[ConnectorError]) -> None:
    jira.faults["create"] = [f"before {status}"]
    with pytest.raises(outcome):
        connect(jira).ensure_ticket(draft())


def test_an_answer_that_drips_does_not_hold_a_thread_for_long(jira: ForeignJira) -> None:
    jira.faults["create"] = ["after drip"]
    begun = time.monotonic()
    with pytest.raises(Uncertain):
        connect(jira).ensure_ticket(draft())
    assert time.monotonic() - begun < 3


def test_an_index_that_lags_behind_the_window_makes_a_second_and_ours_takes_the_oldest(jira: ForeignJira) -> None:
    tickets = connect(jira)
    jira.faults["create"], jira.hidden = ["after reset"], 1
    begun = datetime.now(UTC)
    with pytest.raises(Uncertain):
        tickets.ensure_ticket(draft())
    tickets.ensure_ticket(draft(), uncertain_since=begun)
    jira.hidden = 0
    assert [issue["key"] for issue in jira.issues] == ["A2B-1", "A2B-2"], "no connector can know better"
    assert tickets.ensure_ticket(draft()).key == "A2B-1"


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_an_attacker_is_text(jira: ForeignJira, text: str) -> None:
    connect(jira).ensure_ticket(draft(summary=text, body=text))
    given = jira.issues[0]["given"]
    assert "\n" not in given["summary"]
    kinds = {node["type"] for node in given["description"]["content"]}
    assert kinds <= {"paragraph", "codeBlock"}
