"""How people end a case: fixed, attested, or put away until a day; each with a name and a reason."""

from __future__ import annotations

from datetime import datetime, timedelta

from stanch.cases import CaseState
from stanch.contract import CaseCommand, PutAway, TicketChange
from stanch.views import FindingView

PUTS_AWAY = ("false_positive", "risk_accepted", "duplicate")
RESOLUTIONS = ("fixed", *PUTS_AWAY)
DEFAULT_AWAY = timedelta(days=90)
MAX_AWAY = timedelta(days=365)


def put_away(command: CaseCommand, finding: FindingView | None, now: datetime) -> PutAway | None:
    """What a close with a resolution puts away; nothing where it was fixed, and no risk of an attack is accepted."""
    return _away(command.resolution, finding, now, by=command.by, reason=command.text, until=command.until)


def put_away_by_ticket(change: TicketChange, finding: FindingView | None, now: datetime) -> PutAway | None:
    """The same from a tracker's resolution."""
    by, reason = change.by or f"ticket {change.key}", f"resolution of ticket {change.key}"
    return _away(change.resolution, finding, now, by=by, reason=reason, until=None)


def _away(
    kind: str, finding: FindingView | None, now: datetime, *, by: str, reason: str, until: datetime | None
) -> PutAway | None:
    if kind not in PUTS_AWAY or (kind == "risk_accepted" and finding is not None and finding.kind == "attack"):
        return None
    end = min(until or now + DEFAULT_AWAY, now + MAX_AWAY)
    return PutAway(kind=kind, until=end, reason=reason[:2000], by=by, at=now)


def end_as(state: CaseState, resolution: str, away: PutAway | None) -> None:
    """Note how a person has closed a case, and what stays put away after it."""
    state.resolution = resolution
    state.ticket.back = ""  # what was opened again before that has been answered
    if away is not None:
        state.put_away = away
        data = {"as": away.kind, "until": away.until.isoformat(), "reason": away.reason}
        state.note("case.put_away", away.at, actor=away.by, data=data)


def taken_back(away: PutAway | None, *, by: str, now: datetime) -> PutAway | None:
    """What was put away, ended now by a person."""
    return None if away is None else away.model_copy(update={"until": now, "at": now, "by": by})


def may_attest(state: CaseState, by: str) -> bool:
    """Only a named person who has not asked for this run; a source is never proof of its own finding's end."""
    return by.startswith("user:") and by not in (state.requested_by, state.source)
