"""Changes that no point holds, such as a revoked token, as remediation activities of OCSF."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import NamedTuple

from stanch.sinks.ocsf import VERSION, Event, Status, Technique, classified, countermeasure, one_line


class Change(NamedTuple):
    """One call of an action that changes production.

    Args:
        key: of the effect; the same for every attempt. lifting: it takes back what was changed.
        about: whom or what, by parameter.
    """

    action: str
    key: str
    case_id: str
    playbook: str
    step: str
    lifting: bool
    about: dict[str, str]


_EVICT = ("token.", "user.")  # they take a credential or session away
_TECHNIQUES = {
    "token.revoke": Technique("Evict", "D3-CR", "Credential Revocation"),
    "user.sign_out": Technique("Evict", "D3-ANCI", "Authentication Cache Invalidation"),
}


def change_event(change: Change, *, at: datetime, status: Status, detail: str = "") -> Event:
    """The event of class 7001; the same effect told twice has the same `metadata.uid`."""
    activity = 3 if change.lifting else 2 if change.action.startswith(_EVICT) else 1
    said = f"{change.key}\x1f{change.action}\x1f{status.name}"
    event: Event = {
        **classified(activity, status),
        "time": int(at.timestamp() * 1000),
        "message": one_line(f"{change.action}: {', '.join(change.about.values()) or change.case_id}"),
        "command_uid": change.key,
        "metadata": {
            "version": VERSION,
            "product": {"name": "Stanch", "vendor_name": "Stanch"},
            "uid": hashlib.sha256(said.encode()).hexdigest()[:32],
            "correlation_uid": change.case_id,
            "log_name": "remediation",
        },
        "remediation": {"desc": one_line(f"{change.playbook}, step {change.step}, case {change.case_id}")},
        "unmapped": {name: one_line(value) for name, value in change.about.items()},
    }
    if detail:
        event["status_detail"] = one_line(detail)
    if change.action in _TECHNIQUES and not change.lifting:
        event["countermeasures"] = [countermeasure(_TECHNIQUES[change.action])]
    return event
