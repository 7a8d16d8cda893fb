"""The run of a case: the one door into the core, and what the core commands."""

from __future__ import annotations

from collections.abc import Callable

from temporalio import workflow

from stanch.cases import CaseState, context_of
from stanch.interpreter.context import Evaluator, RunContext
from stanch.interpreter.core import advance
from stanch.interpreter.messages import Cancelled, Command, Event, Started
from stanch.playbooks.evaluator import evaluator_for
from workflows.effects import Effects
from workflows.hush import Hush


class Run:
    """Feeds events to the core in the order in which they come; holds nothing that must survive continue-as-new."""

    def __init__(self, state: CaseState) -> None:
        self._state = state
        self._evaluator: Evaluator | None = None
        self._early: list[Event] = []  # came while route and plan were being looked up
        self.commands: list[Command] = []
        self.instead: Callable[[Command], bool] = lambda _: False  # takes a command over, so that it is not carried out
        self.effects = Effects(state, self.feed)
        self.hush = self.effects.hush = Hush(state, self.effects.carry_out)

    def begin(self) -> None:
        """Route and plan are pinned: start, then take what has come in the meantime."""
        early, self._early = self._early, []
        for event in (Started(now=workflow.now()), *early):
            self.feed(event)

    def feed(self, event: Event) -> None:
        """Advance the core by one event."""
        context = self._context()
        if context is None:
            self._early += [event] if self._state.resolved is None else []
            return
        self._state.core, commands = advance(context, self._state.core, event)
        self.commands += commands

    def work(self) -> None:
        """Start what is commanded; never blocks."""
        while self.commands:
            command = self.commands.pop(0)
            if not self.instead(command):
                self.effects.carry_out(command)
        self.hush.speak()
        self.effects.arm()

    @property
    def idle(self) -> bool:
        """True where there is nothing to start now."""
        return not self.commands and not self.hush.has_news

    def cancel(self, reason: str) -> bool:
        """Ask the core to end; False where there is nothing that could."""
        if self._state.core.status.final or self._context() is None:
            return False
        self.feed(Cancelled(now=workflow.now(), reason=reason))
        return True

    def forget_plan(self) -> None:
        """A new round compiles its own expressions."""
        self._evaluator = None

    def _context(self) -> RunContext | None:
        resolved = self._state.resolved
        if resolved is None or resolved.plan is None:
            return None
        if self._evaluator is None:
            self._evaluator = evaluator_for(resolved.plan)
        return context_of(self._state, self._evaluator)
