"""How cases and groups speak to each other: through the client, so that a word costs one event where it is heard."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from activities._world import World
from stanch import contract
from stanch.catalog import Queue
from stanch.noise import words
from stanch.noise.words import GroupInput, GroupPost, GroupPosted, GroupRef, GroupTell, QuietOver, Unquiet
from stanch.reporting import CALL

CHUNK = 16  # signals under way at a time


def tell(world: World, word: GroupTell) -> None:
    """Bring a member's word to its group, starting the group where there is none; stored once this returns."""
    world.call(lambda client: bring_word(client, word))


async def bring_word(client: Client, word: GroupTell) -> None:
    """Signal-with-start; a group that is over begins again as a new one."""
    await client.start_workflow(
        words.GROUP_WORKFLOW,
        GroupInput(group_id=word.ref.workflow_id),
        id=word.ref.workflow_id,
        task_queue=contract.queue(Queue.CORE),
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        start_signal=words.GROUP_TELL,
        start_signal_args=[word],
        rpc_timeout=CALL,
    )


def next_generation(world: World, ref: GroupRef) -> None:
    """New members of this group join the generation that `ref` names."""
    world.records.put_generation(ref.group_id, ref.generation, datetime.now(UTC))


def post(world: World, letter: GroupPost) -> GroupPosted:
    """Signal members; those that are over are named in the answer. Sent twice, it changes nothing."""
    gone: list[str] = []
    for start in range(0, len(letter.members), CHUNK):
        gone += _signal(world, letter.members[start : start + CHUNK], letter.signal, letter.message)
    return GroupPosted(gone=tuple(gone))


def unquiet(world: World, over: Unquiet) -> None:
    """The case is settled: those that it has held back look again."""
    held = world.records.uninhibit(over.case_id)
    message = QuietOver(source=over.case_id)
    for start in range(0, len(held), CHUNK):
        part = held[start : start + CHUNK]
        _signal(world, part, words.QUIET_OVER, message)
        world.records.forget_held(over.case_id, part)


def _signal(world: World, cases: Sequence[str], signal: str, message: Any) -> list[str]:
    return world.call(lambda client: signal_all(client, cases, signal, message))


async def signal_all(client: Client, cases: Sequence[str], signal: str, message: Any) -> list[str]:
    """Signal several cases; gives those that are no longer there."""

    async def one(case_id: str) -> str:
        try:
            await client.get_workflow_handle(case_id).signal(signal, message, rpc_timeout=CALL)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return case_id
        return ""

    return [case_id for case_id in await asyncio.gather(*map(one, cases)) if case_id]
