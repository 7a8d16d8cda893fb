"""What a chat system can do beyond messages: dialogs, a home for each person, groups, and a line it calls us on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from stanch.ports import Message

View = Mapping[str, Any]
Acknowledge = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Heard:
    """One thing that came over the line.

    Args:
        kind: `interactive`, `slash_commands` or `events_api`.
        payload: as it came; nothing of it is proven but that the line is ours.
    """

    kind: str
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class LineState:
    """How the line is.

    Args:
        connections: how many lines this app has, as the chat system last said, without one that is being replaced.
        problem: why it was given up for good; "" while it is kept up.
        hint: what to do about that.
    """

    connected: bool = False
    connections: int = 0
    problem: str = ""
    hint: str = ""


class Line(Protocol):
    """A line that is kept up until it is closed, or refused for good."""

    def state(self) -> LineState: ...

    def close(self) -> None: ...


@runtime_checkable
class ReadsBack(Protocol):
    """A chat system that brings a message back with a click on it, so that what was read can be told from a forgery."""

    def look(self, message: Message) -> str:
        """A digest of what people will read of it, but for what its buttons hold."""
        ...


@runtime_checkable
class ChatSurface(Protocol):
    """A chat system with dialogs. Calls are blocking, are made once, and raise our outcomes."""

    def open_view(self, trigger_id: str, view: View) -> None:
        """Show a dialog to whoever has just done something."""
        ...

    def change_view(self, view_id: str, view: View, *, seen: str) -> None:
        """Replace a dialog, unless it has changed since it was `seen`."""
        ...

    def publish_home(self, user_id: str, view: View) -> None:
        """Replace a person's home."""
        ...

    def members(self, group_id: str) -> frozenset[str]:
        """Who is in a group, at most five minutes ago."""
        ...

    def listen(self, heard: Callable[[Heard, Acknowledge], None]) -> Line | None:
        """Open a line and return at once; None where none is configured.

        Args:
            heard: called for each thing once, from threads of the line; it must return at once and acknowledge within
                three seconds.
        """
        ...
