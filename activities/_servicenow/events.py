"""Callbacks of a ServiceNow business rule: Standard Webhooks signatures over the raw body."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from standardwebhooks import Webhook, WebhookVerificationError

from activities._servicenow.query import is_number, is_sys_id
from activities._ticket.common import header, not_authentic
from stanch.errors import IntakeError
from stanch.ports import TicketEvent


def verify(headers: Mapping[str, str], body: bytes, *, keys: tuple[bytes, ...]) -> None:
    """Check id, time (5 minutes) and signature against each key; without a key nothing is authentic.

    Raises:
        IntakeError: 401.
    """
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    given = {name: header(headers, name) for name in names}
    matches = [_matches(key, given, body) for key in keys]  # each key, so that time does not tell which matched
    if not any(matches):
        raise not_authentic("ServiceNow")


def _matches(key: bytes, headers: dict[str, str], body: bytes) -> bool:
    encoded = key.startswith(b"whsec_")
    try:
        Webhook(key.decode() if encoded else key).verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError, TypeError):
        return False
    return True


def read(headers: Mapping[str, str], body: bytes, *, table: str) -> TicketEvent | None:
    """The event, None where it is about a record of another table.

    Raises:
        IntakeError: 400, the body is not what our business rule sends.
    """
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        raise IntakeError("the ServiceNow callback is not JSON", code="I402") from None
    if not isinstance(event, dict) or not is_number(str(event.get("number", ""))):
        raise IntakeError("the ServiceNow callback names no record", code="I402", place="number")
    if event.get("table") != table:
        return None
    event_id = header(headers, "webhook-id") or hashlib.sha256(body).hexdigest()[:32]
    actor = str(event.get("sys_updated_by", ""))
    sys_id = str(event.get("sys_id") or "")
    return TicketEvent(
        system="servicenow",
        ticket_key=event["number"],
        event_id=event_id[:128],
        actor=actor,
        ticket_id=sys_id if is_sys_id(sys_id) else "",
    )
