"""What people say to a case, checked alike for the API and the console before the case hears of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from stanch.web.actions import command
from stanch.web.assigning import Hand, assign
from stanch.web.auth import Caller
from stanch.web.endings import Ending, allowed, ending_of, may_attest
from stanch.web.problems import WebError
from stanch.web.services import Services

Said = Literal["comment", "attest", "assign", "close", "reopen", "cancel"]


@dataclass(frozen=True)
class Word:
    """One word to a case.

    Args:
        to: of an assign, `user:` or `team:` of the directory.
        resolution: of a close. lasts: how long it holds; None is the default.
        command_id: names the click, so that it counts once.
    """

    kind: Said
    text: str = ""
    to: str = ""
    resolution: str = ""
    lasts: timedelta | None = None
    command_id: str = ""


async def say(services: Services, case_id: str, word: Word, *, caller: Caller) -> None:
    """Check a word and pass it on.

    Raises:
        WebError: W002, only a person may say that; W006, something is missing; W010, W013, W014.
    """
    ending = await _ending(services, case_id, word)
    if word.kind == "assign":
        hand = Hand(word.to, caller.person(), caller.via, reason=word.text, command_id=word.command_id)
        return await assign(services, case_id, hand)
    if word.to:
        raise WebError("only an assign names somebody", status=422, code="W006", place="body.to")
    if word.kind in ("comment", "attest") and not word.text.strip():
        what = "a comment needs text" if word.kind == "comment" else "say how you know that it is fixed"
        raise WebError(what, status=422, code="W006", place="body.text")
    named = word.kind == "attest" or bool(ending.resolution) or caller.via == "console"
    by = caller.person() if named else caller.name
    if word.kind == "attest":
        await may_attest(services, case_id, by)
    return await command(
        services, case_id, kind=word.kind, by=by, text=word.text, command_id=word.command_id, ending=ending
    )


async def _ending(services: Services, case_id: str, word: Word) -> Ending:
    if word.kind != "close":
        if word.resolution or word.lasts is not None:
            raise WebError("only a close has a resolution", status=422, code="W006", place="body.as")
        return Ending()
    ending = ending_of(word.resolution, word.lasts, text=word.text)
    await allowed(services, case_id, ending)
    return ending
