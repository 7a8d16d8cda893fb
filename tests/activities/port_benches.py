"""The five trackers that the tests of the port run against, each with a way to look behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from jira_support import connect as connect_jira
from servicenow_support import connect as connect_now

from activities.board import BoardTickets
from stanch.ports import TicketPort, TicketState
from stanch.records import Records
from stanch.sandbox.jira import DONE, JiraStandin
from stanch.sandbox.servicenow import ServiceNowStandin


@dataclass(frozen=True)
class Bench:
    """A tracker.

    Args:
        tickets: the port under test.
        again: another connector for the same tracker, as another worker has.
        count: tickets that stand in it.
        notes, files: how many a ticket has, and the names of what is attached.
        finish, give: a person closes a ticket, or takes it over.
        due: when it is to be done, as the tracker keeps it.
    """

    tickets: TicketPort
    again: TicketPort
    count: Callable[[], int]
    notes: Callable[[str], int]
    files: Callable[[str], Sequence[str]]
    finish: Callable[[str], object]
    give: Callable[[str], object]
    due: Callable[[str], str]


NAMES = ("jira cloud", "jira data center", "servicenow requests", "servicenow pysnow", "board")


@contextmanager
def bench(name: str, folder: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        if name.startswith("jira"):
            yield of_jira(stack.enter_context(JiraStandin(cloud=name.endswith("cloud"))))
        elif name.startswith("servicenow"):
            yield of_now(stack.enter_context(ServiceNowStandin()), name.split()[1])
        else:
            records = Records(f"sqlite:///{folder}/board.db", b"k" * 16)
            stack.callback(records.close)
            yield of_board(records)


def of_jira(jira: JiraStandin) -> Bench:
    return Bench(
        tickets=connect_jira(jira),
        again=connect_jira(jira),
        count=lambda: len(jira.issues()),
        notes=lambda key: len(jira.issue(key).comments),
        files=lambda key: [each["filename"] for each in jira.issue(key).attachments],
        finish=lambda key: jira.transition(key, to=DONE, by="tom.b"),
        give=lambda key: jira.reassign(key, to="maria.k", by="tom.b"),
        due=lambda key: jira.issue(key).fields["duedate"],
    )


def of_now(now: ServiceNowStandin, transport: str) -> Bench:
    def finish(key: str) -> None:
        now.update("incident", now.record(key), {"state": "6", "close_code": "x", "close_notes": "x"}, by="tom.b")

    def give(key: str) -> None:
        now.update("incident", now.record(key), {"assigned_to": now.state.user("maria.k")}, by="tom.b")

    return Bench(
        tickets=connect_now(now, transport=transport),
        again=connect_now(now, transport=transport),
        count=lambda: len(now.records()),
        notes=lambda key: len(now.notes(key)),
        files=lambda key: [row["file_name"] for row in now.state.tables["sys_attachment"].values()],
        finish=finish,
        give=give,
        due=lambda key: now.record(key)["due_date"].split()[0],
    )


def of_board(records: Records) -> Bench:
    from datetime import UTC, datetime

    tickets = BoardTickets(records, "http://127.0.0.1:8000")

    def finish(key: str) -> None:
        records.board_move(key, TicketState.DONE, by="tom.b", at=datetime.now(UTC))

    def give(key: str) -> None:
        records.board_assign(key, assignee="maria.k", by="tom.b", at=datetime.now(UTC))

    return Bench(
        tickets=tickets,
        again=BoardTickets(records, "http://127.0.0.1:8000"),
        count=lambda: len(records.board_tickets()),
        notes=lambda key: len(records.board_ticket(key).notes),
        files=lambda key: [name for name, _ in records.board_ticket(key).files],
        finish=finish,
        give=give,
        due=lambda key: str(records.board_ticket(key).due)[:10],
    )
