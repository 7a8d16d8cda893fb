"""Callbacks of Jira: verified over the raw body, then read for which issue changed and who did it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from activities._jira.client import issue_key
from activities._jira.view import account_of
from activities._ticket.common import header, not_authentic
from stanch.errors import IntakeError, Rejected
from stanch.ports import TicketEvent


def verify(headers: Mapping[str, str], body: bytes, *, keys: tuple[bytes, ...]) -> None:
    """Check X-Hub-Signature in constant time against each key; without a key nothing is authentic.

    Raises:
        IntakeError: 401.
    """
    method, _, given = header(headers, "X-Hub-Signature").partition("=")
    sent = given.encode("ascii", errors="replace")
    expected = [hmac.new(key, body, hashlib.sha256).hexdigest().encode() for key in keys]
    # Every key is compared, so that time does not tell which one matched.
    matches = [hmac.compare_digest(each, sent) for each in expected]
    if method != "sha256" or not any(matches):
        raise not_authentic("Jira")


def read(headers: Mapping[str, str], body: bytes) -> TicketEvent | None:
    """The event, None where it is about no issue.

    Raises:
        IntakeError: 400, the body is not a Jira event.
    """
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        raise IntakeError("the Jira callback is not JSON", code="I402") from None
    if not isinstance(event, dict):
        raise IntakeError("the Jira callback is not an object", code="I402")
    issue = event.get("issue")
    if not isinstance(issue, dict):
        return None
    try:
        key = issue_key(str(issue.get("key", "")))
    except Rejected:
        raise IntakeError("the Jira callback names no issue key", code="I402", place="issue.key") from None
    # Jira repeats a delivery under the same identifier; a body of its own is as good where the header is missing.
    event_id = header(headers, "X-Atlassian-Webhook-Identifier") or hashlib.sha256(body).hexdigest()[:32]
    ticket_id = str(issue.get("id") or "")
    return TicketEvent(
        system="jira",
        ticket_key=key,
        event_id=event_id[:128],
        actor=_actor(event),
        ticket_id=ticket_id if ticket_id.isascii() and ticket_id.isdigit() else "",
    )


def _actor(event: Mapping[str, Any]) -> str:
    comment = event.get("comment")
    author = comment.get("updateAuthor") or comment.get("author") if isinstance(comment, dict) else None
    return account_of(event.get("user")) or account_of(author)
