"""What a case remembers of tickets that it has left for another tracker; part of its state."""

from __future__ import annotations

from pydantic import Field

from stanch.interpreter.state import Mutable

MAX_LEFT = 16
PURPOSE = "moved"  # of commands by which a case moves; they mean the tickets that they name


class Left(Mutable):
    """A ticket that the case has left.

    Args:
        state: as it was last read; "" until it is closed as moved.
        opened: somebody may have opened it again while it was being closed, or another move was made.
        explained: whoever changed it since was told once that nobody follows it.
    """

    system: str
    key: str
    url: str = ""
    state: str = ""
    opened: bool = False
    explained: bool = False


class Moves(Mutable):
    """Where the case's ticket was, and where it is on its way to.

    Args:
        under_way: whom the move that is being made is for; a person's reopen is for nobody.
        wanted: whom the next is for, asked for in the meantime; the last word counts.
        count: of moves, so that each has a key of its own.
    """

    left: list[Left] = Field(default_factory=list[Left])
    under_way: bool = False
    wanted: tuple[str, str] | None = None
    count: int = 0

    def of(self, key: str) -> Left | None:
        """The ticket of that key that was left, if it was."""
        return next((each for each in self.left if each.key == key), None)
