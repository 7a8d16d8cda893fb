"""Any order of votes, repeats, forgeries and time gives exactly one outcome, and never consent that was not given."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from stanch.approvals import ApprovalRequest, ApprovalState, Code, Need, Outcome, Settled, Vote, expire, judge
from stanch.approvals.matching import empty_lines

PEOPLE = ("a", "b", "c", "d", "e")
START = datetime(2026, 3, 1, tzinfo=UTC)
names = st.sampled_from(PEOPLE)
groups = st.lists(names, min_size=1, max_size=4, unique=True).map(tuple)


def met(lines: Sequence[frozenset[str]], people: Sequence[str]) -> bool:
    """The oracle: try every way to seat people on lines."""
    return any(
        all(person in line for person, line in zip(seating, lines, strict=True))
        for seating in permutations(people, len(lines))
    )


@given(st.lists(st.frozensets(names), max_size=5), st.lists(names, unique=True))
@settings(max_examples=400)
def test_matching_agrees_with_trying_everything(lines: list[frozenset[str]], people: list[str]) -> None:
    assert (empty_lines(lines, people) == ()) is met(lines, people)


class Approval(RuleBasedStateMachine):
    @initialize(
        needs=st.lists(st.builds(Need, from_=groups, count=st.integers(1, 2)), min_size=1, max_size=3).map(tuple),
        excluded=st.lists(names, max_size=2).map(tuple),
        options=st.sampled_from([(), ("keep", "lift")]),
        high_impact=st.booleans(),
    )
    def ask(
        self, needs: tuple[Need, ...], excluded: tuple[str, ...], options: tuple[str, ...], high_impact: bool
    ) -> None:
        request = ApprovalRequest(
            approval_id="ap",
            case_id="c",
            episode="e",
            step="s",
            question="?",
            needs=needs,
            excluded=excluded,
            options=options,
            on_timeout="lift" if options else "reject",
            high_impact=high_impact,
            created_at=START,
            expires_at=START + timedelta(hours=1),
        )
        self.state = ApprovalState(request=request)
        self.now = START
        self.ends: list[Settled] = []
        self.sent: list[tuple[Vote, Code]] = []

    @rule(
        who=st.sampled_from((*PEOPLE, "stranger")),
        verdict=st.sampled_from(("approve", "approve", "keep", "lift", "deny", "junk")),
        stale=st.booleans(),
        step_up=st.booleans(),
    )
    def click(self, who: str, verdict: str, stale: bool, step_up: bool) -> None:
        digest = "old" if stale and len(self.sent) % 3 == 0 else self.state.request.digest
        vote = Vote(
            approval_id="ap",
            digest=digest,
            principal=who,
            verdict=verdict,
            via="console",
            decision_id=f"d{len(self.sent)}",
            at=self.now,
            step_up=step_up,
        )
        self._judge(vote)

    @rule(data=st.data())
    def click_again(self, data: st.DataObject) -> None:
        if self.sent:
            vote, code = data.draw(st.sampled_from(self.sent))
            before = self.state
            _, verdict = judge(self.state, vote, now=self.now)
            assert (verdict.code is Code.RECORDED) is (code is Code.RECORDED)
            self._judge(vote)
            assert self.state.votes == before.votes

    @rule(minutes=st.integers(1, 40))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def timer(self) -> None:
        self._follow(expire(self.state, self.now))

    @rule()
    def carry_over(self) -> None:
        self.state = ApprovalState.model_validate_json(self.state.model_dump_json())

    def _judge(self, vote: Vote) -> None:
        state, verdict = judge(self.state, vote, now=self.now)
        assert verdict.fresh is (state != self.state)
        assert verdict.settled in (state.settled, None)
        self.sent.append((vote, verdict.code))
        self._follow(state)

    def _follow(self, state: ApprovalState) -> None:
        if state.settled is not None and state.settled != self.state.settled:
            self.ends.append(state.settled)
        assert state.request == self.state.request
        self.state = state

    @invariant()
    def ends_once(self) -> None:
        if hasattr(self, "ends"):
            assert len(self.ends) <= 1

    @invariant()
    def consent_is_real(self) -> None:
        if not hasattr(self, "state"):
            return
        request, settled = self.state.request, self.state.settled
        voters = [vote.principal for vote in self.state.votes]
        assert len(set(voters)) == len(voters)
        assert not set(voters) & set(request.excluded)
        assert len(self.state.refusals) == len({(r.principal, r.code) for r in self.state.refusals})
        lines = [frozenset(need.from_) for need in request.needs for _ in range(need.count)]
        for verdict in request.options or ("approve",):
            for_it = [vote for vote in self.state.votes if vote.verdict == verdict]
            enough = met(lines, [vote.principal for vote in for_it])
            strong = not request.high_impact or len(for_it) > 1 or any(vote.step_up for vote in for_it)
            won = settled is not None and (
                (settled.outcome is Outcome.APPROVED and verdict == "approve")
                or (settled.outcome is Outcome.CHOSEN and settled.choice == verdict)
            )
            assert won is (enough and strong)
        denied = any(vote.verdict == "deny" for vote in self.state.votes)
        assert denied is (settled is not None and settled.outcome is Outcome.REJECTED)
        if settled is not None and settled.outcome is Outcome.EXPIRED:
            assert self.now >= request.expires_at


Approval.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
TestApproval = Approval.TestCase
