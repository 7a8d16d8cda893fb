"""What becomes of tickets that were made twice, because a tracker was worse than the time it was given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from activities._ticket.common import note_marker
from stanch.errors import Rejected
from stanch.ports import Swept, Ticket, TicketState


class Sweeping(Protocol):
    """What a tracker offers for it."""

    def set_state(self, key: str, state: TicketState, *, resolution: str = "", note: str = "") -> Ticket: ...

    def add_note(self, key: str, text: str, *, marker: str) -> None: ...

    def noted(self, key: str, *, marker: str) -> bool:
        """Whether the ticket has the note with the marker."""
        ...

    def relate(self, extra: Ticket, kept: Ticket) -> None:
        """Link the two; a tracker that has no such link leaves it to the note."""
        ...


def oldest(tickets: Sequence[Ticket]) -> Ticket | None:
    """Of tickets given oldest first, the first that is not done; else the first.

    Somebody may have closed the older one in favour of the other.
    """
    return next((each for each in tickets if each.state is not TicketState.DONE), next(iter(tickets), None))


def sweep(tracker: Sweeping, tickets: Sequence[Ticket], *, keep: str = "") -> Swept:
    """Keep one of the tickets, oldest first, and close the others in its favour."""
    named = next((each for each in tickets if keep and keep in (each.key, each.id)), None)
    kept = named or oldest(tickets)
    if kept is None:
        return Swept()
    ends = {extra.key: _put_away(tracker, extra, kept) for extra in tickets if extra.key != kept.key}
    closed, left = (tuple(key for key, end in ends.items() if end == word) for word in ("closed", "left"))
    return Swept(kept=kept.key, closed=closed, left=left)


def _put_away(tracker: Sweeping, extra: Ticket, kept: Ticket) -> str:
    """Link, close, then say why: one that has the note and is open was opened again by a person, who wins."""
    marker = note_marker("duplicate", extra.key, kept.key)
    if extra.state is not TicketState.DONE and tracker.noted(extra.key, marker=marker):
        return "left"
    tracker.relate(extra, kept)
    done = "before" if extra.state is TicketState.DONE else "closed"
    try:
        tracker.set_state(extra.key, TicketState.DONE, resolution="duplicate")
    except Rejected:
        done = "left"  # its workflow does not let us
    tracker.add_note(extra.key, f"This ticket was made twice. {kept.key} goes on: {kept.url}", marker=marker)
    return done
