"""How much a case says: commands that are held, left to its group, or said later, and the ladder of its clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from temporalio import workflow

from stanch.canonical import digest
from stanch.cases import CaseState, CaseStatus
from stanch.interpreter.messages import RunAction
from stanch.noise import ladder, words
from stanch.noise.gate import UPDATE, Fate, answer, as_meant, fate_of, held, may_change, may_speak, opening, release
from stanch.noise.group import MAX_TOLD
from stanch.noise.words import GroupTell, Unquiet

LOCAL_ATTEMPT = timedelta(seconds=10)
ASK_AGAIN = timedelta(hours=1)  # a group that has not answered by then may be lost
PATIENCE = timedelta(hours=24)  # with a group's ticket, as with a ticket of one's own


@dataclass(frozen=True)
class Answer:
    """What a step is told whose command is not carried out; `learned` where the case remembers it like a real one."""

    outputs: dict[str, Any]
    learned: bool = False


class Hush:
    """Stands between a case's commands and the people that they speak to."""

    def __init__(self, state: CaseState, carry_out: Callable[[RunAction], None]) -> None:
        self._state = state
        self._carry_out = carry_out

    def meant(self, command: RunAction) -> RunAction:
        """The command, about the ticket that there is by now."""
        return as_meant(self._state, command)

    async def instead(self, command: RunAction) -> Answer | None:
        """What a step is told without its command being carried out; None where it has to be."""
        state, fate = self._state, fate_of(self._state, command)
        if fate is Fate.DO and command.action == UPDATE and state.noise.group is not None:
            fate = Fate.DO if workflow.patched("own-message-rewritten") else Fate.LEAVE
        if fate is Fate.DO:
            return None
        if fate in (Fate.TICKET, Fate.SAY):
            return await self._grouped(command, fate)
        if fate is Fate.HOLD:
            kept = state.noise.hold(held(command))
            why = state.noise.quiet.words if state.noise.quiet is not None else ""
            event = "noise.held" if kept else "noise.dropped"
            state.note(event, workflow.now(), step=command.path, what=command.action, why=why)
        elif fate is Fate.BACK:
            await self._tell("back")
        return Answer(answer(state, command), learned=fate is Fate.BACK)

    @property
    def has_news(self) -> bool:
        """Whether something that was held may be said now."""
        return may_speak(self._state)

    def speak(self) -> None:
        """Say what was held back, once, where nothing holds it back any more."""
        for command in release(self._state):
            self._state.note("noise.released", workflow.now(), step=command.path, what=command.action)
            self._carry_out(command)

    # -- the group --------------------------------------------------------------------------------------------------

    async def _grouped(self, command: RunAction, fate: Fate) -> Answer | None:
        noise = self._state.noise
        to = str(command.params.get("to", "")) if fate is Fate.SAY else ""
        if to and to not in noise.asked:
            noise.asked.append(to)
        await self._place()
        told = noise.answer
        if told is None and self._state.core.cancelled:
            return Answer(answer(self._state, command))
        if told is None or told.failed:
            return None  # there is no parent: this case goes on by itself
        if fate is Fate.TICKET:
            return Answer(dict(told.ticket), learned=True)
        if to not in told.told and len(told.told) >= MAX_TOLD:
            return None  # the group tells nobody more
        if command.purpose == "do" and may_change(self._state):
            noise.hold(held(command, grouped=True))
        if to not in told.told or command.purpose != "do":
            await self._tell("say", to=(to,))
        return Answer(answer(self._state, command), learned=True)

    async def _place(self) -> None:
        """Wait for the group's answer; one that takes nobody more names the next, one that is lost is asked again."""
        noise = self._state.noise
        wait = noise.group.wait if noise.group is not None else 0.0
        end = workflow.now() + timedelta(seconds=wait) + PATIENCE
        while noise.answer is None and not self._state.core.cancelled and workflow.now() < end:
            await self._join()
            try:
                await workflow.wait_condition(self._is_answered, timeout=timedelta(seconds=wait) + ASK_AGAIN)
            except TimeoutError:
                noise.joined = -1

    def _is_answered(self) -> bool:
        noise, state = self._state.noise, self._state
        return noise.answer is not None or noise.joined != state.round or state.core.cancelled

    async def _join(self) -> None:
        """Say that this case is there; what several steps want at the same moment goes in one word."""
        noise, state = self._state.noise, self._state
        if noise.joined == state.round or state.resolved is None:
            return
        noise.joined = state.round
        await asyncio.sleep(0)
        plan = state.resolved.plan
        likely = opening(plan, state.resolved.route) if plan is not None else ()
        await self._tell("join", to=tuple(dict.fromkeys((*noise.asked, *likely))))

    async def _tell(
        self, kind: Literal["join", "say", "done", "back", "raised"], *, to: tuple[str, ...] = (), how: str = ""
    ) -> None:
        state, group = self._state, self._state.noise.group
        finding, resolved = state.finding, state.resolved
        if group is None or finding is None or resolved is None:
            return
        tell = GroupTell(kind=kind, ref=group, case_id=state.case_id, round=state.round, to=to, how=how)
        if kind in ("join", "raised"):
            update = {
                "urgent": finding.kind == "attack" or resolved.route.severity == "critical" or may_change(state),
                "finding": finding.model_copy(update={"description": finding.description[:500]}),
                "route": resolved.route,
                "ladder": state.noise.ladder,
            }
            tell = tell.model_copy(update=update)
        await workflow.execute_local_activity(words.TELL_GROUP, tell, start_to_close_timeout=LOCAL_ATTEMPT)

    async def raised(self) -> None:
        """The group is as urgent as its most urgent member."""
        await self._tell("raised")

    # -- the end ----------------------------------------------------------------------------------------------------

    @property
    def has_last_words(self) -> bool:
        """Whether others have to hear that this case is settled."""
        return self._state.status.settled and (self.is_member or self._state.noise.is_source)

    @property
    def is_member(self) -> bool:
        """Whether a group counts this case among those that are not done."""
        noise, round_ = self._state.noise, self._state.round
        return noise.group is not None and noise.joined == round_ and noise.finished != round_

    async def last_words(self) -> None:
        """Tell the group that this member is done, and those that were held back that they may speak."""
        noise, state = self._state.noise, self._state
        is_source, is_member = noise.is_source, self.is_member
        noise.is_source = False
        noise.finished = state.round if is_member else noise.finished
        if is_member:
            proven = state.status is CaseStatus.VERIFYING
            await self._tell("done", how=state.resolution or ("fixed" if proven else "closed"))
        if is_source:
            await workflow.execute_activity(
                words.UNQUIET,
                Unquiet(case_id=state.case_id),
                start_to_close_timeout=timedelta(minutes=5),
                heartbeat_timeout=timedelta(seconds=10),
                summary="others may speak",
            )

    # -- the clock --------------------------------------------------------------------------------------------------

    @property
    def due(self) -> datetime | None:
        """When there is something to say, or to look at again, although nothing happens."""
        noise, state = self._state.noise, self._state
        if state.resolved is None or state.status.settled:
            return None
        rung = None
        if noise.group is None:  # a group climbs the ladder for all its members
            rung = ladder.next_at(noise.ladder, noise.sent, acknowledged=noise.acknowledged)
        again = None if noise.look_again else noise.due
        return min((at for at in (rung, again) if at is not None), default=None)

    def ring(self) -> None:
        """It is time: climb the ladder, and look again at why nobody is told."""
        noise, state, now = self._state.noise, self._state, workflow.now()
        if state.resolved is None or state.status.settled:
            return
        noise.look_again = noise.look_again or (noise.due is not None and noise.due <= now)
        if noise.group is not None:
            return
        names = ladder.successors(state.resolved.route, state.core.facts.get("assignee", ""))
        for rung in ladder.due(noise.ladder, noise.sent, now, acknowledged=noise.acknowledged):
            noise.sent.append(rung.key)
            state.note("case.escalated", now, rung=rung.key, to=list(rung.to), late=rung.late)
            for name in ladder.addressees([rung], names):
                self._carry_out(self._message(rung.key, name))

    def _message(self, rung: str, to: str) -> RunAction:
        state = self._state
        ref = f"case|ladder|{state.round}|{rung}|{digest(to)[:8]}"
        return RunAction(
            ref=ref,
            path="case",
            purpose="ladder",
            action="chat.message",
            params={"to": to, "template": "escalation", "thread": state.ticket.key},
            key=digest([state.case_id, state.episode, ref])[:32],
        )
