"""The ledger's lines about clicks that no case has heard of: who was turned away, and why; never a flood of them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from stanch.errors import DependencyError
from stanch.records.chain import Entry
from stanch.slack_signing import Button
from stanch.web.actions import CONTROL
from stanch.web.services import Services, now
from stanch.web.slack_people import Account

EVENT = "approval.click_refused"
MOST = 64  # lines of one approval
REMEMBERED = 5000

_told: OrderedDict[tuple[str, str, str], None] = OrderedDict()


async def note_refusal(services: Services, account: Account, *, code: str, button: Button | None) -> None:
    """Write down the first refusal of an account for one reason; without a genuine button, the first of each day.

    What cannot be written is let go: the person was refused all the same.
    """
    about = button.approval_id if button is not None else now().date().isoformat()
    seen = (about, account.user_id, code)
    if seen in _told:
        return
    try:
        await asyncio.to_thread(_write, services, account, code, about, button)
    except DependencyError:
        return
    _told[seen] = None
    while len(_told) > REMEMBERED:
        _told.popitem(last=False)


def _write(services: Services, account: Account, code: str, about: str, button: Button | None) -> None:
    case_id = button.case_id if button is not None else CONTROL
    if _lines(services, case_id, about) >= MOST:
        return
    entry = Entry(
        case_id=case_id,
        episode=CONTROL,
        key=f"refused:{about}:{account.user_id}:{code}",
        time=now(),
        actor=f"slack:{account.team_id or account.enterprise_id}:{account.user_id}",
        event=EVENT,
        data={"code": code, "about": about, "verdict": button.option or button.verdict.value if button else ""},
    )
    services.records.append([entry])


def _lines(services: Services, case_id: str, about: str) -> int:
    found = services.records.timeline(case_id)
    return sum(item.event == EVENT and item.data.get("about") == about for item in found)
