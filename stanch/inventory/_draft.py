"""An inventory in the making: what an import has found, before a person has read it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from stanch.inventory._model import Criticality
from stanch.inventory._openapi import Specification

MAX_NOTES = 200
_NOT_ID = re.compile(r"[^a-z0-9._-]+")


@dataclass
class DraftApi:
    """One API.

    Args:
        owner: as the catalogue names it, such as `group:default/payments`.
        openapi: file below the folder of the inventory; then the paths stay there.
        remark: a comment.
    """

    id: str
    title: str = ""
    hosts: list[str] = field(default_factory=list[str])
    base_path: str = ""
    environment: str = ""
    criticality: Criticality | None = None
    owner: str = ""
    openapi: str = ""
    paths: list[str] = field(default_factory=list[str])
    remark: str = ""

    def take(self, found: Specification) -> None:
        """What a specification says; templates that differ by server are written out in full."""
        self.title = self.title or found.title
        hosts = [server.host for server in found.servers if server.host]
        self.hosts = list(dict.fromkeys([*self.hosts, *hosts]))
        bases = list(dict.fromkeys(server.base for server in found.servers)) or [""]
        if len(bases) == 1 and not any(operation.servers for operation in found.operations):
            self.base_path = bases[0]
            self.paths += [operation.path for operation in found.operations]
        else:
            self.paths += list(found.templates(tuple(self.hosts), None))
        self.paths = list(dict.fromkeys(self.paths))


@dataclass
class DraftResource:
    names: list[str]
    api: str
    owner: str = ""


@dataclass
class Draft:
    """Everything found, in the order of the files."""

    apis: dict[str, DraftApi] = field(default_factory=dict[str, DraftApi])
    resources: list[DraftResource] = field(default_factory=list[DraftResource])
    notes: list[str] = field(default_factory=list[str])
    homes: dict[str, str] = field(default_factory=dict[str, str])  # entity of a catalogue -> id of its API

    def add(self, api: DraftApi) -> DraftApi:
        """Take an API under an id that is free."""
        name, number = api.id, 1
        while api.id in self.apis:
            number += 1
            api.id = f"{name[:58]}-{number}"
        self.apis[api.id] = api
        return api

    def note(self, text: str) -> None:
        """Something to be told to the person who imports."""
        if len(self.notes) < MAX_NOTES:
            self.notes.append(" ".join(text.split())[:300])


def api_id_of(text: str) -> str:
    """An id from a name or title."""
    return _NOT_ID.sub("-", text.lower()).strip("-._")[:60].rstrip("-._") or "api"
