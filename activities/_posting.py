"""A message of a case, posted once for its key, under the case's first message in that place."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from activities._world import World
from stanch.errors import DependencyError, Rejected
from stanch.ports import Message, Posted


class Poster(Protocol):
    """Whatever posts a message."""

    def post(self, message: Message) -> Posted: ...


def post_once(world: World, port: Poster, message: Message) -> Posted:
    """Post, unless an earlier attempt has; what is decided with stands by itself, everything else is in the thread.

    Records that are down cost the thread, never the message.
    """
    known = _known(world, message)
    if isinstance(known, Posted):
        return known
    posted = _posted(port, message if message.buttons else replace(message, thread=message.thread or known))
    with contextlib.suppress(DependencyError):
        world.records.put_chat_message(
            message.case_id,
            message.channel,
            message.key,
            posted=(posted.channel, posted.ref),
            at=datetime.now(UTC),
        )
    return posted


def _known(world: World, message: Message) -> Posted | str:
    """Where it is already, else the thread that it belongs to."""
    with contextlib.suppress(DependencyError):
        found = world.records.chat_message(message.case_id, message.channel, message.key)
        return Posted(*found) if found else world.records.chat_thread(message.case_id, message.channel)
    return ""


def _posted(port: Poster, message: Message) -> Posted:
    """The thread's first message may have been removed; then it stands by itself."""
    if not message.thread:
        return port.post(message)
    try:
        return port.post(message)
    except Rejected:
        return port.post(replace(message, thread=""))
