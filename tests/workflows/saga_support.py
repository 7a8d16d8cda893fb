"""A world whose actions can be held up, fail and be repeated, and a playbook with a change of each undo class."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.worker import Replayer

from stanch.contract import ActionCall, ActionReply
from tests.workflows.scene import Case, World
from tests.workflows.yard import runner
from workflows import WORKFLOWS

SAGA = """\
version: playbook/v1
id: saga
title: One change of each undo class, then something that may fail
mode: auto
owner: team:appsec
on: {match: {host: "*.example.com", path: /**}, when: finding.severity == 'high'}
limits: {runs: 60/h, changes: 60/h}
steps:
  - id: attach
    do: policy.attach
    with: {host: "${{ finding.api.host }}", groups: [AWSManagedRulesCommonRuleSet]}
    undo: auto
  - id: enforce
    do: policy.enforce
    with: {attachment: "${{ steps.attach.outputs.attachment_id }}"}
    undo: auto
  - id: block
    do: block.scope
    with: {host: "${{ finding.api.host }}", path: /x, principal: {token_id: t-1}, ttl: 1h}
    undo: auto
  - {id: proof, do: probe.expect_blocked, with: {host: "${{ finding.api.host }}", path: /x}}
"""
CHANGES = ("policy.attach", "policy.enforce", "block.scope")
UNDOS = ("block.lift", "policy.relax", "policy.detach")
MORE = {
    "policy.attach": {"attachment_id": "waf::a", "mode": "count", "already": False, "before": "1", "after": "2"},
    "policy.enforce": {"attachment_id": "waf::a", "mode": "block", "already": False, "before": "2", "after": "3"},
}
REFUSED, LATER, LOST = "REJECTED", "RETRY_SAFE", "UNCERTAIN"


class Saga(World):
    """Remembers when each action began and ended.

    `errors`: how the next attempts at an action of a case end instead of well.
    """

    def __init__(self, client: Client, folder: Path) -> None:
        playbooks = folder / "playbooks"
        playbooks.mkdir()
        (playbooks / "saga.yaml").write_text(SAGA, encoding="utf-8")
        super().__init__(client, folder, playbooks=playbooks)
        self.order: defaultdict[str, list[str]] = defaultdict(list)
        self.gates: dict[tuple[str, str], asyncio.Event] = {}
        self.errors: dict[tuple[str, str], list[str]] = {}
        self.keys: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)

    def gate(self, case: Case, action: str) -> asyncio.Event:
        """Hold this action of this case until the event is set."""
        return self.gates.setdefault((case.id, action), asyncio.Event())

    def fails(self, case: Case, action: str, *errors: str) -> None:
        self.errors[case.id, action] = list(errors)

    async def act(self, call: ActionCall) -> ActionReply:
        place = (call.scene.case_id, call.action)
        self.keys[place][call.key] += 1
        self.order[place[0]].append(f"begin {call.action}")
        if place in self.gates:
            await self.gates[place].wait()
        self.order[place[0]].append(f"end {call.action}")
        if self.errors.get(place):
            kind = self.errors[place].pop(0)
            raise ApplicationError("not done", "V999", type=kind, non_retryable=kind == REFUSED)
        reply = await super().act(call)
        return ActionReply(outputs={**reply.outputs, **MORE.get(call.action, {})})

    def done(self, case: Case, *wanted: str) -> list[str]:
        """Begins and ends of these actions, in order."""
        return [line for line in self.order[case.id] if line.split(" ")[1] in wanted]


async def replayed(case: Case) -> None:
    """The history of the case replays with the code that wrote it."""
    replayer = Replayer(workflows=list(WORKFLOWS), data_converter=pydantic_data_converter, workflow_runner=runner())
    await replayer.replay_workflow(await case.handle.fetch_history())
