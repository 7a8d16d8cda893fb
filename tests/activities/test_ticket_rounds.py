"""The rounds between trackers and cases: polls with a watermark, notes once and few, the nightly comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from glue import CASE, EPISODE, Glue

from activities._ticket import reconcile as _ticket_reconcile
from activities._ticket import rounds as _ticket_rounds
from stanch.errors import Gone, Rejected, RetrySafe
from stanch.leases import BlockSpec, Lease, LeaseState
from stanch.ports import Ticket, TicketEvent, TicketNote, TicketState
from stanch.records import CaseRow, Entry, LeaseRow, TicketView
from stanch.wire_tickets import PollCall, ReconcileCall

NOW = datetime.now(UTC).replace(microsecond=0)
OLD = NOW - timedelta(hours=2)


class Tracker:
    """A tracker in memory that counts what it is asked."""

    def __init__(self) -> None:
        self.tickets: dict[str, Ticket] = {}
        self.events: list[TicketEvent] = []
        self.since: list[datetime] = []
        self.written: dict[str, str] = {}
        self.linked: list[str] = []
        self.said: list[TicketNote] = []
        self.error: Exception | None = None

    def get_ticket(self, key: str) -> Ticket:
        if self.error is not None:
            raise self.error
        if key not in self.tickets:
            raise Gone("nothing there")
        return self.tickets[key]

    def changed_since(self, since: datetime) -> Sequence[TicketEvent]:
        self.since.append(since)
        return self.events

    def notes(self, key: str) -> Sequence[TicketNote]:
        return self.said

    def ensure_link(self, key: str, *, link_id: str, url: str, title: str) -> None:
        self.linked.append(url)

    def add_note(self, key: str, text: str, *, marker: str) -> None:
        self.written.setdefault(marker, text)
        if self.error is not None:
            raise self.error


class Round:
    """A world with one case whose ticket is PAY-1, and what its case was told."""

    def __init__(self, glue: Glue) -> None:
        self.glue, self.world, self.tracker = glue, glue.world, Tracker()
        self.told: list[Any] = []
        self.world._built["tickets", "jira"] = self.tracker
        self.world.call = self._call  # type: ignore[method-assign]
        self.line("case.status", status="running")
        values: dict[str, Any] = {"opened": OLD, "updated": OLD, "ticket_system": "jira", "ticket_key": "PAY-1"}
        self.row = CaseRow(case_id=CASE, version=1, episode=EPISODE, state="waiting", title="t", **values)
        glue.records.put_case(self.row)
        glue.records.link_ticket(CASE, system="jira", key="PAY-1", at=OLD)
        glue.records.see_ticket(TicketView("jira", "PAY-1", CASE, OLD, ticket_id="7", state="new", version=3))
        self.ticket()

    def _call(self, work: Any) -> Any:
        """Instead of Temporal: what a coroutine closes over is what it would have sent."""
        coroutine = work(None)
        given = coroutine.cr_frame.f_locals
        coroutine.close()
        self.told.append(given.get("news") or given.get("hint"))
        if "news" in given:
            from stanch.tickets.telling import remember

            remember(self.glue.records, given["news"])
        return True

    def ticket(self, version: int = 3, **more: Any) -> None:
        given: dict[str, Any] = {"id": "7", "system": "jira", "url": "", "state": TicketState.NEW} | more
        self.tracker.tickets["PAY-1"] = Ticket("PAY-1", version=version, **given)

    def line(self, event: str, *, step: str = "", effect: str = "", actor: str = "stanch", **data: Any) -> None:
        key = f"{event}:{len(self.glue.timeline())}"
        entry = Entry(CASE, EPISODE, key, NOW, actor, event, step=step, effect=effect, data=data)
        self.glue.records.append([entry])


@pytest.fixture
def round_(tmp_path: Path) -> Iterator[Round]:
    with Glue(tmp_path, trackers={"jira": {"kind": "jira"}}) as glue:
        yield Round(glue)


def event(key: str, version: int, at: datetime) -> TicketEvent:
    return TicketEvent("jira", key, f"poll:{version}", ticket_id="7" if key == "PAY-1" else "", version=version, at=at)


def test_a_poll_brings_what_changed_and_moves_the_watermark(round_: Round) -> None:
    tracker = round_.tracker
    tracker.events = [event("PAY-1", 3, OLD), event("OTHER-1", 9, NOW - timedelta(minutes=9))]
    since = (NOW - timedelta(hours=1)).isoformat()
    reached = _ticket_rounds.poll(round_.world, PollCall(system="jira", since=since))
    assert reached == (NOW - timedelta(minutes=9)).isoformat()
    assert tracker.since[0] < NOW - timedelta(hours=1)  # it overlaps
    assert round_.told == []  # one is known already, the other is no case's
    round_.ticket(4, state=TicketState.DONE)
    tracker.events = [event("PAY-1", 4, NOW - timedelta(minutes=3))]
    for _ in range(2):
        _ticket_rounds.poll(round_.world, PollCall(system="jira", since=reached))
    assert [news.change.state for news in round_.told] == ["done"]


def test_a_time_from_the_future_or_none_at_all_leaves_the_watermark_sane(round_: Round) -> None:
    since = (NOW - timedelta(hours=1)).isoformat()
    assert _ticket_rounds.poll(round_.world, PollCall(system="jira", since=since)) == since
    round_.tracker.events = [event("OTHER-1", 9, NOW + timedelta(days=400))]
    reached = datetime.fromisoformat(_ticket_rounds.poll(round_.world, PollCall(system="jira", since=since)))
    assert NOW <= reached <= datetime.now(UTC) + timedelta(minutes=5)


def test_a_ticket_that_cannot_be_read_holds_up_neither_others_nor_the_watermark(round_: Round) -> None:
    round_.tracker.error = RetrySafe("Jira did not answer")
    round_.tracker.events = [event("PAY-1", 8, NOW - timedelta(minutes=2))]
    reached = _ticket_rounds.poll(round_.world, PollCall(system="jira"))
    assert reached == (NOW - timedelta(minutes=2)).isoformat()
    assert [hint.key for hint in round_.told] == ["PAY-1"]  # looked at later, by a workflow of its own


def test_several_lines_are_one_note_and_each_is_written_once(round_: Round) -> None:
    spec = BlockSpec(host="api.example.com", path="/orders/**", methods=("GET",))
    given: dict[str, Any] = {"lease_id": "l1", "case_id": CASE, "episode": EPISODE, "step": "block", "point": "edge"}
    lease = Lease(**given, target="t", spec=spec, expires_at=NOW + timedelta(hours=4))
    round_.glue.records.put_lease(LeaseRow(lease, LeaseState.HELD, NOW))
    vote = {"accepted": True, "principal": "user:maria", "verdict": "approve", "reason": "[click](http://x) fine"}
    round_.line("approval.vote", step="ok", **vote)
    round_.line("approval.vote", step="ok", accepted=False, principal="user:eve", verdict="approve")
    round_.line("point.hold.outcome", step="block", effect="l1:hold", outcome="CONFIRMED", point="edge")
    round_.line("probe.expect_blocked.outcome", step="block", ok=True, outcome="CONFIRMED")
    round_.line("probe.expect_blocked.outcome", step="deny", outcome="REJECTED", reason="it got 200")
    assert _ticket_rounds.tell_tickets(round_.world) == 1
    (text,) = round_.tracker.written.values()
    assert "GET api.example.com/orders/** until" in text
    assert "as it should be" in text
    assert "not shown, it got 200 (deny)" in text
    assert "user:eve" not in text
    assert round_.tracker.linked == [f"{round_.world.settings.public_url}/cases/{CASE}"]
    assert _ticket_rounds.tell_tickets(round_.world) == 0
    round_.line("lease.ended", lease_id="l1", state="expired")
    assert _ticket_rounds.tell_tickets(round_.world) == 1
    assert "ended by itself: GET api.example.com/orders/**" in list(round_.tracker.written.values())[1]
    assert len(round_.tracker.linked) == 1


def test_a_note_whose_fate_is_unknown_is_tried_again_as_the_same_note(round_: Round) -> None:
    round_.line("finding.rescanned", clean=True)
    round_.tracker.error = RetrySafe("Jira did not answer")
    assert _ticket_rounds.tell_tickets(round_.world) == 0
    round_.line("case.put_away", actor="user:tom", until="2027-01-01T00:00:00Z", **{"as": "duplicate"})
    assert _ticket_rounds.tell_tickets(round_.world) == 0  # it is left alone for a while
    round_.tracker.error = None
    view = round_.glue.records.ticket_view("jira", key="PAY-1")
    assert view is not None
    round_.glue.records.see_ticket(replace(view, at=OLD))
    assert _ticket_rounds.tell_tickets(round_.world) == 1
    assert len(round_.tracker.written) == 1
    assert _ticket_rounds.tell_tickets(round_.world) == 1
    assert "Put away as duplicate until 2027-01-01" in list(round_.tracker.written.values())[1]


def test_a_tracker_that_says_no_is_not_asked_again_and_the_ledger_says_so(round_: Round) -> None:
    round_.line("finding.rescanned", clean=True)
    round_.tracker.error = Rejected("closed tickets take no notes")
    _ticket_rounds.tell_tickets(round_.world)
    _ticket_rounds.tell_tickets(round_.world)
    assert round_.glue.events().count("ticket.not_told") == 1


def compared(round_: Round, **more: Any) -> list[tuple[str, str]]:
    page = _ticket_reconcile.reconcile(round_.world, ReconcileCall(**more))
    assert page.next is None
    return [(each.what, each.done) for each in page.differences]


def test_the_comparison_names_and_repairs_what_was_missed(round_: Round) -> None:
    assert compared(round_) == []
    round_.ticket(6, state=TicketState.DONE, resolution="fixed", assignee="tom.b")
    found = compared(round_, dry_run=True)
    assert found == [(what, "would be repaired") for what in ("state", "resolution", "assignee")]
    assert round_.told == []
    assert compared(round_) == [(what, "repaired") for what, _ in found]
    assert round_.told[0].change.state == "done"
    assert compared(round_) == []
    assert round_.glue.records.count_differences({})["state"] == 1


def test_what_cannot_be_read_or_is_no_ones_to_decide_is_reported(round_: Round) -> None:
    round_.tracker.error = RetrySafe("Jira did not answer")
    assert compared(round_) == [("unread", "reported")]
    round_.tracker.error = None
    round_.glue.records.put_case(replace(round_.row, version=2, state="closed", closed=NOW))
    assert compared(round_) == [("open", "reported")]
    round_.glue.records.put_case(replace(round_.row, case_id="case-bare", playbook="p", ticket_key=""))
    assert ("missing", "reported") in compared(round_)
    round_.tracker.tickets.clear()
    assert ("gone", "repaired") in compared(round_)


def test_old_ends_are_not_compared_any_more(round_: Round) -> None:
    ended = replace(round_.row, version=2, state="closed", closed=NOW - timedelta(days=15))
    round_.glue.records.put_case(ended)
    assert _ticket_reconcile.reconcile(round_.world, ReconcileCall()).compared == 0
