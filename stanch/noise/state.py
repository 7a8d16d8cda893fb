"""What a case remembers of the noise around it; part of its state, carried over continue-as-new."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from stanch.interpreter.state import Mutable
from stanch.noise.ladder import raised_ladder
from stanch.noise.words import GroupRef, GroupTold, Noise, Quiet, Rung

MAX_HELD = 20
MAX_OVER = 16


class Held(Mutable):
    """A command that was answered and not carried out; it is when the silence ends, unless it is stale by then.

    Args:
        grouped: left to the group: carried out when the case changes production, or fails to.
    """

    ref: str
    path: str
    purpose: str
    action: str
    params: dict[str, Any] = Field(default_factory=dict)
    key: str = ""
    grouped: bool = False


class NoiseState(Mutable):
    """How much is said of a case, as it stands.

    Args:
        quiet: why nobody is told, while that holds. held: what is to be said when it ends.
        group: where the case belongs. answer: what the group has said. asked: people it was asked to tell.
        joined, finished: the rounds in which the group was told that this member is there, and done; -1 for none.
        sent: keys of rungs of the ladder that were sent.
        acknowledged: somebody works on it.
        over: cases whose hold on this one ended before it was known here.
    """

    quiet: Quiet | None = None
    held: list[Held] = Field(default_factory=list[Held])
    group: GroupRef | None = None
    answer: GroupTold | None = None
    asked: list[str] = Field(default_factory=list[str])
    joined: int = -1
    finished: int = -1
    ladder: tuple[Rung, ...] = ()
    sent: list[str] = Field(default_factory=list[str])
    acknowledged: bool = False
    is_source: bool = False
    over: list[str] = Field(default_factory=list[str])
    look_again: bool = False

    def take(self, noise: Noise) -> None:
        """Begin with what was decided; a hold that has ended in the meantime holds nothing."""
        quiet = noise.quiet
        self.quiet = None if quiet is not None and quiet.source and quiet.source in self.over else quiet
        self.group, self.ladder, self.is_source = noise.group, noise.ladder, noise.is_source
        self.answer, self.asked, self.sent, self.held = None, [], [], []
        self.acknowledged = self.look_again = False

    def judged(self, noise: Noise, *, raised: bool = False) -> None:
        """Looked at again: what holds the case back may have ended, or gone on; a raise makes the ladder stricter."""
        self.quiet, self.look_again = noise.quiet, False
        self.is_source = self.is_source or noise.is_source
        self.ladder = raised_ladder(self.ladder, noise.ladder) if raised else self.ladder

    def hears(self, told: GroupTold) -> bool:
        """Take a group's answer; False where it is of another group or an older generation."""
        group = self.group
        if group is None or told.group_id != group.group_id or told.generation != group.generation:
            return False
        if told.elsewhere:
            self.group = group.model_copy(update={"generation": told.elsewhere})
            self.joined, self.answer = -1, None
        else:
            self.answer = told
        return True

    def ended(self, source: str) -> None:
        """The case that held this one back is over: look again, now or once the route is known."""
        self.over = [*(name for name in self.over if name != source), source][-MAX_OVER:]
        if self.quiet is not None and self.quiet.source == source:
            self.look_again = True

    def hold(self, command: Held) -> bool:
        """Keep a command; of several messages to one person, and several tickets, the first is the news.

        Returns:
            False where so much is kept already that this is dropped.
        """
        same = any(_says(item) == _says(command) for item in self.held)
        if not same and len(self.held) < MAX_HELD:
            self.held.append(command)
            return True
        return same

    @property
    def shown(self) -> dict[str, Any]:
        """What lists show of it."""
        group, quiet = self.group, self.quiet
        return {
            "group_id": group.workflow_id if group is not None else "",
            "muted": quiet.words if quiet is not None else "",
            "muted_until": quiet.until if quiet is not None else None,
        }

    @property
    def due(self) -> datetime | None:
        """When this has to be looked at again whatever happens."""
        return (self.quiet.again or self.quiet.until) if self.quiet is not None else None


def _says(item: Held) -> tuple[str, str]:
    return item.action, str(item.params.get("to", ""))
