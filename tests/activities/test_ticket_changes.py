"""What others have changed at our tickets, asked of stand-ins through the real client libraries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from jira_support import connect as connect_jira
from servicenow_support import PASSWORD
from servicenow_support import connect as connect_now
from ticket_support import draft

from activities._jira.changes import plain
from activities._servicenow import changes as _servicenow_changes
from activities.board import BoardTickets
from stanch.errors import Gone
from stanch.ports import TicketState
from stanch.records import BoardNote, Records
from stanch.sandbox.jira import JiraStandin
from stanch.sandbox.servicenow import ServiceNowStandin

OLD = datetime.now(UTC) - timedelta(minutes=3)


@pytest.fixture(scope="module", params=["cloud", "server"])
def jira(request: pytest.FixtureRequest) -> Iterator[JiraStandin]:
    with JiraStandin(cloud=request.param == "cloud") as standin:
        yield standin


@pytest.fixture(scope="module")
def now() -> Iterator[ServiceNowStandin]:
    with ServiceNowStandin(password=PASSWORD) as standin:
        yield standin


def test_jira_names_what_changed_and_what_people_wrote(jira: JiraStandin) -> None:
    tickets = connect_jira(jira)
    made = tickets.ensure_ticket(draft(labels=("stanch",)))
    tickets.add_note(made.key, "from us", marker="ab" * 8)
    jira.comment(made.key, "who <b>did</b> this?\nsecond line", by="maria.k")
    (event,) = [event for event in tickets.changed_since(OLD) if event.ticket_key == made.key]
    assert (event.ticket_id, event.system) == (made.id, "jira")
    assert event.version >= made.version > 0
    assert event.at is not None
    assert event.at >= OLD
    (note,) = tickets.notes(made.key)
    assert (note.author, note.text) == ("maria.k", "who <b>did</b> this?\nsecond line")
    assert tickets.get_ticket(made.key).version > made.version
    with pytest.raises(Gone):
        tickets.get_ticket("MOBP-4711")


def test_who_answers_by_quoting_us_is_heard(jira: JiraStandin, now: ServiceNowStandin) -> None:
    ours, answer = f"from us [stanch {'ab' * 8}]", "> from us [stanch abababababababab]\nyes, done"
    tickets = connect_jira(jira)
    made = tickets.ensure_ticket(draft(key="7e" * 16, labels=("stanch",)))
    tickets.add_note(made.key, ours, marker="ab" * 8)
    jira.comment(made.key, answer, by="maria.k")
    assert [note.text for note in tickets.notes(made.key)] == [answer]
    records = connect_now(now)
    made = records.ensure_ticket(draft(key=("7f" if jira.cloud else "8f") * 16))
    records.add_note(made.key, ours, marker="ab" * 8)
    now.comment(made.key, answer, by="maria.k")
    assert [note.text for note in records.notes(made.key)] == [answer]


def test_many_changes_come_page_by_page(jira: JiraStandin) -> None:
    tickets = connect_jira(jira)
    made = {
        tickets.ensure_ticket(draft(key=f"{number:032x}", labels=("stanch",))).key for number in range(0x100, 0x139)
    }
    assert made <= {event.ticket_key for event in tickets.changed_since(OLD)}


def test_servicenow_names_what_changed_and_what_people_wrote(now: ServiceNowStandin) -> None:
    tickets = connect_now(now)
    made = tickets.ensure_ticket(draft())
    assert (made.version, tickets.notes(made.key)) == (1, [])
    tickets.add_note(made.key, "from us", marker="ab" * 8)
    now.comment(made.key, "is it done?", by="maria.k")
    now.resolve(made.key, by="maria.k")
    (event,) = [event for event in tickets.changed_since(OLD) if event.ticket_key == made.key]
    assert (event.ticket_id, event.actor) == (made.id, "maria.k")
    assert event.version > made.version
    assert [(note.author, note.text) for note in tickets.notes(made.key)] == [("maria.k", "is it done?")]
    assert tickets.get_ticket(made.key).state is TicketState.DONE
    assert tickets.changed_since(datetime.now(UTC) + timedelta(minutes=1)) == []
    with pytest.raises(Gone):
        tickets.get_ticket("INC9999999")


def test_a_closed_journal_is_read_as_it_is_displayed(now: ServiceNowStandin, monkeypatch: pytest.MonkeyPatch) -> None:
    tickets = connect_now(now)
    made = tickets.ensure_ticket(draft(key="6f" * 16))
    monkeypatch.setattr(_servicenow_changes, "_from_journal", lambda *_: [])
    assert tickets.notes(made.key) == []
    now.comment(made.key, "first\n\nwith a gap", by="maria.k")
    tickets.add_note(made.key, "from us", marker="ab" * 8)
    now.comment(made.key, "second", by="tom.b")
    found = tickets.notes(made.key)
    assert [(note.author, note.text) for note in found] == [("maria.k", "first\n\nwith a gap"), ("tom.b", "second")]
    assert len({note.id for note in found}) == 2


def test_a_document_gives_its_words_and_nothing_else() -> None:
    mention = {"type": "mention", "attrs": {"text": "@tom"}}
    line = {"type": "paragraph", "content": [{"type": "text", "text": "ask "}, mention, {"type": "hardBreak"}]}
    assert plain({"type": "doc", "content": [line, {"type": "rule"}, "no node", None]}) == "ask @tom"
    deep: dict[str, object] = {"type": "text", "text": "x"}
    for _ in range(500):
        deep = {"type": "panel", "content": [deep]}
    assert plain(deep) == ""
    assert plain(None) == ""


def test_the_board_has_notes_and_no_polls(tmp_path: object) -> None:
    records = Records(f"sqlite:///{tmp_path}/records.db", b"k" * 32)
    board = BoardTickets(records, "http://127.0.0.1")
    made = board.ensure_ticket(draft())
    board.add_note(made.key, "from us", marker="ab" * 8)
    records.board_note(made.key, BoardNote("m1", "from Tom", "user:tom", OLD))
    assert [note.text for note in board.notes(made.key)] == ["from Tom"]
    assert board.changed_since(OLD) == []
    with pytest.raises(Gone):
        board.get_ticket("BOARD-99")
    records.close()
