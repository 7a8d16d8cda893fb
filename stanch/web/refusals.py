"""The ledger's lines about answers that no case has taken down: who was turned away, and why; never a flood of them."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass, replace

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

_Seen = tuple[str, str, str, str]
_told: OrderedDict[_Seen, None] = OrderedDict()
_work: set[asyncio.Task[None]] = set()
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Turned:
    """Somebody whose answer was not taken.

    Args:
        who: the account or person, as keys name them; actor: as the ledger does.
        case_id, about: the case and the request; "" where neither is proven, or known to records.
        proven: a button under our own key names them.
    """

    who: str
    actor: str
    code: str
    reason: str
    case_id: str = ""
    about: str = ""
    verdict: str = ""
    proven: bool = True


async def note_refusal(services: Services, account: Account, who: Who, *, button: Button | None) -> None:
    """Write down the first refusal of an account for one reason; without a genuine button, the first of each day.

    What cannot be written is let go: the person was refused all the same.
    """
    turned = Turned(
        who=account.user_id,
        actor=f"slack:{account.team_id or account.enterprise_id}:{account.user_id}",
        code=who.code,
        reason=who.refusal,
    )
    if button is not None:
        verdict = button.option or button.verdict.value
        turned = replace(turned, case_id=button.case_id, about=button.approval_id, verdict=verdict)
    await note(services, turned)


async def note(services: Services, turned: Turned, *, left: float = SECONDS) -> None:
    """The same for whoever has answered by whichever way.

    Args:
        services: with the records to write to.
        turned: who, and why.
        left: seconds until the person has to be answered, whether or not the line is written by then.
    """
    about = turned.about or now().date().isoformat()
    seen = (turned.case_id, about, turned.who, turned.code)
    if seen in _told:
        return
    task = asyncio.ensure_future(_noted(services, seen, turned))
    _work.add(task)
    task.add_done_callback(_work.discard)
    await asyncio.wait({task}, timeout=max(0.0, min(left, SECONDS)))


async def _noted(services: Services, seen: _Seen, turned: Turned) -> None:
    try:
        await asyncio.to_thread(_write, services, turned)
    except DependencyError:
        return
    except Exception as error:  # nobody may be waiting any more, and the text of an error may be somebody else's
        _log.error("web: unexpected %s", type(error).__name__)
        return
    _told[seen] = None
    while len(_told) > REMEMBERED:
        _told.popitem(last=False)


def _write(services: Services, turned: Turned) -> None:
    verdicts = _verdicts(services, turned)
    is_known = bool(verdicts)
    about = turned.about if is_known else now().date().isoformat()
    case_id = turned.case_id if is_known else CONTROL
    about_it = f"refused:{about}:"
    if services.records.count_keys(case_id, CONTROL, about_it, limit=MOST) >= MOST:
        return
    verdict = turned.verdict if turned.verdict in verdicts else ""
    entry = Entry(
        case_id=case_id,
        episode=CONTROL,
        key=f"{about_it}{turned.who}:{turned.code}",
        time=now(),
        actor=turned.actor,
        event=EVENT,
        data={"code": turned.code, "reason": turned.reason, "about": about, "verdict": verdict},
    )
    services.records.append([entry])


def _verdicts(services: Services, turned: Turned) -> tuple[str, ...]:
    """What may be answered; nothing where there is no such request of such a case: a caller may name what it likes."""
    if not turned.about:
        return ()
    if turned.proven:
        return (turned.verdict,)
    state = services.records.approval(turned.about)
    return state.request.verdicts if state is not None and state.request.case_id == turned.case_id else ()
