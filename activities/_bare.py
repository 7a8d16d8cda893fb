"""A world for the day when everything else is gone: settings and points, and records only where they still are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from activities._world import World
from stanch.errors import ConfigError, DependencyError, StanchError
from stanch.keys import Keys
from stanch.records import Records, is_missing
from stanch.settings import FILE_VARIABLE, Settings, file_of_settings


class NoRecords:
    """Records that cannot be had; whoever asks is told why."""

    def __init__(self, why: str) -> None:
        self._why = why

    def close(self) -> None:
        """There is nothing to give back."""

    def __getattr__(self, name: str) -> Any:
        def refuse(*_: object, **__: object) -> Any:
            raise DependencyError(self._why, code="D010", hint="lines wait in the spool of data_dir")

        return refuse


def bare_world(settings: Settings) -> World:
    """Needs neither Temporal nor policy; without records, lines are left in the spool."""
    keys = cast("Keys", SimpleNamespace(buttons=""))
    return World(settings=settings, records=_records(settings), policy=cast("Any", None), keys=keys)


def points_here(world: World, at: str) -> tuple[str, ...]:
    """The one point that is asked for, or all of them.

    Raises:
        ConfigError: C032, there is no such point, or none at all: in another folder, "nothing is late" would be wrong.
    """
    if at:
        world.connector("point", at)
        return (at,)
    points = tuple(world.sections("point"))
    if not points:
        hint = f"run this where stanch.toml is, or set {FILE_VARIABLE}; now it is {file_of_settings().absolute()}"
        raise ConfigError("no enforcement point is configured here", code="C032", hint=hint)
    return points


def has_records(world: World) -> bool:
    """Whether lines can be written where they belong now."""
    try:
        world.records.ping()
    except DependencyError:
        return False
    return True


def _records(settings: Settings) -> Records:
    """Never made anew: records that were lost would come back beside what an empty database says."""
    if is_missing(settings.url_of_records):
        return cast("Records", NoRecords("the records database is not there"))
    try:
        return Records(settings.url_of_records, Keys(settings).ledger)
    except StanchError as error:
        return cast("Records", NoRecords(error.message))
