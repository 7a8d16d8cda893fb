"""Clicks, clocks, restarts, edits, absences and departures in any order: one outcome, and no effect without consent."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from itertools import permutations
from types import SimpleNamespace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from activities._guard import _consent
from stanch.approvals import (
    ApprovalRequest,
    ApprovalState,
    Need,
    Outcome,
    Settled,
    Vote,
    covers,
    expire,
    judge,
    proof_of,
)
from stanch.errors import Refused
from stanch.routing import People
from stanch.routing._directory import Away, Directory, Team, User
from stanch.seats import seat_of

LONG = os.environ.get("STANCH_PROFILE") == "long"
EXAMPLES = 10_000 if LONG else 60
PEOPLE = tuple(f"user:{name}" for name in "abcde")
TEAMS = ("team:one", "team:two")
START = datetime(2026, 3, 1, tzinfo=UTC)
SOON = timedelta(hours=1)
names = st.sampled_from(PEOPLE)
lines = st.lists(st.sampled_from((*PEOPLE, *TEAMS)), min_size=1, max_size=2, unique=True)


class Consent(RuleBasedStateMachine):
    """The edge, the case and the process that acts, over one directory that changes under them."""

    @initialize(
        needs=st.lists(st.tuples(lines, st.sampled_from((1, 1, 2))), min_size=1, max_size=2),
        excluded=st.lists(names, max_size=1),
        high=st.booleans(),
    )
    def ask(self, needs: list[tuple[list[str], int]], excluded: list[str], high: bool) -> None:
        self.active = dict.fromkeys(PEOPLE, True)
        self.members = {"team:one": set(PEOPLE[:3]), "team:two": set(PEOPLE[2:])}
        self.away: dict[str, str] = {}
        self.needs, self.excluded, self.high = needs, tuple(excluded), high
        self.now, self.clicks, self.version = START, 0, 0
        self.ends: dict[str, list[Settled]] = {}
        self.effects: list[str] = []
        self._new_request()

    def _new_request(self) -> None:
        """What would be done has changed: a new request; the old one is over, and its effects never come."""
        self.version += 1
        people = self._people()
        needs = tuple(
            Need(
                from_=tuple(dict.fromkeys(who for name in line for who in people.resolve(name, self.now))),
                count=count,
                names=tuple(line),
            )
            for line, count in self.needs
        )
        request = ApprovalRequest(
            approval_id=f"ap{self.version}",
            case_id="c",
            episode="e",
            step="s",
            question="?",
            action="block.scope",
            params={"path": f"/{self.version}"},
            needs=needs,
            excluded=self.excluded,
            high_impact=self.high,
            created_at=self.now,
            expires_at=self.now + SOON,
        )
        self.state = ApprovalState(request=request)
        self.allowed: dict[str, str] = {}  # voter -> seat, as the oracle saw them when the vote was counted

    def _people(self) -> People:
        span = {"from": "2020-01-01T00:00:00Z", "until": "2090-01-01T00:00:00Z"}
        users = {
            name: User(
                name=name,
                active=self.active[name],
                away=(Away.model_validate({**span, "instead": self.away[name]}),) if name in self.away else (),
            )
            for name in PEOPLE
        }
        teams = {name: Team(lead=min(who), members=tuple(sorted(who))) for name, who in self.members.items() if who}
        return People(Directory(users=users, teams=teams))

    # -- what happens -------------------------------------------------------------------------------------------------

    @rule(
        who=names,
        verdict=st.sampled_from(("approve",) * 8 + ("deny", "junk")),
        stale=st.integers(0, 9),
        waited=st.sampled_from((0,) * 6 + (10, 50, 90)),
        step_up=st.booleans(),
    )
    def click(self, who: str, verdict: str, stale: int, waited: int, step_up: bool) -> None:
        """`waited` minutes pass before a worker takes the click."""
        self.clicks += 1
        at, seat = self.now, seat_of(self._people(), self.state, who, self.now)
        vote = Vote(
            approval_id="other" if stale == 1 else self.state.request.approval_id,
            digest="old" if stale == 2 else self.state.request.digest,
            principal=who,
            verdict=verdict,
            via="api",
            decision_id=f"d{self.clicks}",
            at=at,
            step_up=step_up,
            for_=seat.for_,
            lapsed=seat.lapsed,
            timed=True,
        )
        may = self._may(vote)
        self.now += timedelta(minutes=waited)
        after, answer = judge(self.state, vote, now=self.now)
        if answer.accepted:
            assert may, "a vote of somebody without a seat was counted"
            assert (vote.approval_id, vote.digest) == (self.state.request.approval_id, self.state.request.digest)
            assert who not in self.allowed, "somebody has two votes"
            assert vote.seat not in self.allowed.values(), "two people have voted with one say"
            assert at < self.state.request.expires_at
            self.allowed[who] = vote.seat
        else:
            assert answer.message
        self._follow(after)

    def _may(self, vote: Vote) -> bool:
        """The oracle: an active person named by a line, or the stand-in of one who is away; never for who asked."""
        asked = {who for line, _ in self.needs for name in line for who in self.members.get(name, {name})}
        is_own = vote.principal == vote.seat
        is_for = self.away.get(vote.seat) is not None and self._people().present(vote.seat, self.now) == vote.principal
        barred = {vote.seat, vote.principal} & set(self.excluded)
        return self.active[vote.principal] and vote.seat in asked and (is_own or is_for) and not barred

    @rule(who=names, instead=names)
    def go_away(self, who: str, instead: str) -> None:
        self.away[who] = instead

    @rule(who=names)
    def come_back(self, who: str) -> None:
        self.away.pop(who, None)

    @rule(who=names, team=st.sampled_from(TEAMS))
    def change_team(self, who: str, team: str) -> None:
        self.members[team] ^= {who}

    @rule(who=names)
    def leave_or_return(self, who: str) -> None:
        self.active[who] = not self.active[who]

    @rule(minutes=st.integers(1, 15))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def timer(self) -> None:
        self._follow(expire(self.state, self.now))

    @rule()
    def restart(self) -> None:
        self.state = ApprovalState.model_validate_json(self.state.model_dump_json())

    @rule(often=st.integers(0, 3))
    def edit(self, often: int) -> None:
        if not often:
            self._new_request()

    @invariant()
    def acts_as_consented(self) -> None:
        """At every moment the process that acts may be about to; what it would do may have been changed on the way."""
        if hasattr(self, "state"):
            self._act({"path": "/wider"})
            self._act(dict(self.state.request.params))

    def _act(self, params: dict[str, Any]) -> None:
        proof, request = proof_of(self.state), self.state.request
        if proof is None or not covers(request, action="block.scope", params=params):
            return
        try:
            _consent(SimpleNamespace(people=self._people()), proof, request)  # type: ignore[arg-type]
        except Refused:
            return
        self.effects.append(request.approval_id)
        assert params == request.params, "what was done is not what was shown"
        assert self._consented(), "too few people who are still here have agreed"

    def _consented(self) -> bool:
        """The oracle: people of now fill every line, each with one say of their own or of somebody who was away."""
        votes = {vote.principal: vote for vote in self.state.votes if vote.verdict == "approve"}
        seats = [self.allowed[who] for who in votes if self.active[who]]
        wanted = [
            {who for name in line for who in self.members.get(name, {name}) if self.active[who]} - set(self.excluded)
            for line, count in self.needs
            for _ in range(count)
        ]
        filled = any(
            all(seat in line for seat, line in zip(order, wanted, strict=True))
            for order in permutations(seats, len(wanted))
        )
        weighty = not self.high or len(seats) > 1 or any(vote.step_up for vote in votes.values())
        return filled and weighty and len(set(seats)) == len(seats)

    def _follow(self, state: ApprovalState) -> None:
        if state.settled is not None and state.settled != self.state.settled:
            self.ends.setdefault(state.request.approval_id, []).append(state.settled)
        self.state = state

    # -- what always holds --------------------------------------------------------------------------------------------

    @invariant()
    def one_outcome_each(self) -> None:
        if hasattr(self, "ends"):
            assert all(len(ends) == 1 for ends in self.ends.values())
            denied = {name for name, ends in self.ends.items() if ends[0].outcome is not Outcome.APPROVED}
            assert not denied & set(self.effects)


Consent.TestCase.settings = settings(max_examples=EXAMPLES, stateful_step_count=30, deadline=None)
TestConsent = Consent.TestCase
