"""A case given to somebody else, alike for API, command line, console and Slack."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from difflib import get_close_matches
from uuid import uuid4

from stanch import contract
from stanch.contract import CaseCommand
from stanch.routing import People
from stanch.web.actions import MAX_TEXT
from stanch.web.looking import is_case, no_case
from stanch.web.people import known
from stanch.web.problems import WebError
from stanch.web.services import Services
from stanch.web.temporal import signal_case


@dataclass(frozen=True)
class Hand:
    """Who gives a case to whom, why, and how they said it; `command_id` makes it count once."""

    to: str
    by: str
    via: str
    reason: str = ""
    command_id: str = ""


async def assign(services: Services, case_id: str, hand: Hand) -> None:
    """Tell a running case who has it from here.

    Raises:
        WebError: W005, there is no such case; W006, the directory has nobody of that name; W010, the case is over;
            D010.
    """
    if not await asyncio.to_thread(is_case, services, case_id):
        raise no_case()
    message = CaseCommand(
        kind="assign",
        by=hand.by,
        to=hand.to,
        lead=lead_of(services.policy.current.routes.people, hand.to),
        via=hand.via,
        text=hand.reason[:MAX_TEXT],
        command_id=hand.command_id or uuid4().hex,
        home=await asyncio.to_thread(_home, services, case_id, hand.to),
    )
    await signal_case(services.client, case_id, contract.CASE_COMMAND, message)


def _home(services: Services, case_id: str, to: str) -> str:
    """The tracker of a team that does not work in that of the case's ticket."""
    case = services.records.case(case_id)
    kind = services.settings.tracker_kind(case.ticket_system) if case is not None else ""
    return services.policy.current.routes.people.home_elsewhere(to, kind)


def lead_of(people: People, to: str) -> str:
    """Who leads the team; "" for a person.

    Raises:
        WebError: W006, neither an active user nor a team that somebody leads.
    """
    if known(people, to):
        return ""
    team = people.team(to)
    if team is not None and known(people, team.lead):
        return team.lead
    close = get_close_matches(to, candidates(people), n=1)
    hint = f"did you mean {close[0]}?" if close else "write user:NAME or team:NAME of the directory in routes.yaml"
    raise WebError("nobody of that name can take a case", status=422, code="W006", place="body.to", hint=hint)


def candidates(people: People) -> list[str]:
    """Everybody who can take a case: active users, and teams with an active lead."""
    directory = people.directory
    teams = [name for name, team in directory.teams.items() if known(people, team.lead)]
    return [*sorted(name for name in directory.users if known(people, name)), *sorted(teams)]
