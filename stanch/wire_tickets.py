"""What the workflows around tickets and their activities say to each other; additive only."""

from __future__ import annotations

from datetime import datetime

from stanch.leases import Wire
from stanch.ports import TicketEvent


class TicketWord(Wire):
    """What a person has written on a ticket; redacted and cut."""

    id: str
    by: str = ""
    text: str = ""
    at: datetime | None = None


class TicketHint(Wire):
    """A ticket is to be looked at again."""

    system: str
    key: str
    event_id: str
    actor: str = ""
    ticket_id: str = ""

    @classmethod
    def of(cls, system: str, event: TicketEvent) -> TicketHint:
        """The hint that a tracker has given, under the tracker's name of our configuration."""
        return cls(
            system=system,
            key=event.ticket_key,
            event_id=event.event_id,
            actor=event.actor,
            ticket_id=event.ticket_id,
        )

    @property
    def event(self) -> TicketEvent:
        """As the tracker's connector gave it."""
        return TicketEvent(self.system, self.key, self.event_id, actor=self.actor, ticket_id=self.ticket_id)


class FollowInput(Wire):
    """Start of the workflow that looks at one ticket until its tracker answers."""

    system: str
    hints: tuple[TicketHint, ...] = ()


class PollCall(Wire):
    """Look for what changed at one tracker since `since`, "" for the first time."""

    system: str
    since: str = ""


class ReconcileCall(Wire):
    """Compare the tickets that come after `after`.

    Args:
        dry_run: name differences, repair nothing.
    """

    after: tuple[str, str] = ("", "")
    dry_run: bool = False


class Difference(Wire):
    """A ticket and its case that say different things.

    Args:
        what: one word for it. reason: how it can have come. done: repaired, reported, or would be repaired.
    """

    case_id: str
    system: str
    key: str
    what: str
    reason: str
    done: str


class Reconciled(Wire):
    """One page of the comparison. `next` is None at the end."""

    compared: int = 0
    unread: int = 0
    differences: tuple[Difference, ...] = ()
    next: tuple[str, str] | None = None
    at: datetime | None = None
