"""All adapters and envelopes of a deployment: the shipped ones and those in the policy folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stanch.errors import ConfigError, Problem
from stanch.sources.adapter import RESERVED, Adapter, load_adapter
from stanch.sources.envelopes import Envelopes, load_envelopes

_SHIPPED = Path(__file__).parent
_ENVELOPES = "_envelopes.yaml"


@dataclass(frozen=True)
class Library:
    """The adapters by id, and the envelopes that may stand around any of their documents."""

    adapters: dict[str, Adapter]
    envelopes: Envelopes

    def names(self) -> tuple[str, ...]:
        """What a source may name as its adapter."""
        return (*sorted(RESERVED), *sorted(self.adapters))


def load_library(folders: Iterable[Path] = ()) -> Library:
    """The shipped adapters and those of further folders; a file there replaces the shipped one with its id.

    Raises:
        ConfigError: with the mistakes of all files.
    """
    adapters = dict(shipped().adapters)
    problems: list[Problem] = []
    own: dict[str, Path] = {}
    for path in sorted(file for folder in folders for file in folder.glob("[!.]*.yaml")):
        try:
            made = load_adapter(path)
        except ConfigError as error:
            problems.extend(error.problems)
            continue
        if made.id in own:
            problems.append(Problem("S001", f"{own[made.id].name} has the id '{made.id}' too", file=str(path), line=1))
        own[made.id] = path
        adapters[made.id] = made
    if problems:
        raise ConfigError("the adapters have mistakes", problems=problems)
    return Library(adapters, shipped().envelopes)


@cache
def shipped() -> Library:
    """The library that comes with Stanch."""
    made = [load_adapter(path) for path in sorted(_SHIPPED.glob("[!_]*.yaml"))]
    return Library({adapter.id: adapter for adapter in made}, load_envelopes(_SHIPPED / _ENVELOPES))
