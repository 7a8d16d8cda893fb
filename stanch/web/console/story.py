"""The timeline for reading: a title and a few words per line, the rest folded away; nothing uncertain is left out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stanch.records import TimelineItem
from stanch.sinks.text import clean, one_line

INTENT, OUTCOME = ".intent", ".outcome"
MAX_BRIEF = 300
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.ASCII)
_TITLES = {
    "finding.accepted": "Finding accepted",
    "finding.repeated": "Finding reported again",
    "case.routed": "Owner found",
    "run.started": "Playbook started",
    "case.status": "State",
    "case.attest": "Somebody says that it is fixed",
    "case.put_away": "Put away",
    "case.linked": "Belongs to another case",
    "finding.changed": "The source has corrected it",
    "finding.outdated": "Older than what is known: counted only",
    "finding.put_away": "Reported while it is put away",
    "route.raised": "More urgent than before",
    "suppression.contradicted": "Attacked although it was accepted",
    "suppression.ended": "No longer put away",
    "case.assigned": "Given to somebody else",
    "case.comment": "Comment",
    "case.reopened": "Opened again",
    "case.waiting_for_person": "Waits for a person",
    "approval.vote": "Decision",
    "lease.lift_asked": "Lift asked for",
    "ticket.reassigned": "Ticket reassigned",
    "ticket.comment": "Written on the ticket",
    "ticket.priority": "Ticket has another priority",
    "ticket.moved": "Ticket has another key",
    "ticket.opened_again": "Ticket opened again by nobody of the directory",
    "ticket.gone": "Ticket is gone",
    "ticket.found": "Ticket is there again",
    "ticket.closed_without_proof": "Ticket closed again and again, without proof",
    "ticket.not_told": "The tracker took no note",
    "noise.held": "Held back: nobody is told for now",
    "noise.over": "Nothing holds it back any more",
    "noise.released": "Said now, after it was held back",
    "case.escalated": "Brought to more people",
    "group.opened": "Group opened",
    "group.escalated": "Brought to more people",
    "group.ticket_changed": "The group's ticket changed",
    "group.failed": "The group could not do this",
}
# What of an entry is worth reading without unfolding it, in this order.
_BRIEF = (
    "status",
    "verdict",
    "question",
    "outcome",
    "state",
    "key",
    "text",
    "reason",
    "as",
    "until",
    "how",
    "why",
    "to",
    "owner",
    "playbook",
)


@dataclass(frozen=True)
class Line:
    """One line of the story."""

    title: str
    brief: str
    at: datetime
    actor: str
    step: str
    rest: tuple[tuple[str, str], ...]
    uncertain: bool = False
    erased: bool = False


def story(entries: Sequence[TimelineItem]) -> list[Line]:
    """Newest first; an intent whose outcome is known is told by the outcome, a step that went well by its panel."""
    settled = {entry.effect for entry in entries if entry.event.endswith(OUTCOME) and not entry.uncertain}
    kept = [entry for entry in entries if not (entry.event.endswith(INTENT) and entry.effect in settled)]
    return [_line(entry) for entry in reversed(kept) if entry.event != "step.ok"]


def _line(entry: TimelineItem) -> Line:
    data = {name: value for name, value in entry.data.items() if value not in ("", None, [], {})}
    return Line(
        title=_title(entry),
        brief=one_line(", ".join(_words(data)), limit=MAX_BRIEF),
        at=entry.time,
        actor=entry.actor,
        step=entry.step,
        rest=tuple((name.replace("_", " "), _text(value)) for name, value in data.items()),
        uncertain=entry.uncertain,
        erased=entry.erased,
    )


def _title(entry: TimelineItem) -> str:
    event = entry.event
    if event in _TITLES:
        return _TITLES[event]
    if event.endswith(OUTCOME):
        return event.removesuffix(OUTCOME)
    if event.endswith(INTENT):
        return f"{event.removesuffix(INTENT)} begun"
    words = clean(event).replace(".", " ").replace("_", " ")
    return words[:1].upper() + words[1:]


def _words(data: Mapping[str, Any]) -> Iterable[str]:
    for name in _BRIEF:
        value = data.get(name)
        if isinstance(value, str):
            yield value.lower() if name == "outcome" else value


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return one_line(text, limit=1000)


def plain_duration(text: str) -> str:
    """An ISO 8601 duration with what it means beside it; any other text as it is."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        return text
    units = ("d", "h", "min", "s")
    words = " ".join(f"{count} {unit}" for count, unit in zip(match.groups(), units, strict=True) if count)
    return f"{words} ({text})"
