"""The ledger's lines about clicks that no case has heard of: who was turned away, and why; never a flood of them."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict

from stanch.errors import DependencyError
from stanch.records.chain import Entry
from stanch.slack.signing import Button
from stanch.web.actions import CONTROL
from stanch.web.services import Services, now
from stanch.web.slack_people import Account, Who

EVENT = "approval.click_refused"
MOST = 64  # lines of one approval
REMEMBERED = 5000
SECONDS = 0.2  # of Slack's three, after which the person is answered and the line is written behind their back

_Seen = tuple[str, str, str]
_told: OrderedDict[_Seen, None] = OrderedDict()
_work: set[asyncio.Task[None]] = set()
_log = logging.getLogger(__name__)


async def note_refusal(services: Services, account: Account, who: Who, *, button: Button | None) -> None:
    """Write down the first refusal of an account for one reason; without a genuine button, the first of each day.

    What cannot be written is let go: the person was refused all the same.
    """
    about = button.approval_id if button is not None else now().date().isoformat()
    seen = (about, account.user_id, who.code)
    if seen in _told:
        return
    task = asyncio.ensure_future(_noted(services, account, seen, who, button))
    _work.add(task)
    task.add_done_callback(_work.discard)
    await asyncio.wait({task}, timeout=SECONDS)


async def _noted(services: Services, account: Account, seen: _Seen, who: Who, button: Button | None) -> None:
    try:
        await asyncio.to_thread(_write, services, account, seen[0], who, button)
    except DependencyError:
        return
    except Exception as error:  # nobody may be waiting any more, and the text of an error may be somebody else's
        _log.error("slack: unexpected %s", type(error).__name__)
        return
    _told[seen] = None
    while len(_told) > REMEMBERED:
        _told.popitem(last=False)


def _write(services: Services, account: Account, about: str, who: Who, button: Button | None) -> None:
    case_id = button.case_id if button is not None else CONTROL
    about_it = f"refused:{about}:"
    if services.records.count_keys(case_id, CONTROL, about_it, limit=MOST) >= MOST:
        return
    entry = Entry(
        case_id=case_id,
        episode=CONTROL,
        key=f"{about_it}{account.user_id}:{who.code}",
        time=now(),
        actor=f"slack:{account.team_id or account.enterprise_id}:{account.user_id}",
        event=EVENT,
        data={
            "code": who.code,
            "reason": who.refusal,
            "about": about,
            "verdict": button.option or button.verdict.value if button else "",
        },
    )
    services.records.append([entry])
