"""How people end cases at the edge: attest a fix, close with a resolution, take back what was put away."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from stanch.contract import CaseCommand
from stanch.endings import DEFAULT_AWAY, MAX_AWAY, PUTS_AWAY, RESOLUTIONS, put_away
from stanch.findings import Finding, view_of
from stanch.records import Entry, Suppression
from stanch.web.problems import WebError
from stanch.web.services import Services, now
from stanch.web.temporal import view_of_case


@dataclass(frozen=True)
class Ending:
    """How a case is closed, and until when it stays so."""

    resolution: str = ""
    until: datetime | None = None


def ending_of(resolution: str, lasts: timedelta | None, *, text: str) -> Ending:
    """What a close asks for, checked.

    Args:
        resolution: "" for a plain close.
        lasts: how long a resolution that puts away holds; None is 90 days.
        text: the reason.

    Raises:
        WebError: W006, naming the field.
    """
    if not resolution and lasts is None:
        return Ending()
    if resolution not in RESOLUTIONS:
        known = ", ".join(RESOLUTIONS)
        raise WebError(f"a case is closed as one of {known}", status=422, code="W006", place="body.as")
    if resolution not in PUTS_AWAY:
        if lasts is not None:
            raise WebError("what was fixed is not put away until a day", status=422, code="W006", place="body.until")
        return Ending(resolution)
    if not text.strip():
        raise WebError("putting a finding away needs a reason", status=422, code="W006", place="body.text")
    lasts = DEFAULT_AWAY if lasts is None else lasts
    if not timedelta(0) < lasts <= MAX_AWAY:
        raise WebError("at most 365 days, and more than none", status=422, code="W006", place="body.until")
    return Ending(resolution, now() + lasts)


async def allowed(services: Services, case_id: str, ending: Ending) -> None:
    """Refuse what the case would not do.

    Raises:
        WebError: W014, the risk of an attack cannot be accepted.
    """
    if ending.resolution != "risk_accepted":
        return
    found = await asyncio.to_thread(services.records.newest_finding, case_id)
    if found is not None and found.body.get("kind") == "attack":
        hint = "close it as false_positive, or accept the weakness that it uses"
        raise WebError("the risk of an attack cannot be accepted", status=409, code="W014", hint=hint)


async def may_attest(services: Services, case_id: str, by: str) -> None:
    """Refuse the one who has asked for this run; the case checks it again.

    Raises:
        WebError: W013.
    """
    live = await view_of_case(services.client, case_id)
    if live is not None and by in (live.requested_by, live.finding.source):
        hint = "somebody else must say that it is fixed"
        raise WebError("who has reported a finding cannot attest its end", status=403, code="W013", hint=hint)


async def put_away_closed(services: Services, case_id: str, message: CaseCommand) -> bool:
    """Put away the problem of a case that is over already; False where there is nothing to put away."""
    found = await asyncio.to_thread(services.records.newest_finding, case_id)
    finding = view_of(Finding.model_validate(found.body)) if found is not None else None
    away = put_away(message, finding, now()) if finding is not None else None
    if away is None:
        return False
    data = {"as": away.kind, "until": away.until.isoformat(), "reason": away.reason}
    await _note(services, case_id, "case.put_away", by=away.by, data=data)
    wanted = Suppression(case_id, kind=away.kind, until=away.until, reason=away.reason, by=away.by, at=away.at)
    await asyncio.to_thread(services.records.suppress, wanted)
    return True


async def take_back(services: Services, case_id: str, *, by: str) -> None:
    """End what was put away of a case that is opened again."""
    if await asyncio.to_thread(services.records.unsuppress, case_id, by=by, at=now()):
        await _note(services, case_id, "suppression.ended", by=by, data={})


async def _note(services: Services, case_id: str, event: str, *, by: str, data: dict[str, Any]) -> None:
    entry = Entry(case_id=case_id, episode="endings", key=uuid4().hex, time=now(), actor=by, event=event, data=data)
    await asyncio.to_thread(services.records.append, [entry])
