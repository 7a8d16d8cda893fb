"""The chat verb: to whom, in which words; without a chat system the words stay in the case's timeline."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from activities import _ways as ways
from activities._run import Job
from activities._texts import case_text, context_of, render
from activities._world import World
from stanch.actions.chat import Rewrite, Send, Sent
from stanch.errors import DependencyError, Rejected
from stanch.ports import Message, Posted
from stanch.snoozing import REMINDER, silent_until

_CHANNEL = re.compile(r"[CGDUW][A-Z0-9]{2,30}", re.ASCII)


def _send(world: World, job: Job, params: Send) -> Sent:
    if not ways.can_tell(world):
        return Sent(delivered=False)
    way = _way(world, params.to)
    if way is None:
        raise Rejected(
            f"{params.to or 'nobody'} cannot be reached in chat or by mail", code="V012", hint="add it to the directory"
        )
    if params.template == REMINDER and _is_snoozed(world, job.scene.case_id, params.to):
        return Sent(delivered=False)
    posted = ways.deliver(world, way, _message(world, job, params, channel=way.place))
    return Sent(channel=posted.channel, ref=posted.ref)


def _rewrite(world: World, job: Job, params: Rewrite) -> Sent:
    """Say it anew in the same place; where nothing was sent, there is nothing to rewrite."""
    by_mail = ways.is_by_mail(params.channel)
    if not params.ref or not world.first(ways.MAIL if by_mail else ways.CHAT):
        return Sent(delivered=False)
    posted, message = Posted(params.channel, params.ref), _message(world, job, params, channel=params.channel)
    if by_mail:
        ways.send_anew(world, posted, message)
    else:
        ways.chat_of(world).update(posted, message)
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
        links=(job.scene.ticket_url,) if job.scene.ticket_url else (),
    )


def _ticket_line(job: Job, named: str) -> tuple[str, ...]:
    """The case's ticket with its address; a step that names another has that one's key alone."""
    scene, key = job.scene, named or job.scene.ticket_key
    if not key:
        return ()
    return (f"Ticket {key}: {scene.ticket_url}" if scene.ticket_url and key == scene.ticket_key else f"Ticket {key}",)


def _way(world: World, to: str) -> ways.Way | None:
    """A channel id is taken as it is; everything else is a name of the directory."""
    if _CHANNEL.fullmatch(to):
        return ways.Way(ways.CHAT, to) if world.first(ways.CHAT) else None
    return ways.way_to(world, to)


def _is_snoozed(world: World, case_id: str, to: str) -> bool:
    """Whether this person has asked not to be reminded of the case now; while nobody can say, they are."""
    with contextlib.suppress(DependencyError):
        return silent_until(world.records.timeline(case_id), to, datetime.now(UTC)) is not None
    return False


IMPLEMENTATIONS: Mapping[str, Any] = {"chat.message": _send, "chat.update": _rewrite}
