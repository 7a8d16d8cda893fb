"""What others have changed at our issues: which ones since a moment, and what people have written on one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from activities._jira.client import JiraClient
from activities._jira.view import account_of, milliseconds
from activities._ticket.common import OUR_MARK
from stanch.ports import MOST_NOTES, TicketEvent, TicketNote

MOST_PAGES = 100  # of fifty issues
_BREAKS = ("paragraph", "heading", "codeBlock", "hardBreak", "listItem", "rule", "tableRow")


def changed_since(client: JiraClient, since: datetime) -> Sequence[TicketEvent]:
    """Our issues that were updated since then, oldest change first.

    JQL reads a date in the time zone of the account that asks, and to the minute. Minutes back from now mean the same
    in every zone. Only a number goes into the query.
    """
    minutes = max(1, math.ceil((datetime.now(UTC) - since) / timedelta(minutes=1)))
    jql = f"labels = stanch AND updated >= -{minutes}m ORDER BY updated ASC"
    rows = client.search(jql, fields="updated", action="look for changed tickets", pages=MOST_PAGES)
    return [_event(row) for row in rows if milliseconds(_updated(row))]


def _updated(row: dict[str, Any]) -> object:
    fields = row.get("fields")
    return fields.get("updated") if isinstance(fields, dict) else None


def _event(row: dict[str, Any]) -> TicketEvent:
    version = milliseconds(_updated(row))
    return TicketEvent(
        system="jira",
        ticket_key=str(row.get("key", "")),
        event_id=f"poll:{row.get('id', '')}:{version}"[:128],
        ticket_id=str(row.get("id", "")),
        version=version,
        at=datetime.fromtimestamp(version / 1000, UTC),
    )


def notes(client: JiraClient, key: str, *, own: str) -> Sequence[TicketNote]:
    """The newest comments that are not ours."""
    query = {"orderBy": "-created", "startAt": "0", "maxResults": str(MOST_NOTES)}
    found = client.get(f"issue/{key}/comment", action="read the notes", params=query) or {}
    read = [_note(row) for row in found.get("comments") or [] if isinstance(row, dict)]
    # Who answers by mail quotes us, mark and all; only where nobody knows our own account the mark must do.
    theirs = [note for note in read if not (note.author == own if own else OUR_MARK in note.text)]
    return sorted(theirs, key=lambda note: (note.at or datetime.min.replace(tzinfo=UTC), note.id))


def _note(row: dict[str, Any]) -> TicketNote:
    made = milliseconds(row.get("created"))
    at = datetime.fromtimestamp(made / 1000, UTC) if made else None
    return TicketNote(
        id=str(row.get("id", "")), author=account_of(row.get("author")), text=plain(row.get("body")), at=at
    )


def plain(body: object) -> str:
    """The words of a comment: Data Center sends text, Cloud a document, of which only the text counts."""
    if isinstance(body, str):
        return body
    return "".join(_words(body, depth=0)).strip()


def _words(node: object, *, depth: int) -> Iterator[str]:
    if not isinstance(node, dict) or depth > 40:
        return
    text = node.get("text") or (node.get("attrs") or {}).get("text")  # a mention's name is an attribute
    if isinstance(text, str):
        yield text
    for child in node.get("content") or ():
        yield from _words(child, depth=depth + 1)
    if node.get("type") in _BREAKS:
        yield "\n"
