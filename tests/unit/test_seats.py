"""One seat, one say: whoever sits in it, and however often."""

from __future__ import annotations

from datetime import timedelta

import pytest
from test_approvals import LATER, cast, request, vote

from stanch.approvals import ApprovalState, Code, Need, Outcome, check_proof, proof_of
from stanch.leases import ApprovalProof
from stanch.routing import People
from stanch.routing._directory import Away, Directory, User
from stanch.seats import Seat, may_vote, seat_of

MARIA, LEA, ANA = "user:maria", "user:lea", "user:ana"
ONE = (Need(from_=(MARIA,), names=(MARIA,)),)


@pytest.fixture
def people() -> People:
    """Maria is away, and Lea sits in for her; Ana is somebody else."""
    away = Away.model_validate({"from": LATER - timedelta(days=1), "until": LATER + timedelta(days=1), "instead": LEA})
    users = {MARIA: User(name="Maria", away=(away,)), LEA: User(name="Lea"), ANA: User(name="Ana")}
    return People(Directory(users=users))


@pytest.mark.parametrize(("who", "seat", "may"), [(LEA, Seat(for_=MARIA), True), (ANA, Seat(), False)])
def test_only_the_one_who_was_named_sits_in(people: People, who: str, seat: Seat, may: bool) -> None:
    state = ApprovalState(request=request(needs=ONE))
    assert seat_of(people, state, who, LATER) == seat
    assert may_vote(people, state, who, LATER) is may


def test_a_seat_fills_its_own_line_and_not_the_line_of_who_sits_in_it() -> None:
    asked = request(needs=ONE)
    state, _ = cast(asked, vote(asked, LEA, for_=MARIA))
    assert state.settled is not None
    assert (state.settled.outcome, state.settled.by) == (Outcome.APPROVED, (LEA,))
    both = request(needs=(*ONE, Need(from_=(LEA,), names=(LEA,))))
    state, (verdict,) = cast(both, vote(both, LEA, for_=MARIA))
    assert (verdict.code, state.settled) == (Code.RECORDED, None)
    swapped = request(needs=(Need(from_=(LEA,), names=(LEA,)), Need(from_=(MARIA, ANA), names=(MARIA, ANA))))
    state, _ = cast(swapped, vote(swapped, LEA, for_=MARIA), vote(swapped, ANA))
    assert state.settled is None, "two votes for the second line are none for the first"


@pytest.mark.parametrize("first", ["stand-in", "owner"])
def test_a_seat_that_has_answered_answers_nobody_else(first: str) -> None:
    asked = request(needs=(Need(from_=(MARIA, ANA), names=(MARIA, ANA), count=2),))
    votes = [vote(asked, LEA, for_=MARIA), vote(asked, MARIA)]
    state, verdicts = cast(asked, *(votes if first == "stand-in" else reversed(votes)))
    assert [verdict.code for verdict in verdicts] == [Code.RECORDED, Code.ALREADY_VOTED]
    assert "this seat" in verdicts[1].message
    assert state.settled is None


def test_a_proof_in_which_one_seat_speaks_twice_proves_nothing() -> None:
    asked = request(needs=ONE)
    honest = proof_of(cast(asked, vote(asked, LEA, for_=MARIA))[0])
    assert honest is not None
    assert check_proof(asked, honest) == ()
    votes = ((LEA, "approve"), (MARIA, "approve"))
    twice = ApprovalProof.model_validate(honest.model_dump() | {"votes": votes})
    assert [problem.code for problem in check_proof(asked, twice)] == ["A203"]


def test_the_excluded_are_in_no_line_and_among_no_approvers() -> None:
    asked = request(needs=(Need(from_=(MARIA, "user:req"), label="business", count=2),))
    assert asked.lines() == (("business", frozenset({MARIA})),) * 2
    assert asked.approvers() == {MARIA}


def test_a_proof_says_that_somebody_signed_in_again_only_of_who_approved() -> None:
    asked = request(needs=(Need(from_=(MARIA, ANA), names=(MARIA, ANA)),), high_impact=True)
    for step_up in (True, False):
        proof = proof_of(cast(asked, vote(asked, MARIA), vote(asked, ANA, step_up=step_up))[0])
        assert proof is not None
        assert proof.step_up is step_up
