"""What a guard has allowed holds while halts and protected targets are as it read them: asked before each write."""

from __future__ import annotations

from contextlib import AbstractContextManager

from activities._fence import checked, overtaken
from activities._world import World
from stanch.errors import DependencyError


def generation(world: World) -> int | None:
    """Which halts and protected targets hold; None where they cannot be read."""
    try:
        return world.records.guard_view().generation
    except DependencyError:
        return None


def as_guarded(world: World, seen: int | None) -> AbstractContextManager[None]:
    """Write nothing inside once they are others than `seen`: a change of several calls stops between two of them."""

    def unchanged() -> None:
        if generation(world) != seen:
            raise overtaken("halts or protected targets have changed meanwhile")

    return checked(unchanged)
