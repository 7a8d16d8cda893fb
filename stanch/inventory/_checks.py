"""What the model of an inventory alone cannot see: places and resources twice, names that exist nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from stanch.documents import Document
from stanch.errors import Problem
from stanch.inventory._model import InventoryFile
from stanch.inventory._resources import plain_name
from stanch.routing import RouteTable

Path = tuple[str | int, ...]
Found = tuple[str, str, Path, str]


def problems_of(file: InventoryFile, document: Document, routes: RouteTable | None) -> list[Problem]:
    """Every mistake of a file whose form is right."""
    found = [*_places(file), *_references(file), *_owners(file, routes)]
    return sorted((_problem(document, each) for each in found), key=lambda problem: (problem.line, problem.column))


def warnings_of(file: InventoryFile, document: Document) -> list[Problem]:
    """What is allowed and has consequences: an API of unknown criticality, one that nothing can lead to."""
    used = {entry.api for entry in file.resources}
    found: list[Problem] = []
    for api_id, api in file.apis.items():
        line, column = document.at(("apis", api_id), key=True)
        if api.criticality is None:
            message = f"it is not known how critical '{api_id}' is, so nothing changes automatically there"
            found.append(Problem("I120", message, document.file, line, column, "add criticality", "warning"))
        if not api.hosts and api.openapi is None and api_id not in used:
            message = f"no finding can be of '{api_id}': it has neither host nor resource"
            found.append(Problem("I121", message, document.file, line, column, "add host, or a resource", "warning"))
    return found


def _problem(document: Document, found: Found) -> Problem:
    code, message, path, hint = found
    line, column = document.at(path)
    return Problem(code, message, document.file, line, column, hint)


def _places(file: InventoryFile) -> Iterator[Found]:
    seen: dict[tuple[str, str], str] = {}
    for api_id, api in file.apis.items():
        for host in dict.fromkeys(api.hosts):
            first = seen.setdefault((host, api.base), api_id)
            if first != api_id:
                message = f"{host}{api.base or '/'} is an API twice: '{first}' and '{api_id}'"
                yield "I104", message, ("apis", api_id, "host"), "give one of them another base_path"


def _references(file: InventoryFile) -> Iterator[Found]:
    seen: dict[str, str] = {}
    for index, entry in enumerate(file.resources):
        if entry.api not in file.apis:
            known = ", ".join(list(file.apis)[:8])
            yield "I106", f"there is no API '{entry.api}'", ("resources", index, "api"), f"known: {known}"
        for pattern in entry.patterns:
            first = seen.setdefault(plain_name(pattern), entry.api)
            if first != entry.api:
                message = f"'{pattern}' belongs to two APIs: '{first}' and '{entry.api}'"
                yield "I105", message, ("resources", index, "match"), "remove one"


def _owners(file: InventoryFile, routes: RouteTable | None) -> Iterator[Found]:
    if routes is None:
        return
    named: list[tuple[Path, str | None]] = [(("apis", api_id, "owner"), api.owner) for api_id, api in file.apis.items()]
    named += [(("resources", index, "owner"), entry.owner) for index, entry in enumerate(file.resources)]
    for path, owner in named:
        if owner is not None and not routes.people.known(owner):
            yield "I107", f"'{owner}' is not in the directory", path, "add it to directory in routes.yaml"
