"""What every tracker does the same: the port's promises, against each implementation and transport."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from port_benches import NAMES, Bench, bench
from servicenow_support import needs_pysnow
from ticket_support import HOSTILE, KEY, draft

from stanch.errors import Rejected
from stanch.ports import Swept, TicketState

PARAMS = [pytest.param(name, marks=needs_pysnow) if name.endswith("pysnow") else name for name in NAMES]


@pytest.fixture(params=PARAMS)
def on(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    with bench(request.param, tmp_path) as found:
        yield found


def test_a_key_has_one_ticket_whoever_asks(on: Bench) -> None:
    first = on.tickets.ensure_ticket(draft(assignee="tom.b"))
    later = datetime.now(UTC) - timedelta(hours=1)
    same = {on.tickets.ensure_ticket(draft()).key, on.again.ensure_ticket(draft(), uncertain_since=later).key}
    assert same == {first.key}
    assert (first.state, first.assignee, on.count()) == (TicketState.NEW, "tom.b", 1)
    assert on.tickets.ensure_ticket(draft(key="77" * 16)).key != first.key
    assert on.again.get_ticket(first.key).id == first.id


def test_a_ticket_goes_through_its_states_and_says_each_thing_once(on: Bench) -> None:
    key = on.tickets.ensure_ticket(draft()).key
    for _ in range(2):
        assert on.tickets.set_state(key, TicketState.IN_PROGRESS).state is TicketState.IN_PROGRESS
        done = on.tickets.set_state(key, TicketState.DONE, resolution="false_positive", note="It was a test.")
        assert (done.state, done.resolution) == (TicketState.DONE, "false_positive")
        assert on.notes(key) == 1
        on.tickets.set_state(key, TicketState.IN_PROGRESS)


def test_what_a_person_did_stands(on: Bench) -> None:
    key = on.tickets.ensure_ticket(draft(assignee="tom.b")).key
    on.give(key)
    on.finish(key)
    again = on.again.ensure_ticket(draft(assignee="tom.b"))
    assert (again.key, again.assignee, again.state) == (key, "maria.k", TicketState.DONE)


def test_notes_links_and_files_are_there_once(on: Bench) -> None:
    key = on.tickets.ensure_ticket(draft()).key
    for port in (on.tickets, on.again):
        port.add_note(key, "The block stands.", marker="aa" * 8)
        port.ensure_link(key, link_id="case-1", url="http://127.0.0.1/cases/1", title="Case")
        port.attach(key, name="evidence.json", content=b'{"a": 1}')
    assert on.notes(key) in (1, 2)  # a tracker without links writes a note
    assert len(on.files(key)) == 1
    assert on.files(key)[0].startswith("evidence-")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_are_words(on: Bench, text: str) -> None:
    ticket = on.tickets.ensure_ticket(draft(summary=text, body=text, labels=(text,)))
    on.tickets.add_note(ticket.key, text, marker="ab" * 8)
    on.tickets.attach(ticket.key, name=text, content=b"x")
    assert on.again.ensure_ticket(draft()).key == ticket.key
    for lie in (text, f"{ticket.key}\n", f"{ticket.key}/../1", ""):
        with pytest.raises(Rejected):
            on.tickets.get_ticket(lie)


def test_a_link_leads_to_a_page(on: Bench) -> None:
    key = on.tickets.ensure_ticket(draft()).key
    for url in ("javascript:alert(1)", "data:text/html,x", "//elsewhere.example", ""):
        with pytest.raises(Rejected):
            on.tickets.ensure_link(key, link_id="x", url=url, title="Case")


def test_nothing_is_attached_that_is_too_large_or_nothing(on: Bench) -> None:
    key = on.tickets.ensure_ticket(draft()).key
    for content in (b"", b"x" * (5 * 1024 * 1024 + 1)):
        with pytest.raises(Rejected):
            on.tickets.attach(key, name="a", content=content)
    assert list(on.files(key)) == []


def test_the_deadline_of_the_lane_is_the_tickets(on: Bench) -> None:
    due = datetime(2026, 3, 1, 23, 30, tzinfo=UTC).astimezone()
    key = on.tickets.ensure_ticket(draft(due=due)).key
    assert on.due(key) == "2026-03-01"


def test_there_is_nothing_to_sweep_where_there_is_one(on: Bench) -> None:
    key = on.tickets.ensure_ticket(draft()).key
    assert on.tickets.sweep(KEY, keep=key) == Swept(kept=key)
    assert on.count() == 1


def test_doctor_speaks(on: Bench) -> None:
    checks = on.tickets.doctor()
    assert checks
    assert all(check.ok or check.fix for check in checks)
