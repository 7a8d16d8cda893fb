"""The semi-automated case as somebody would write it directly in Temporal, with effects that do nothing."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import activity, workflow

EFFECT = timedelta(seconds=30)


@activity.defn
async def effect(name: str) -> str:
    """One effect that does nothing."""
    return name


@workflow.defn
class ByHand:
    """No routing, ledger, guard, lease or second look."""

    def __init__(self) -> None:
        self._voters: set[str] = set()
        self._facts: set[str] = set()

    @workflow.run
    async def run(self, _: str) -> str:
        await asyncio.gather(
            self._do("ticket.create", "chat.message"), self._do("traffic.usage"), self._do("block.estimate")
        )
        await self._do("approval.show")
        await workflow.wait_condition(lambda: len(self._voters) == 2, timeout=timedelta(hours=4))
        await asyncio.gather(self._do("block.scope", "probe.expect_blocked"), self._do("approval.close"))
        await workflow.wait_condition(lambda: len(self._facts) == 2, timeout=timedelta(days=30))
        await self._do("block.lift", "ticket.close")
        return "done"

    async def _do(self, *names: str) -> None:
        for name in names:
            await workflow.execute_activity(effect, name, start_to_close_timeout=EFFECT)

    @workflow.update
    def decide(self, person: str) -> int:
        self._voters.add(person)
        return len(self._voters)

    @workflow.signal
    def fact(self, name: str) -> None:
        self._facts.add(name)

    @workflow.query
    def voters(self) -> int:
        return len(self._voters)
