"""People who work on tickets in their trackers while everything else goes wrong; what they do is drawn from a seed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from stanch.sandbox.jira import DOING, DONE, JiraStandin
from stanch.sandbox.servicenow import ServiceNowStandin

PEOPLE = ("maria.k", "tom.b")
PATIENCE = 240.0


@dataclass
class Work:
    """One finding and what people do about it.

    Args:
        ending: fixed, reopened (done, then opened again because it is not), or open (nobody is through with it).
    """

    uid: str
    system: str
    ending: str
    case_id: str = ""
    finding_id: str = ""
    key: str = ""
    holder: str = ""
    words: list[str] = field(default_factory=list[str])


class NotDone(Exception):
    """The moment a person waits for did not come."""


class Person:
    """Does one piece of work. All of it happens in the tracker; nobody looks at Stanch.

    Args:
        fix: deploys the fix of a finding, so that a scan finds it clean.
    """

    def __init__(
        self, work: Work, tracker: JiraStandin | ServiceNowStandin, *, seed: str, fix: Callable[[Work], None]
    ) -> None:
        self._work = work
        self._tracker = tracker
        self._dice = random.Random(f"{seed}-{work.uid}")
        self._fix = fix

    async def through(self) -> None:
        await self._until(self._find_key, "a ticket")
        for _ in range(self._dice.randint(1, 3)):
            await self._pause()
            self._act(self._dice.choice((self._reassign, self._say, self._early)))
        await self._pause()
        if self._work.ending == "fixed":
            self._fix(self._work)
            await self._finish()
        elif self._work.ending == "reopened":
            self._act(self._early)
            await self._pause()
            self._act(self._reopen)

    async def _finish(self) -> None:
        """Mark it as done, again where it was opened again because of an earlier time; then leave it alone."""
        for _ in range(4):
            self._act(self._resolve)
            await asyncio.sleep(8)
            if self._is_done():
                return
        await self._until(self._is_done, "the ticket to stay done")

    async def _pause(self) -> None:
        await asyncio.sleep(self._dice.uniform(0.1, 1.5))

    async def _until(self, true: Callable[[], bool], what: str) -> None:
        for _ in range(int(PATIENCE / 0.1)):
            if true():
                return
            await asyncio.sleep(0.1)
        raise NotDone(f"{self._work.uid}: no sign of {what}")

    def _act(self, act: Callable[[], None]) -> None:
        """At once, so that nobody else changes the ticket between a look at it and the act."""
        with self._tracker.lock:
            act()

    # -- what they see and do ---------------------------------------------------------------------------------------

    def _find_key(self) -> bool:
        self._work.key = next(iter(self._keys()), "")
        return bool(self._work.key)

    def _keys(self) -> list[str]:
        if isinstance(self._tracker, JiraStandin):
            return [each.key for each in self._tracker.issues() if each.fields["summary"].endswith(self._work.uid)]
        rows = self._tracker.records()
        return [row["number"] for row in rows if row["short_description"].endswith(self._work.uid)]

    def _is_done(self) -> bool:
        if isinstance(self._tracker, JiraStandin):
            return self._tracker.issue(self._work.key).status == DONE
        return self._tracker.record(self._work.key)["state"] in ("6", "7")

    def _reassign(self) -> None:
        self._work.holder = self._dice.choice(PEOPLE)
        self._tracker.reassign(self._work.key, to=self._work.holder, by=self._dice.choice(PEOPLE))

    def _say(self) -> None:
        word = f"word {self._dice.randrange(10**9)}"
        self._work.words.append(word)
        self._tracker.comment(self._work.key, word, by=self._dice.choice(PEOPLE))

    def _early(self) -> None:
        self._resolve()

    def _resolve(self) -> None:
        if self._is_done():
            return
        if isinstance(self._tracker, JiraStandin):
            self._tracker.transition(self._work.key, to=DONE, by="tom.b")
        else:
            self._tracker.resolve(self._work.key, by="tom.b")

    def _reopen(self) -> None:
        if not self._is_done():
            return
        if isinstance(self._tracker, JiraStandin):
            self._tracker.transition(self._work.key, to=DOING, by="maria.k")
        else:
            self._tracker.reopen(self._work.key, by="maria.k")
