"""How cases and groups of a test world speak to each other: by the production functions, through the test's client."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from temporalio import activity

from activities.groups import bring_word, signal_all
from stanch.noise import words
from stanch.noise.words import GroupPost, GroupPosted, GroupRef, GroupTell, QuietOver, Unquiet

if TYPE_CHECKING:
    from tests.workflows.scene import World


def between(world: World) -> list[Callable[..., Any]]:
    """The activities of groups and inhibitions."""

    @activity.defn(name=words.TELL_GROUP)
    async def tell(word: GroupTell) -> None:
        for _ in range(world.stutter):
            await bring_word(world.client, word)

    @activity.defn(name=words.NEXT_GENERATION)
    async def following(ref: GroupRef) -> None:
        world.records.put_generation(ref.group_id, ref.generation, datetime.now(UTC))

    @activity.defn(name=words.POST_MEMBERS)
    async def post(letter: GroupPost) -> GroupPosted:
        world.letters.append(letter)
        gone = await signal_all(world.client, letter.members, letter.signal, letter.message)
        return GroupPosted(gone=tuple(gone))

    @activity.defn(name=words.UNQUIET)
    async def unquiet(over: Unquiet) -> None:
        held = world.records.uninhibit(over.case_id)
        await signal_all(world.client, held, words.QUIET_OVER, QuietOver(source=over.case_id))
        world.records.forget_held(over.case_id, held)

    return [tell, following, post, unquiet]
