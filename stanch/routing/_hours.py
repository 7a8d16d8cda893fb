"""Out of hours: who hears of it when the calendar of a rule is closed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from stanch.routing._decide import Book, Draft


def out_of_hours(draft: Draft, book: Book, now: datetime) -> Draft:
    """While the calendar is closed, the next entry of the escalation is told at once as well."""
    calendar = book.calendars.get(draft.calendar)
    ladder = book.file.escalations.get(draft.escalation, ())
    if calendar is None or len(ladder) < 2 or calendar.is_open(now):
        return draft
    added = tuple(name for name in ladder[1].notify if name not in draft.notify)
    if not added:
        return draft
    note = f"{draft.calendar} is closed: {', '.join(added)} of escalation {draft.escalation} is told at once"
    return replace(draft, notify=(*draft.notify, *added)).noted(note)
