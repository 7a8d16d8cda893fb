"""Votes while no worker answers: what is stored, and what is the same again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stanch.contract import Decision
from stanch.errors import DependencyError
from stanch.routing import load_routes
from stanch.web.decisions import Answer, Ballot, Fate
from stanch.web.decisions import cast as cast_vote
from stanch.web.services import Services

ROUTES = """
version: routing/v1
namespace: test
directory:
  users: {user:ana: {name: Ana}, user:gone: {name: Gone, active: false}}
  teams: {team:shop: {lead: user:ana, members: [user:ana]}}
sla: {standard: {critical: {fix: 3d}, high: {fix: 7d}, medium: {fix: 30d}, low: {fix: 90d}, info: {fix: none}}}
default: {id: fallback, owner: team:shop, sla: standard}
"""
BALLOT = Ballot("case-1", "ap-1", "0" * 64, "approve", "console", "c1")


class Silent:
    """A Temporal that takes signals and has no worker; records that do not answer where a test wants it."""

    def __init__(self) -> None:
        self.stored: list[Decision] = []
        self.is_down = False
        routes = load_routes(ROUTES)
        self.services = cast(
            Services,
            SimpleNamespace(
                client=SimpleNamespace(get_workflow_handle=lambda _case: self),
                records=SimpleNamespace(approval=self._approval),
                policy=SimpleNamespace(current=SimpleNamespace(routes=routes)),
                stored_votes={},
            ),
        )

    def _approval(self, approval_id: str) -> None:
        if self.is_down:
            raise DependencyError("records do not answer", code="D001")

    async def execute_update(self, *_: Any, **__: Any) -> Any:
        raise TimeoutError

    async def signal(self, _name: str, decision: Decision, **_: Any) -> None:
        self.stored.append(decision)

    def vote(self, ballot: Ballot, principal: str = "user:ana") -> Answer:
        return asyncio.run(cast_vote(self.services, ballot, principal=principal))


@pytest.fixture
def silent() -> Silent:
    return Silent()


def test_the_same_vote_again_is_not_stored_twice(silent: Silent) -> None:
    answers = [silent.vote(BALLOT), silent.vote(replace(BALLOT, click="c2"))]
    assert [answer.fate for answer in answers] == [Fate.RECORDED] * 2
    assert "before" in answers[1].message
    assert len(silent.stored) == 1


def test_a_vote_with_proof_is_stored_after_one_without(silent: Silent) -> None:
    answers = [silent.vote(BALLOT), silent.vote(replace(BALLOT, click="c2", step_up=True))]
    assert [answer.message for answer in answers] == [answers[0].message] * 2
    assert [decision.vote.step_up for decision in silent.stored] == [False, True]


@pytest.mark.parametrize(("who", "lapsed"), [("user:ana", False), ("user:gone", True), ("user:nobody", True)])
def test_without_records_only_who_is_active_has_a_say(silent: Silent, who: str, lapsed: bool) -> None:
    silent.is_down = True
    silent.vote(replace(BALLOT, verdict="deny"), who)
    assert [decision.vote.lapsed for decision in silent.stored] == [lapsed]
