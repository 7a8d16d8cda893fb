"""Read models, deliveries, halts, budgets and the board keep what they are given and refuse what is late or double."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from arrival_support import hold

from stanch.approvals import ApprovalRequest, ApprovalState, Need, Vote, expire, judge
from stanch.errors import Rejected
from stanch.leases import BlockSpec, Lease, LeaseState
from stanch.ports import TicketDraft, TicketState
from stanch.records import (
    BoardNote,
    Budget,
    CaseFilter,
    CaseRow,
    Conflict,
    FindingRow,
    Finish,
    LeaseRow,
    New,
    Protected,
    Quarantined,
    Reassignment,
    Records,
    Repeat,
)
from stanch.records.columns import encoded

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    opened = Records(f"sqlite:///{tmp_path}/records.db", b"a key for tests, 32 bytes long..")
    yield opened
    opened.close()


def case(number: int, **changes: object) -> CaseRow:
    row = CaseRow(
        case_id=f"case-{number}",
        version=1,
        opened=START,
        updated=START + number * HOUR,
        state="open",
        severity="high",
        owner="team:mobile",
        title=f"Finding {number}",
        host="api.example.com",
        labels=("a", "b"),
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def test_a_case_is_found_as_it_was_put(records: Records) -> None:
    row = case(1, due=START + HOUR, waiting_on="approval", finding_count=3)
    records.put_case(row)
    assert records.case("case-1") == row
    assert records.case("case-2") is None


def test_a_late_write_does_not_undo_a_newer_one(records: Records) -> None:
    records.put_case(case(1, version=5, state="closed"))
    records.put_case(case(1, version=4, state="open"))
    found = records.case("case-1")
    assert found is not None
    assert (found.version, found.state) == (5, "closed")


def test_a_case_that_comes_back_shows_what_it_is_now_and_a_late_write_of_its_past_undoes_nothing(
    records: Records,
) -> None:
    records.put_case(case(1, version=40, state="closed", closed=START + HOUR))
    again = case(1, version=2, state="waiting", episode="e2", opened=START + 9 * HOUR)
    records.put_case(again)
    assert records.case("case-1") == again
    records.put_case(case(1, version=41, state="closed", closed=START + HOUR))
    assert records.case("case-1") == again
    records.put_case(case(1, version=1, state="new", episode="e2", opened=START + 9 * HOUR))
    assert records.case("case-1") == again


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (CaseFilter(), [4, 3, 2, 1]),
        (CaseFilter(states=("open",)), [3, 2, 1]),
        (CaseFilter(open=False), [4]),
        (CaseFilter(severities=("low", "high")), [4, 3, 2, 1]),
        (CaseFilter(severities=("low",)), [2]),
        (CaseFilter(owner="team:web"), [3]),
        (CaseFilter(text="100%"), [1]),
        (CaseFilter(text="inc00"), [2]),
        (CaseFilter(updated_before=START + 3 * HOUR), [2, 1]),
        (CaseFilter(opened_after=START), []),
    ],
)
def test_cases_are_filtered(records: Records, wanted: CaseFilter, numbers: list[int]) -> None:
    records.put_case(case(1, title="Leaks 100% of users"))
    records.put_case(case(2, severity="low", ticket_key="INC0010023"))
    records.put_case(case(3, owner="team:web"))
    records.put_case(case(4, state="closed", closed=START))
    assert [row.case_id for row in records.cases(wanted)] == [f"case-{number}" for number in numbers]


def test_cases_are_counted_and_paged(records: Records) -> None:
    for number in range(1, 6):
        records.put_case(case(number, severity="low" if number == 2 else "high"))
    assert records.count_cases("severity") == {"high": 4, "low": 1}
    first = records.cases(limit=2)
    rest = records.cases(CaseFilter(updated_before=first[-1].updated))
    assert [row.case_id for row in first + rest] == [f"case-{number}" for number in (5, 4, 3, 2, 1)]


def test_findings_are_kept_once(records: Records) -> None:
    row = FindingRow("case-1", "f1", "wallarm", START, {"title": "x \ud800"})
    assert records.add_finding(row)
    assert not records.add_finding(replace(row, body={}))
    assert records.findings("case-1") == [row]


def test_a_ticket_leads_to_its_case(records: Records) -> None:
    records.link_ticket("case-1", system="jira", key="MOB-7", at=START)
    assert records.case_of_ticket("jira", "MOB-7") == "case-1"
    assert records.case_of_ticket("servicenow", "MOB-7") is None


def test_reassignments_count_once(records: Records) -> None:
    row = Reassignment("k1", "case-1", START, "user:pm", from_owner="pm", to_owner="team:x", path="/mobile/a")
    assert records.add_reassignment(row)
    assert not records.add_reassignment(row)
    assert records.reassignments() == [row]
    assert records.reassignments(since=START + HOUR) == []


def test_a_delivery_is_new_once_then_gives_its_answer(records: Records) -> None:
    def arrive(body: str = "d1", source: str = "s") -> New | Repeat | Conflict:
        return records.remember_delivery(source, "id-1", body, at=START)

    assert arrive() == New()
    assert arrive() == Repeat(None, finished=False)
    records.finish([Finish("s", "id-1", encoded({"case_id": "case-1"}), START)])
    records.finish([Finish("s", "id-1", encoded({}), START)])
    assert arrive() == Repeat({"case_id": "case-1"}, finished=True)
    assert arrive(body="d2") == Conflict()
    assert arrive(source="other") == New()
    assert records.delivery("id-1", source="s") == Repeat({"case_id": "case-1"}, finished=True)


def test_of_many_equal_deliveries_at_once_one_is_new(records: Records) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: records.remember_delivery("s", "id", "d", at=START), range(24)))
    assert answers.count(New()) == 1


def test_deliveries_are_forgotten_after_a_week(records: Records) -> None:
    records.remember_delivery("s", "old", "d", at=START - timedelta(days=8))
    records.remember_delivery("s", "young", "d", at=START - timedelta(days=6))
    assert records.forget_deliveries(START) == 1
    assert records.delivery("old", source="s") is None
    assert records.delivery("young", source="s") is not None


def test_quarantine_holds_until_somebody_settles_it(records: Records) -> None:
    item = Quarantined("q1", "wallarm", START, "I020", "no severity", '{"a": 1}')
    for _ in range(2):
        hold(records, item)
    assert records.quarantined() == [item]
    assert records.settle_quarantine("q1", status="released", by="user:tom", at=START)
    assert not records.settle_quarantine("q1", status="discarded", by="user:ana", at=START)
    assert records.quarantined() == []
    kept = records.quarantined_item("q1")
    assert kept is not None
    assert (kept.status, kept.settled_by) == ("released", "user:tom")


def lease(number: int) -> Lease:
    return Lease(
        lease_id=f"l{number}",
        case_id="case-1",
        episode="e",
        step="block",
        point="edge",
        target="t",
        spec=BlockSpec(host="api.example.com", path="/x"),
        expires_at=START + number * HOUR,
    )


def test_leases_follow_their_state(records: Records) -> None:
    held = LeaseRow(lease(2), LeaseState.HELD, START, proof={"rule": "r1"})
    records.put_lease(held)
    records.put_lease(LeaseRow(lease(1), LeaseState.REQUESTED, START))
    assert [row.lease.lease_id for row in records.leases()] == ["l1", "l2"]
    assert records.lease("l2") == held
    records.put_lease(LeaseRow(lease(2), LeaseState.LIFTED, START + HOUR))
    records.put_lease(held)
    assert [row.lease.lease_id for row in records.leases(point="edge")] == ["l1"]
    assert len(records.leases(live=False, case_id="case-1")) == 2
    assert records.leases(point="other") == []


def approval() -> ApprovalState:
    request = ApprovalRequest(
        approval_id="ap-1",
        case_id="case-1",
        episode="e",
        step="ok",
        question="?",
        needs=(Need(from_=("user:ana",)), Need(from_=("user:tom",))),
        created_at=START,
        expires_at=START + HOUR,
    )
    return ApprovalState(request=request)


def test_approvals_are_pending_until_settled(records: Records) -> None:
    state = approval()
    records.put_approval(state)
    assert records.approvals() == [state]
    vote = Vote(
        approval_id="ap-1",
        digest=state.request.digest,
        principal="user:ana",
        verdict="approve",
        via="cli",
        decision_id="d",
        at=START,
    )
    voted, _ = judge(state, vote, now=START)
    ended = expire(voted, START + HOUR)
    records.put_approval(ended)
    records.put_approval(voted)
    assert records.approvals() == []
    assert records.approval("ap-1") == ended
    assert records.approvals(pending=False, case_id="case-1") == [ended]
    assert records.approval("ap-2") is None


def test_halts_and_protection_raise_the_generation(records: Records) -> None:
    assert records.guard_view().generation == 0
    assert records.halt(by="user:ana", reason="drill", at=START) == 1
    assert records.halt("point:edge", by="user:ana", reason="drill", at=START, freeze=True) == 2
    item = Protected("ip", "203.0.113.7", "user:ana", "partner", START)
    assert records.protect(item) == 3
    view = records.guard_view()
    assert [(halt.scope, halt.freeze) for halt in view.halts] == [("all", False), ("point:edge", True)]
    assert (view.generation, view.protected) == (3, (item,))
    assert records.resume()
    assert not records.resume()
    assert [halt.scope for halt in records.halts()] == ["point:edge"]
    assert records.unprotect("ip", "203.0.113.7")
    assert records.guard_view().protected == ()
    assert records.guard_view().generation > 3


def test_a_budget_is_never_overspent_by_writers_at_once(records: Records) -> None:
    budgets = [Budget("playbook:a", 7, HOUR), Budget("all", 100, HOUR)]
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda n: records.reserve(budgets, key=f"k{n}", now=START).ok, range(30)))
    assert taken.count(True) == 7
    assert records.reserve([Budget("all", 100, HOUR)], key="last", now=START).left == {"all": 92}


def test_a_budget_counts_a_key_once_and_forgets_after_its_window(records: Records) -> None:
    one = [Budget("a", 1, HOUR)]
    assert records.reserve(one, key="k", now=START).ok
    assert records.reserve(one, key="k", now=START).ok
    assert not records.reserve(one, key="other", now=START + HOUR / 2).ok
    assert records.reserve(one, key="other", now=START + HOUR).ok
    assert records.forget_spent(START + timedelta(days=9)) == 2


def test_nothing_is_taken_when_one_budget_has_no_room(records: Records) -> None:
    both = [Budget("wide", 5, HOUR), Budget("narrow", 0, HOUR)]
    assert not records.reserve(both, key="k", now=START).ok
    assert records.reserve([Budget("wide", 5, HOUR)], key="k2", now=START).left == {"wide": 4}


def test_settings_keep_json(records: Records) -> None:
    assert records.setting("x") is None
    records.put_setting("x", {"a": [1, None]})
    records.put_setting("x", {"a": [2, None]})
    assert records.setting("x") == {"a": [2, None]}


DRAFT = TicketDraft(key="abc", case_id="case-1", summary="Fix it", body="Please.", labels=("l",), group="team:x")


def test_the_board_makes_one_ticket_per_key(records: Records) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: records.board_ensure(DRAFT, at=START), range(12)))
    assert {ticket.id for ticket in made} == {"BOARD-1"}
    assert (made[0].state, made[0].team, made[0].labels) == (TicketState.NEW, "team:x", ("l",))
    assert records.board_ensure(replace(DRAFT, key="other"), at=START).summary == "Fix it"
    assert len(records.board_tickets()) == 2


def test_a_board_ticket_is_moved_assigned_noted_linked_and_filled(records: Records) -> None:
    key = records.board_ensure(DRAFT, at=START).id
    records.board_move(key, TicketState.DONE, by="user:dev", at=START + HOUR, resolution="fixed")
    records.board_assign(key, by="user:pm", at=START + HOUR, assignee="user:dev")
    note = BoardNote("m1", "done", "user:dev", START)
    assert records.board_note(key, note)
    assert not records.board_note(key, note)
    records.board_link(key, link_id="case", url="https://stanch/1", title="Case")
    records.board_attach(key, name="e.json", content=b"{}", at=START)
    ticket = records.board_ticket(key)
    assert (ticket.state, ticket.resolution, ticket.assignee, ticket.changed_by) == (
        TicketState.DONE,
        "fixed",
        "user:dev",
        "user:pm",
    )
    assert ticket.notes == (note,)
    assert ticket.links == (("case", "https://stanch/1", "Case"),)
    assert ticket.files[0][0] == "e.json"
    assert records.board_file(key, "e.json") == b"{}"
    assert records.board_move(key, TicketState.NEW, by="user:pm", at=START).resolution == ""
    assert records.board_tickets(state=TicketState.DONE) == []


@pytest.mark.parametrize("key", ["BOARD-9", "BOARD-x", "JIRA-1", "", "BOARD-99999999999999"])
def test_an_unknown_board_ticket_is_rejected(records: Records, key: str) -> None:
    with pytest.raises(Rejected):
        records.board_ticket(key)
    with pytest.raises(Rejected):
        records.board_note(key, BoardNote("m", "t", "u", START))
