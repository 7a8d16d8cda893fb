"""The chat verb: to whom, in which words; without a chat system the words stay in the case's timeline."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from activities._run import Job
from activities._texts import case_text, context_of
from activities._world import World
from stanch.actions.chat import Send, Sent
from stanch.errors import Rejected
from stanch.ports import ChatPort, Message

CHANNEL_PREFIXES = ("C", "G", "D", "U", "W")


def channel_of(world: World, to: str, *, system: str) -> str:
    """The chat system's own id behind a directory name; a channel id is taken as it is."""
    if ":" not in to:
        return to if to.startswith(CHANNEL_PREFIXES) else ""
    return world.people.contact(to, system, datetime.now(UTC))


def _send(world: World, job: Job, params: Send) -> Sent:
    name = world.first("chat")
    if not name:
        return Sent(delivered=False)
    channel = channel_of(world, params.to, system=str(world.sections("chat")[name].get("kind", name)))
    if not channel:
        raise Rejected(
            f"{params.to or 'nobody'} cannot be reached in {name}", code="V012", hint="add it to the directory"
        )
    text = world.policy.texts.render(
        params.template, context_of(world, job.scene, text=params.text, step=job.call.path)
    )
    port: ChatPort = world.connector("chat", name)
    posted = port.post(
        Message(
            key=job.call.key,
            channel=channel,
            title=text.title,
            text=text.body,
            context=(case_text(world, job.scene), *((f"Ticket {params.thread}",) if params.thread else ())),
            case_id=job.scene.case_id,
        )
    )
    return Sent(channel=posted.channel, ref=posted.ref)


IMPLEMENTATIONS: Mapping[str, Any] = {"chat.message": _send}
