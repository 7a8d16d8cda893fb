"""What becomes of each vote, and how an approval ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import JsonValue

from stanch.approvals import (
    ApprovalRequest,
    ApprovalState,
    Bound,
    Code,
    Need,
    Outcome,
    Verdict,
    Vote,
    check_proof,
    check_request,
    covers,
    expire,
    judge,
    open_lines,
    proof_of,
)
from stanch.approvals.judge import GRACE
from stanch.leases import ApprovalProof

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = START + timedelta(minutes=5)
BUSINESS = Need(from_=("user:maria", "user:lea"), label="the business unit")
SECURITY = Need(from_=("user:tom", "user:maria"), label="security")


def request(**changes: Any) -> ApprovalRequest:
    values: dict[str, Any] = {
        "approval_id": "ap-1",
        "case_id": "case-1",
        "episode": "e1",
        "step": "ok_to_block",
        "question": "Block GET /users/{id} for 24h?",
        "action": "block.scope",
        "params": {"host": "api.example.com", "path": "/users/{id}", "ttl": 86400},
        "requester": "user:req",
        "excluded": ("user:req",),
        "needs": (BUSINESS, SECURITY),
        "created_at": START,
        "expires_at": START + timedelta(hours=4),
    }
    return ApprovalRequest(**(values | changes))


def vote(asked: ApprovalRequest, principal: str, verdict: str = "approve", **changes: Any) -> Vote:
    values: dict[str, Any] = {
        "approval_id": asked.approval_id,
        "digest": asked.digest,
        "principal": principal,
        "verdict": verdict,
        "via": "slack",
        "decision_id": f"d-{principal}-{verdict}",
        "at": LATER,
    }
    return Vote(**(values | changes))


def cast(asked: ApprovalRequest, *votes: Vote, now: datetime = LATER) -> tuple[ApprovalState, list[Verdict]]:
    state, verdicts = ApprovalState(request=asked), []
    for one in votes:
        state, verdict = judge(state, one, now=now)
        verdicts.append(verdict)
    return state, verdicts


def test_every_line_must_be_met_by_a_different_person() -> None:
    asked = request()
    state, verdicts = cast(asked, vote(asked, "user:maria"))
    assert (verdicts[0].accepted, verdicts[0].settled) == (True, None)
    assert open_lines(state) == ("security",)
    state, (_, last) = cast(asked, vote(asked, "user:maria"), vote(asked, "user:tom"))
    assert last.settled is not None
    assert last.settled.outcome is Outcome.APPROVED
    assert last.settled.by == ("user:maria", "user:tom")
    assert open_lines(state) == ()


def test_a_person_who_fits_two_lines_is_moved_to_the_one_that_helps() -> None:
    asked = request()
    state, _ = cast(asked, vote(asked, "user:maria"), vote(asked, "user:lea"))
    assert state.settled is not None
    assert state.settled.outcome is Outcome.APPROVED


def test_one_denial_ends_it() -> None:
    asked = request()
    state, verdicts = cast(
        asked,
        vote(asked, "user:maria"),
        vote(asked, "user:tom", "deny", reason="it is checkout"),
        vote(asked, "user:lea"),
    )
    assert state.settled is not None
    assert (state.settled.outcome, state.settled.by) == (Outcome.REJECTED, ("user:tom",))
    assert state.settled.reason == "it is checkout"
    assert verdicts[2].code is Code.SETTLED
    assert "rejected by user:tom" in verdicts[2].message


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"approval_id": "ap-2"}, Code.OTHER_APPROVAL),
        ({"digest": "0" * 64}, Code.STALE),
        ({"principal": "user:req"}, Code.EXCLUDED),
        ({"principal": "user:eve"}, Code.NOT_AN_APPROVER),
        ({"verdict": "maybe"}, Code.NOT_OFFERED),
    ],
)
def test_a_vote_that_does_not_count_says_why(changes: dict[str, str], code: Code) -> None:
    asked = request()
    state, (verdict,) = cast(asked, vote(asked, "user:maria").model_copy(update=changes))
    assert (verdict.accepted, verdict.code, state.votes, state.settled) == (False, code, (), None)


def test_the_requester_does_not_count_even_when_named_as_approver() -> None:
    asked = request(needs=(Need(from_=("user:req", "user:tom")),))
    _, (verdict,) = cast(asked, vote(asked, "user:req"))
    assert verdict.code is Code.EXCLUDED


def test_whoever_stands_in_for_the_excluded_is_told_so() -> None:
    asked = request()
    _, (verdict,) = cast(asked, vote(asked, "user:lea", for_="user:req"))
    assert verdict.code is Code.EXCLUDED
    assert "stand in" in verdict.message


def test_one_person_has_one_vote_for_whomever_they_speak() -> None:
    asked = request(needs=(Need(from_=("user:maria", "user:lea", "user:tom"), count=2),))
    for first, second in (("", "user:lea"), ("user:lea", ""), ("user:lea", "user:tom")):
        state, verdicts = cast(
            asked, vote(asked, "user:maria", for_=first), vote(asked, "user:maria", for_=second, decision_id="d-2")
        )
        assert [verdict.code for verdict in verdicts] == [Code.RECORDED, Code.ALREADY_VOTED]
        assert state.settled is None


def test_the_deadline_itself_is_too_late() -> None:
    asked = request()
    state, (verdict,) = cast(asked, vote(asked, "user:maria"), now=asked.expires_at)
    assert verdict.code is Code.TOO_LATE
    assert expire(state, asked.expires_at - timedelta(microseconds=1)).settled is None
    ended = expire(state, asked.expires_at).settled
    assert ended is not None
    assert (ended.outcome, ended.choice) == (Outcome.EXPIRED, "")


def test_a_click_that_waited_counts_by_its_own_moment_up_to_the_end_and_for_an_hour() -> None:
    asked = request()
    end, moment = asked.expires_at, timedelta(microseconds=1)
    cases = {
        (end - moment, end + GRACE - moment): Code.RECORDED,
        (end, end): Code.TOO_LATE,
        (end, end + moment): Code.TOO_LATE,
        (end - moment, end + GRACE): Code.TOO_LATE,
    }
    for (at, now), code in cases.items():
        _, (verdict,) = cast(asked, vote(asked, "user:maria", at=at, timed=True), now=now)
        assert verdict.code is code, (at, now)


def test_an_end_stays() -> None:
    asked = request(needs=(BUSINESS,))
    state, _ = cast(asked, vote(asked, "user:maria"))
    assert expire(state, asked.expires_at + timedelta(days=1)) == state


def test_the_same_decision_again_gets_its_first_answer() -> None:
    asked = request()
    first = vote(asked, "user:maria")
    state, verdicts = cast(asked, first, vote(asked, "user:tom"), first)
    assert verdicts[2].code is Code.RECORDED
    assert (verdicts[2].settled, verdicts[2].fresh) == (None, False)
    assert len(state.votes) == 2


def test_a_decision_id_cannot_be_used_by_somebody_else() -> None:
    asked = request()
    state, verdicts = cast(
        asked, vote(asked, "user:maria"), vote(asked, "user:tom", decision_id="d-user:maria-approve")
    )
    assert verdicts[1].code is Code.FOREIGN_DECISION
    assert len(state.votes) == 1


def test_a_second_opinion_of_one_person_does_not_count() -> None:
    asked = request()
    state, verdicts = cast(asked, vote(asked, "user:maria"), vote(asked, "user:maria", "deny"))
    assert verdicts[1].code is Code.ALREADY_VOTED
    assert state.settled is None


def test_only_the_first_refusal_of_a_person_for_a_reason_is_kept() -> None:
    asked = request()
    clicks = [vote(asked, "user:eve", decision_id=f"d{n}") for n in range(200)]
    state, verdicts = cast(asked, *clicks)
    assert [verdict.fresh for verdict in verdicts[:3]] == [True, False, False]
    assert {verdict.code for verdict in verdicts} == {Code.NOT_AN_APPROVER}
    assert (len(state.refusals), len(state.decided)) == (1, 1)


def test_a_flood_of_strangers_does_not_grow_the_state_without_end() -> None:
    asked = request()
    state, verdicts = cast(asked, *(vote(asked, f"user:x{n}") for n in range(300)), vote(asked, "user:maria"))
    assert len(state.refusals) == 64
    assert verdicts[-1].accepted


def test_options_are_chosen_when_the_lines_agree_on_one() -> None:
    asked = request(options=("keep", "lift"), on_timeout="lift")
    state, verdicts = cast(asked, vote(asked, "user:maria", "keep"), vote(asked, "user:tom", "lift"))
    assert state.settled is None
    state, _ = cast(asked, vote(asked, "user:maria", "keep"), vote(asked, "user:tom", "keep"))
    assert state.settled is not None
    assert (state.settled.outcome, state.settled.choice) == (Outcome.CHOSEN, "keep")
    state, verdicts = cast(asked, vote(asked, "user:maria", "approve"))
    assert verdicts[0].code is Code.NOT_OFFERED
    ended = expire(state, asked.expires_at).settled
    assert ended is not None
    assert (ended.outcome, ended.choice) == (Outcome.EXPIRED, "lift")


def test_high_impact_takes_two_people_or_a_fresh_sign_in() -> None:
    asked = request(needs=(BUSINESS,), high_impact=True)
    state, _ = cast(asked, vote(asked, "user:maria"))
    assert state.settled is None
    state, _ = cast(asked, vote(asked, "user:maria"), vote(asked, "user:lea"))
    assert state.settled is not None
    state, _ = cast(asked, vote(asked, "user:maria", step_up=True))
    assert state.settled is not None


def test_high_impact_with_one_approver_asks_for_the_sign_in_without_using_up_the_vote() -> None:
    asked = request(needs=(Need(from_=("user:maria",)),), high_impact=True)
    state, verdicts = cast(asked, vote(asked, "user:maria"), vote(asked, "user:maria", step_up=True, decision_id="d2"))
    assert verdicts[0].code is Code.NEEDS_STEP_UP
    assert state.settled is not None


def test_a_reason_is_required_where_the_request_says_so() -> None:
    asked = request(reason_for=("deny",))
    _, verdicts = cast(
        asked, vote(asked, "user:tom", "deny"), vote(asked, "user:tom", "deny", reason="no", decision_id="d2")
    )
    assert [verdict.code for verdict in verdicts] == [Code.NEEDS_REASON, Code.RECORDED]


@pytest.mark.parametrize(
    "changes",
    [
        {"params": {"host": "api.example.com", "path": "/**", "ttl": 86400}},
        {"targets": ("other",)},
        {"needs": (BUSINESS,)},
        {"excluded": ()},
        {"ttl": "8d"},
        {"episode": "e2"},
        {"plan_digest": "x"},
        {"shown": (("requests", "12"),)},
        {"also": (Bound(action="user.suspend", params={"user_id": "u"}),)},
    ],
)
def test_any_change_makes_another_approval(changes: dict[str, Any]) -> None:
    asked = request()
    changed = request(**changes)
    assert changed.digest != asked.digest
    _, (verdict,) = cast(changed, vote(asked, "user:tom"))
    assert verdict.code is Code.STALE


def test_state_survives_json() -> None:
    asked = request()
    state, _ = cast(asked, vote(asked, "user:maria"), vote(asked, "user:eve"))
    back = ApprovalState.model_validate_json(state.model_dump_json())
    assert back == state
    assert back.request.digest == asked.digest


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, []),
        ({"needs": ()}, ["A101"]),
        ({"needs": (Need(from_=(), label="owner"), SECURITY)}, ["A102"]),
        ({"needs": (Need(from_=("user:a",), count=0),)}, ["A103"]),
        ({"needs": (Need(from_=("user:a",), count=17),)}, ["A104"]),
        ({"needs": (Need(from_=("user:req",)),)}, ["A105"]),
        ({"needs": (Need(from_=("user:a",)), Need(from_=("user:a",)))}, ["A105"]),
        ({"options": ("keep", "approve")}, ["A106"]),
        ({"options": ("keep", "keep")}, ["A106"]),
        ({"on_timeout": "approve"}, ["A107"]),
        ({"options": ("keep", "lift"), "on_timeout": "lift"}, []),
        ({"expires_at": START}, ["A108"]),
    ],
)
def test_a_request_that_nobody_could_settle_is_found_before_it_is_asked(
    changes: dict[str, Any], codes: list[str]
) -> None:
    assert [problem.code for problem in check_request(request(**changes))] == codes


def test_an_unchecked_request_without_lines_is_never_approved() -> None:
    asked = request(needs=(Need(from_=("user:maria",), count=0),))
    state, (verdict,) = cast(asked, vote(asked, "user:maria"))
    assert verdict.settled is None
    assert proof_of(state) is None


def approved() -> ApprovalState:
    asked = request()
    state, _ = cast(asked, vote(asked, "user:maria"), vote(asked, "user:tom"))
    return state


def test_a_proof_holds_for_the_request_it_was_given_for() -> None:
    state = approved()
    proof = proof_of(state)
    assert proof is not None
    assert check_proof(state.request, proof) == ()
    assert [p.code for p in check_proof(request(targets=("wider",)), proof)] == ["A201"]
    forged = proof.model_copy(update={"votes": (("user:maria", "approve"), ("user:eve", "approve"))})
    assert [p.code for p in check_proof(state.request, forged)] == ["A203"]
    denied = proof.model_copy(update={"votes": (*proof.votes, ("user:lea", "deny"))})
    assert [p.code for p in check_proof(state.request, denied)] == ["A202"]


def test_an_approver_who_lost_the_role_no_longer_counts() -> None:
    state = approved()
    proof = proof_of(state)
    assert proof is not None
    now = (BUSINESS, Need(from_=("user:sam",), label="security"))
    assert [p.code for p in check_proof(state.request, proof, needs=now)] == ["A203"]
    assert [p.code for p in check_proof(state.request, proof, needs=())] == ["A203"]


def test_high_impact_is_checked_again_before_the_effect() -> None:
    asked = request(needs=(BUSINESS,), high_impact=True)
    state, _ = cast(asked, vote(asked, "user:maria", step_up=True))
    proof = proof_of(state)
    assert proof is not None
    assert check_proof(asked, proof) == ()
    assert [p.code for p in check_proof(asked, proof.model_copy(update={"step_up": False}))] == ["A204"]


def test_a_choice_is_no_proof() -> None:
    asked = request(needs=(BUSINESS,), options=("keep", "lift"))
    state, _ = cast(asked, vote(asked, "user:maria", "keep"))
    assert state.settled is not None
    assert proof_of(state) is None
    said = ApprovalProof(approval_id=asked.approval_id, digest=asked.digest, votes=(("user:maria", "keep"),))
    assert [p.code for p in check_proof(asked, said)] == ["A203"]


@pytest.mark.parametrize("step_up", [False, True])
def test_of_two_for_high_impact_one_who_has_left_takes_the_weight_along(step_up: bool) -> None:
    """Whose the proof of a second sign-in was, the proof does not say; it may be who has left."""
    asked = request(needs=(Need(from_=("user:maria", "user:ana")),), high_impact=True)
    state, _ = cast(asked, vote(asked, "user:maria"), vote(asked, "user:ana", step_up=step_up))
    proof = proof_of(state)
    assert proof is not None
    assert check_proof(asked, proof) == ()
    now = (Need(from_=("user:maria",)),)
    assert [p.code for p in check_proof(asked, proof, needs=now)] == ["A204"]


def test_one_who_stands_in_for_a_seat_keeps_it_at_the_act() -> None:
    asked = request(needs=(Need(from_=("user:maria", "user:ana")),), high_impact=True)
    state, _ = cast(asked, vote(asked, "user:maria"), vote(asked, "user:zoe", for_="user:ana"))
    proof = proof_of(state)
    assert proof is not None
    assert check_proof(asked, proof) == ()


@pytest.mark.parametrize(
    ("action", "params", "expected"),
    [
        ("block.scope", {"ttl": 86400.0, "path": "/users/{id}", "host": "api.example.com"}, True),
        ("block.scope", {"ttl": 86401, "path": "/users/{id}", "host": "api.example.com"}, False),
        ("block.ip", {"ttl": 86400, "path": "/users/{id}", "host": "api.example.com"}, False),
        ("user.suspend", {"user_id": "u"}, True),
    ],
)
def test_only_what_was_asked_is_covered(action: str, params: dict[str, JsonValue], expected: bool) -> None:
    asked = request(also=(Bound(action="user.suspend", params={"user_id": "u"}),))
    assert covers(asked, action=action, params=params) is expected
