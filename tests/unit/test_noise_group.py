"""The group as a pure state machine: whatever members say, in whatever order, there is one ticket and one end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from stanch.canonical import canonical
from stanch.contract import TicketChange
from stanch.noise.group import DONE, GroupState, Phase, begin, gone, hear
from stanch.noise.group_words import changed
from stanch.noise.group_work import is_over, next_due, outcome, work
from stanch.noise.words import GroupRef, GroupTell, Rung
from stanch.views import ApiView, FindingView, OwnerView, RouteView

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
REF = GroupRef(group_id="group-x", grouping="same-kind", by=(("owner", "team:payments"),), wait=120, max=1000)
ROUTE = RouteView(owner=OwnerView(id="team:payments", lead="user:tom"), assignee="user:maria", rule="payments-api")
LADDER = (Rung(key="1", at=START + timedelta(days=3), to=("user:tom",)),)


def joins(name: str, *, round: int = 0, to: tuple[str, ...] = ("team:payments",), **more: Any) -> GroupTell:
    finding = FindingView(title=f"Header missing {name}", api=ApiView(host="api.example.com", path=f"/{name}"))
    return GroupTell(
        kind="join", ref=REF, case_id=name, round=round, to=to, finding=finding, route=ROUTE, ladder=LADDER, **more
    )


def done(name: str, *, round: int = 0, how: str = "fixed") -> GroupTell:
    return GroupTell(kind="done", ref=REF, case_id=name, round=round, how=how)


def settle(state: GroupState, now: datetime, log: list[str]) -> None:
    """Carry out everything that is due, well."""
    while commands := work(state, now):
        for command in commands:
            log.append(command.action)
            outputs = {"key": "PAY-1", "state": "new", "ref": "1.1", "delivered": True}
            if command.action == "ticket.create":
                state.case.ticket.key, state.case.ticket.state = "PAY-1", "new"
            elif command.action == "ticket.close":
                state.case.ticket.state = DONE
            elif command.action == "ticket.reopen":
                state.case.ticket.state = "in_progress"
            outcome(state, command.ref, outputs, now)


def test_671_findings_make_one_ticket_one_message_and_one_end() -> None:
    state, log, now = begin("group-x", "e1"), list[str](), START
    for number in range(671):
        hear(state, joins(f"case-{number}"), now)
        settle(state, now, log)
        now += timedelta(seconds=1)
    now += timedelta(minutes=2)
    settle(state, now, log)
    assert (log.count("ticket.create"), log.count("chat.message")) == (1, 1)
    assert log.count("ticket.comment") <= 671 // 60 + 1, "at most one a minute"
    for number in range(671):
        assert log.count("ticket.close") == 0
        hear(state, done(f"case-{number}"), now)
        settle(state, now, log)
    assert log.count("ticket.close") == 1
    assert state.phase is Phase.CLOSED
    assert len(canonical(state.model_dump(mode="json"))) < 100_000, "it is carried over continue-as-new"


def test_what_is_carried_over_is_what_was() -> None:
    state, log = begin("group-x", "e1"), list[str]()
    hear(state, joins("case-1"), START)
    settle(state, START + timedelta(minutes=3), log)
    again = GroupState.model_validate(state.model_dump(mode="json"))
    assert again == state
    assert next_due(again) == LADDER[0].at


def test_a_word_of_an_earlier_round_undoes_nothing() -> None:
    state = begin("group-x", "e1")
    hear(state, joins("case-1"), START)
    hear(state, done("case-1"), START)
    hear(state, joins("case-1", round=1), START)
    hear(state, done("case-1"), START)
    assert state.open_members == 1


def test_an_urgent_member_ends_the_wait() -> None:
    state, log = begin("group-x", "e1"), list[str]()
    hear(state, joins("case-1"), START)
    assert work(state, START) == []
    hear(state, joins("case-2", urgent=True), START)
    settle(state, START, log)
    assert log == ["ticket.create", "chat.message"]


def test_members_that_are_fixed_while_it_waits_open_no_ticket() -> None:
    state, log = begin("group-x", "e1"), list[str]()
    hear(state, joins("case-1"), START)
    hear(state, done("case-1"), START)
    settle(state, START + timedelta(minutes=3), log)
    assert log == []
    assert is_over(state, START + timedelta(days=8))


def test_a_person_is_told_at_most_twice_a_day() -> None:
    state, log, now = begin("group-x", "e1"), list[str](), START
    hear(state, joins("case-1"), now)
    for _ in range(48):
        now += timedelta(hours=1)
        hear(state, GroupTell(kind="say", ref=REF, case_id="case-1", to=("team:payments",)), now)
        settle(state, now, log)
    assert log.count("chat.message") <= 5


def test_the_ladder_speaks_once_for_all_members() -> None:
    state, log, now = begin("group-x", "e1"), list[str](), START
    for number in range(10):
        hear(state, joins(f"case-{number}"), now)
    settle(state, now + timedelta(minutes=3), log)
    settle(state, now + timedelta(days=4), log)
    assert log.count("chat.message") == 2


def test_cases_that_are_gone_keep_no_group_open() -> None:
    state, log = begin("group-x", "e1"), list[str]()
    hear(state, joins("case-1"), START)
    settle(state, START + timedelta(minutes=3), log)
    gone(state, ["case-1"])
    settle(state, START + timedelta(minutes=3), log)
    assert log[-1] == "ticket.close"


def test_a_group_without_a_ticket_has_nothing_to_note_and_comes_to_rest() -> None:
    state, now = begin("group-x", "e1"), START + timedelta(minutes=3)
    hear(state, joins("case-1"), START)
    (command,) = work(state, now)
    outcome(state, command.ref, None, now, why="turned away")
    settle(state, now, [])
    hear(state, joins("case-2"), now)
    settle(state, now + timedelta(days=4), [])
    assert next_due(state) is None


class Members(RuleBasedStateMachine):
    """Any words in any order, each perhaps twice, and a person at the tracker."""

    def __init__(self) -> None:
        super().__init__()
        self.state, self.now, self.log = begin("group-x", "e1"), START, list[str]()
        self.rounds: dict[str, int] = {}
        self.open: set[str] = set()
        self.events = 0

    @rule(number=st.integers(0, 5), twice=st.booleans())
    def join(self, number: int, twice: bool) -> None:
        name = f"case-{number}"
        if name not in self.open:
            self.rounds[name] = self.rounds.get(name, -1) + 1
        self.open.add(name)
        for _ in range(1 + twice):
            hear(self.state, joins(name, round=self.rounds[name]), self.now)

    @rule(number=st.integers(0, 5), twice=st.booleans(), how=st.sampled_from(["fixed", "false_positive"]))
    def end(self, number: int, twice: bool, how: str) -> None:
        name = f"case-{number}"
        if name in self.open:
            self.open.discard(name)
            for _ in range(1 + twice):
                hear(self.state, done(name, round=self.rounds[name], how=how), self.now)

    @rule(number=st.integers(0, 5))
    def old_word(self, number: int) -> None:
        name = f"case-{number}"
        if self.rounds.get(name, 0) > 0:
            hear(self.state, done(name, round=self.rounds[name] - 1), self.now)

    @rule(minutes=st.integers(0, 200))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        settle(self.state, self.now, self.log)
        following = next_due(self.state)
        assert following is None or following > self.now, "nothing that is due is left undone"

    @rule(what=st.sampled_from(["new", "in_progress", "done"]))
    def tracker(self, what: str) -> None:
        self.events += 1
        if self.state.case.ticket.key:
            change = TicketChange(event_id=f"t{self.events}", key="PAY-1", state=what, by="user:tom")
            changed(self.state, change, self.now, is_new=lambda _: True)
            self.state.posts.clear()

    @invariant()
    def one_ticket(self) -> None:
        assert self.log.count("ticket.create") <= 1

    @invariant()
    def knows_its_members(self) -> None:
        assert self.state.open_members == len(self.open)

    @invariant()
    def closes_no_ticket_over_an_open_member(self) -> None:
        if self.state.phase is Phase.CLOSED and self.open:
            assert work(self.state.model_copy(deep=True), self.now) or self.state.case.ticket.state != DONE

    @invariant()
    def something_will_wake_it(self) -> None:
        if self.open and self.state.phase is Phase.WAITING:
            assert next_due(self.state) is not None


Members.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestMembers = Members.TestCase
