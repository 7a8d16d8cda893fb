"""A world for the day when everything else is gone: settings and points, and records only where they still are."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from activities._world import World
from stanch.errors import DependencyError, StanchError
from stanch.keys import Keys
from stanch.records import Records
from stanch.settings import Settings


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


def has_records(world: World) -> bool:
    """Whether lines can be written where they belong now."""
    try:
        world.records.ping()
    except DependencyError:
        return False
    return True


def _records(settings: Settings) -> Records:
    """Never made anew: records that were lost would come back beside what an empty database says."""
    if _is_missing(settings):
        return cast("Records", NoRecords("the records database is not there"))
    try:
        return Records(settings.url_of_records, Keys(settings).ledger)
    except StanchError as error:
        return cast("Records", NoRecords(error.message))


def _is_missing(settings: Settings) -> bool:
    try:
        url = make_url(settings.url_of_records)
    except ArgumentError:
        return True
    return url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file()
