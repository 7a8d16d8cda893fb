"""Passing the turn on: when a run is over the next case in its line is told, and who is to leave is asked to."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities._world import World
from stanch import contract
from stanch.contract import CaseCommand
from stanch.playbooks.turns import TURN

OVER = ("verifying", "needs_person", "closed")


def pass_on(world: World, case_id: str, state: str) -> None:
    """A case that is over leaves its lines; first the next is told, so that no turn is lost between the two."""
    if state not in OVER:
        return
    for key in world.records.turns_of(case_id):
        _leave(world, key, case_id)


def _leave(world: World, key: str, case_id: str) -> None:
    """Tell who is behind, passing over cases that are not there any more, and only then leave."""
    leaving = case_id
    while (standing := world.records.turns_of(leaving).get(key)) is not None:
        name = f"turn-{key}-{standing.since.isoformat()}"  # a case may have its turn more than once
        told = not standing.behind or _tell(world, standing.behind, "signal", text=TURN, name=name)
        world.records.leave_turn(key, leaving)
        if told:
            return
        leaving = standing.behind


def call_off(world: World, cases: Sequence[str], *, by: str) -> None:
    """Ask runs to end; they take back what they have changed, and then it is the turn of whoever waits."""
    for case_id in cases:
        if not _tell(world, case_id, "close", text=f"replaced by {by}", name=f"replaced-{by}"):
            pass_on(world, case_id, "closed")


def _tell(world: World, case_id: str, kind: str, *, text: str, name: str) -> bool:
    """Send a word to a case; False where it is not there any more."""
    command = CaseCommand(kind=kind, by="stanch", text=text, command_id=name)

    async def send(client: Client) -> bool:
        try:
            await client.get_workflow_handle(case_id).signal(contract.CASE_COMMAND, command)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    return world.call(send)
