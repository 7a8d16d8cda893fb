"""What a case knows of its ticket from the answers to its own writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stanch.cases import TicketRef


def learn_created(ticket: TicketRef, outputs: Mapping[str, Any]) -> None:
    """The ticket as it was made, or found again."""
    ticket.version, ticket.priority = int(outputs.get("version") or 0), str(outputs.get("priority") or "")
    ticket.gone = ticket.closed_here = False


def learn_moved(ticket: TicketRef, action: str, outputs: Mapping[str, Any]) -> None:
    """What our own write has changed. The rest of the answer may be a person's doing, which is taken as such."""
    version = int(outputs.get("version") or 0)
    names: tuple[str, ...] = ("state", "assignee", "group")
    if version:  # answers of earlier releases have none, and were learned whole
        names = ("assignee", "group") if action == "ticket.assign" else ("state",)
    for name in names:
        setattr(ticket, name, str(outputs.get(name) or getattr(ticket, name)))
    if action == "ticket.assign":
        ticket.given_at = version
        return
    ticket.moved_at, ticket.back = version, ""
    ticket.closed_here = action == "ticket.close"
    ticket.resolution = str(outputs.get("resolution") or "")
