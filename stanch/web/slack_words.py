"""What `/stanch` does for a person of our directory: look, give a case away, be reminded later, halt; never decide."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

from stanch.approvals.facts import moment
from stanch.durations import parse_duration
from stanch.records.chain import Entry
from stanch.routing import People
from stanch.slack.signing import SlashCommand
from stanch.snoozing import LONGEST, SNOOZED, silent_until
from stanch.web.actions import halt
from stanch.web.assigning import Hand, assign
from stanch.web.halting import WORDS, doubt, scope_of
from stanch.web.people import shown_name
from stanch.web.problems import WebError
from stanch.web.services import Services, now
from stanch.web.slack_home import case_line, cases_of, waiting_for
from stanch.web.slack_review import case_url

USAGE = """`/stanch list` shows what waits for you and the cases that you have.
`/stanch show CASE` says how a case stands.
`/stanch assign CASE TO [why]` gives it away; TO is user:NAME, team:NAME or an @mention of somebody in the directory.
`/stanch snooze CASE TIME` keeps reminders of a case from you, at most 24h; it goes on waiting, and still escalates.
`/stanch halt SCOPE WHY` stops new changes; SCOPE is all, or playbook:, point:, action:, source: or host: and a name.
Nothing is approved here: use the buttons of the card, the console or the command line."""
SHOWN = 10
_CASE = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)
_ACCOUNT = re.compile(r"@([UW][A-Z0-9]{1,30})", re.ASCII)


async def carry_out(services: Services, given: SlashCommand, principal: str) -> str:
    """Do what the words say; gives the answer.

    Raises:
        StanchError: why it cannot be done.
    """
    words = given.words
    verb = _VERBS.get(words[0]) if words else None
    fewest, most, work = verb if verb is not None else (0, 0, None)
    if work is None or not fewest <= len(words) - 1 <= most:
        return USAGE
    return await work(services, given, principal)


async def _list(services: Services, _given: SlashCommand, principal: str) -> str:
    asked, own = await asyncio.gather(waiting_for(services, principal), cases_of(services, principal))
    lines = [f"Waiting for you: {len(asked)}"]
    lines += [
        f"- {request.question} (case {request.case_id}, until {moment(request.expires_at)})"
        for request in asked[:SHOWN]
    ]
    lines += [f"Your cases: {len(own)}", *(f"- {case_line(row)}" for row in own[:SHOWN])]
    return "\n".join(lines)


async def _show(services: Services, given: SlashCommand, _principal: str) -> str:
    case_id = _case_in(given)
    row = await asyncio.to_thread(services.records.case, case_id)
    if row is None:
        raise _no_case()
    people = services.policy.current.routes.people
    lines = [case_line(row), f"{row.method} {row.host}{row.path}", f"Owner: {shown_name(people, row.owner)}"]
    lines += [f"{label}: {value}" for label, value in _more(people, row.assignee, row.waiting_on, row.ticket_key)]
    return "\n".join([*lines, case_url(services, case_id)])


def _more(people: People, assignee: str, waiting_on: str, ticket: str) -> list[tuple[str, str]]:
    found = (("With", shown_name(people, assignee)), ("Waits for", waiting_on), ("Ticket", ticket))
    return [pair for pair in found if pair[1]]


async def _assign(services: Services, given: SlashCommand, principal: str) -> str:
    case_id, reason = _case_in(given), " ".join(given.words[3:])
    people = services.policy.current.routes.people
    to = _taker(services, people, given.words[2])
    hand = Hand(to, principal, "slack", reason=reason, command_id=f"slack:{given.trigger_id}")
    await assign(services, case_id, hand)
    return f"Case {case_id} goes to {shown_name(people, to)}".removesuffix(".") + "."


async def _snooze(services: Services, given: SlashCommand, principal: str) -> str:
    case_id, end = _case_in(given), now() + _span(given.words[2])
    if await asyncio.to_thread(services.records.case, case_id) is None:
        raise _no_case()
    lines = await asyncio.to_thread(services.records.timeline, case_id)
    already = silent_until(lines, principal, now())
    if already is not None and already >= end:
        return f"Reminders of {case_id} are kept from you until {moment(already)} already."
    entry = Entry(
        case_id=case_id,
        episode="control",
        key=f"snooze:{given.trigger_id}",
        time=now(),
        actor=principal,
        event=SNOOZED,
        data={"until": end.isoformat(), "via": "slack"},
    )
    await asyncio.to_thread(services.records.append, [entry])
    return f"Reminders of {case_id} are kept from you until {moment(end)}. It goes on waiting, and still escalates."


def _span(text: str) -> timedelta:
    try:
        span = parse_duration(text)
    except ValueError:
        span = timedelta()
    if not timedelta() < span <= LONGEST:
        raise WebError("write a time up to 24h, such as 2h", status=422, code="W006", place="time")
    return span


async def _halt(services: Services, given: SlashCommand, principal: str) -> str:
    scope, reason = given.words[1], " ".join(given.words[2:])
    try:
        scope_of(scope)
    except ValueError:
        raise WebError("this is no scope", status=422, code="W006", place="scope", hint=WORDS) from None
    await halt(services, scope=scope, by=principal, reason=reason, freeze=False)
    known = doubt(services, scope)
    but = f" But {known}." if known else ""
    again = "Blocks that stand end at their time. `stanch resume` or the console allows changes again."
    return f"Halted: {scope}.{but} {again}"


def _case_in(given: SlashCommand) -> str:
    case_id = given.words[1]
    if not _CASE.fullmatch(case_id):
        raise _no_case()
    return case_id


def _no_case() -> WebError:
    return WebError("there is no such case", status=404, code="W005", hint="`/stanch list` names yours")


def _taker(services: Services, people: People, word: str) -> str:
    """A name of the directory; a mention is looked up by its account.

    Raises:
        WebError: W006, nobody in the directory has this account.
    """
    mention = _ACCOUNT.fullmatch(word)
    if mention is None:
        return word
    name, section = services.chat_section
    found = people.who(str(section.get("kind", name)), mention[1])
    if not found:
        raise WebError("whom you mention is not in the directory of Stanch", status=422, code="W006", place="to")
    return found


_Work = Callable[[Services, SlashCommand, str], Awaitable[str]]
MANY = 1000
# verb -> (fewest words behind it, most, what it does)
_VERBS: dict[str, tuple[int, int, _Work]] = {
    "list": (0, 0, _list),
    "show": (1, 1, _show),
    "assign": (2, MANY, _assign),
    "snooze": (2, 2, _snooze),
    "halt": (2, MANY, _halt),
}
