"""Who somebody in Slack is: a member of the own workspace whom the directory knows, or nobody."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from stanch.chat_surface import ChatSurface
from stanch.errors import StanchError
from stanch.ports import ChatPort, ChatUser
from stanch.web.chat_calls import chat_call
from stanch.web.services import Services

LOOKUP_SECONDS = 0.8  # of the three that Slack gives; the vote needs most of the others


@dataclass(frozen=True)
class Account:
    """An account as Slack names it in what it sends."""

    user_id: str
    team_id: str
    enterprise_id: str = ""
    app_id: str = ""


@dataclass(frozen=True)
class Who:
    """The person behind an account, or why there is none: `code` and the sentence that they are told."""

    principal: str = ""
    code: str = ""
    refusal: str = ""


NO_SLACK = Who(code="I425", refusal="Slack is not configured here.")
ELSEWHERE = Who(code="I426", refusal="This belongs to another workspace.")
OTHER_APP = Who(code="I431", refusal="This belongs to another app than the one that is configured here.")
NO_MEMBER = Who(
    code="I427", refusal="Only members of this workspace may decide; guests, apps and other workspaces may not."
)
UNKNOWN = Who(code="I428", refusal="You are not in the directory of Stanch, so you cannot decide.")
NOT_IN_GROUP = Who(code="I429", refusal="You are not in the group of those who may decide in Slack.")
UNCLEAR = Who(
    code="I430", refusal="Not recorded: Slack did not say in time who you are. Try again, or use the console."
)


async def who_is(services: Services, account: Account) -> Who:
    """The active person of the directory behind an account. Whatever cannot be looked up is refused."""
    port = services.registry.chat()
    name, section = services.chat_section
    if port is None:
        return NO_SLACK
    home = str(section.get("team_id", ""))
    if not home or home not in (account.team_id, account.enterprise_id):
        return ELSEWHERE
    if section.get("app_id") and account.app_id != section["app_id"]:
        return OTHER_APP
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            user, in_group = await asyncio.gather(
                chat_call(lambda: port.user(account.user_id)),
                chat_call(lambda: _in_group(port, str(section.get("deciders", "")), account.user_id)),
            )
    except (TimeoutError, StanchError):
        return UNCLEAR
    if _foreign(user, home):
        return NO_MEMBER
    principal = services.policy.current.routes.people.who(_kind(name, section), account.user_id)
    if not principal:
        return UNKNOWN
    return Who(principal=principal) if in_group else NOT_IN_GROUP


def _kind(name: str, section: dict[str, Any]) -> str:
    return str(section.get("kind", name))


def _in_group(port: ChatPort, group: str, user_id: str) -> bool:
    if not group:
        return True
    return isinstance(port, ChatSurface) and user_id in port.members(group)


def _foreign(user: ChatUser, home: str) -> bool:
    return user.is_bot or user.is_guest or user.deleted or home not in (user.team, *user.teams)
