"""Cases of one owner and kind in a world whose ownership file groups, silences and holds back."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from stanch import contract
from stanch.contract import ActionCall, CaseView, TicketChange
from tests.workflows.scene import ROOT, Case, World

HOST = "shop.example.org"  # nobody's: the default owner, and the triage playbook


def policy_with(folder: Path, noise: str) -> Path:
    """The shipped policy with another noise layer."""
    target = folder / "policy"
    shutil.copytree(ROOT / "policy", target)
    routes = target / "routes.yaml"
    text = routes.read_text("utf-8")
    start, end = text.index("grouping:"), text.index("tests:")
    routes.write_text(text[:start] + noise + "\n" + text[end:], "utf-8")
    return target


class Town(World):
    """A world whose clock moves when a test says so."""

    def __init__(self, env: WorkflowEnvironment, folder: Path, noise: str) -> None:
        policy = policy_with(folder, noise)
        super().__init__(env.client, folder, policy=policy)
        self._env = env
        self._routes = policy / "routes.yaml"

    def edit(self, old: str, new: str) -> None:
        """Change the ownership file while cases run."""
        text = self._routes.read_text("utf-8")
        assert old in text
        self._routes.write_text(text.replace(old, new), "utf-8")
        self.reload()

    async def later(self, **span: float) -> None:
        await self._env.sleep(timedelta(**span))

    async def now(self) -> datetime:
        return await self._env.get_current_time()


class Resident(Case):
    """A case of the kind that triage takes: ticket, message, wait for the fix."""

    def __init__(self, world: World, name: str, **said: Any) -> None:
        super().__init__(world, name)
        api = {"host": HOST, "path": f"/{name}", "method": "GET", "environment": "prod"}
        self._said: Mapping[str, Any] = {
            "severity": "medium",
            "kind": "weakness",
            "type": "headers",
            "api": api,
            **said,
        }

    async def found(self, delivery: str = "d1") -> None:
        await self.report(delivery, said=self._said)

    async def fixed(self, delivery: str = "clean") -> None:
        await self.report(delivery, status="resolved", said=self._said)

    async def routed(self) -> CaseView:
        """Poll until its route is known."""
        async with asyncio.timeout(40):
            while True:
                view: CaseView | None = await self.handle.query(contract.VIEW, result_type=CaseView)
                if view is not None and view.route.rule:
                    return view
                await asyncio.sleep(0.02)

    def calls(self, action: str) -> list[ActionCall]:
        return [call for call in self.world.calls if call.scene.case_id == self.id and call.action == action]


class Group:
    """The group of some residents, as the world and its own view have it."""

    def __init__(self, world: World, group_id: str) -> None:
        self.world, self.id = world, group_id
        self.handle: WorkflowHandle[Any, Any] = world.client.get_workflow_handle(group_id)

    async def view(self) -> CaseView:
        view: CaseView = await self.handle.query(contract.VIEW, result_type=CaseView)
        return view

    def calls(self, action: str) -> list[ActionCall]:
        return [call for call in self.world.calls if call.scene.case_id == self.id and call.action == action]

    async def ticket(self, state: str, event: str, *, by: str = "user:tom", **more: str) -> None:
        change = TicketChange(event_id=event, key="PAY-1", state=state, by=by, **more)
        await self.handle.signal(contract.TICKET_CHANGED, change)

    async def until(self, state: str, *, seconds: float = 40.0) -> CaseView:
        async with asyncio.timeout(seconds):
            while True:
                view = await self.view()
                if view.summary.state == state:
                    return view
                await asyncio.sleep(0.02)


async def group_of(case: Case) -> Group:
    view = await case.view()
    assert view.noise.group is not None
    return Group(case.world, view.noise.group.workflow_id)
