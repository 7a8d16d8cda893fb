"""The chat verb: to whom, in which words; without a chat system the words stay in the case's timeline."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from activities._names import channel_of
from activities._posting import post_once
from activities._run import Job
from activities._texts import case_text, context_of, render
from activities._world import World
from stanch.actions.chat import Rewrite, Send, Sent
from stanch.errors import DependencyError, Rejected
from stanch.ports import ChatPort, Message, Posted
from stanch.snoozing import REMINDER, silent_until

_CHANNEL = re.compile(r"[CGDUW][A-Z0-9]{2,30}", re.ASCII)


def _send(world: World, job: Job, params: Send) -> Sent:
    name = world.first("chat")
    if not name:
        return Sent(delivered=False)
    channel = _channel(world, params.to, kind=str(world.sections("chat")[name].get("kind", name)))
    if not channel:
        raise Rejected(
            f"{params.to or 'nobody'} cannot be reached in {name}", code="V012", hint="add it to the directory"
        )
    if params.template == REMINDER and _is_snoozed(world, job.scene.case_id, params.to):
        return Sent(delivered=False)
    port: ChatPort = world.connector("chat", name)
    posted = post_once(world, port, _message(world, job, params, channel=channel))
    return Sent(channel=posted.channel, ref=posted.ref)


def _rewrite(world: World, job: Job, params: Rewrite) -> Sent:
    """Say it anew in the same place; where nothing was sent, there is nothing to rewrite."""
    name = world.first("chat")
    if not name or not params.ref:
        return Sent(delivered=False)
    port: ChatPort = world.connector("chat", name)
    port.update(Posted(params.channel, params.ref), _message(world, job, params, channel=params.channel))
    return Sent(channel=params.channel, ref=params.ref)


def _message(world: World, job: Job, params: Send | Rewrite, *, channel: str) -> Message:
    context = context_of(world, job.scene, text=params.text, step=job.call.path)
    text = render(world, job.scene, params.template, context)
    return Message(
        key=job.call.key,
        channel=channel,
        title=text.title,
        text=text.body,
        context=(case_text(world, job.scene), *_ticket_line(job, params.thread)),
        case_id=job.scene.case_id,
    )


def _ticket_line(job: Job, named: str) -> tuple[str, ...]:
    """The case's ticket with its address; a step that names another has that one's key alone."""
    scene, key = job.scene, named or job.scene.ticket_key
    if not key:
        return ()
    return (f"Ticket {key}: {scene.ticket_url}" if scene.ticket_url and key == scene.ticket_key else f"Ticket {key}",)


def _channel(world: World, to: str, *, kind: str) -> str:
    """A channel id is taken as it is; everything else is a name of the directory."""
    return to if _CHANNEL.fullmatch(to) else channel_of(world, to, kind)


def _is_snoozed(world: World, case_id: str, to: str) -> bool:
    """Whether this person has asked not to be reminded of the case now; while nobody can say, they are."""
    with contextlib.suppress(DependencyError):
        return silent_until(world.records.timeline(case_id), to, datetime.now(UTC)) is not None
    return False


IMPLEMENTATIONS: Mapping[str, Any] = {"chat.message": _send, "chat.update": _rewrite}
