"""From the inventory file, the OpenAPI files it names and the routes beside it to one object that answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from stanch.documents import Codes, Document, load, validate
from stanch.errors import ConfigError, Problem
from stanch.inventory._catalogue import ApiInventory
from stanch.inventory._checks import problems_of
from stanch.inventory._model import ApiWords, InventoryFile
from stanch.inventory._openapi import Specification, read_openapi
from stanch.inventory._sections import Section
from stanch.inventory._templates import Template
from stanch.routing import RouteTable, templates_of

VERSION = "inventory/v1"
MAX_TEMPLATES = 200_000
_CODES = Codes(unknown_key="I102", missing="I101", invalid="I103")


def load_inventory(
    path: Path, *, routes: RouteTable | None = None, sections: Mapping[str, Section] | None = None
) -> ApiInventory:
    """Read and check the inventory of a policy folder; a missing file is an empty inventory.

    Args:
        path: of the file; OpenAPI files are looked for in its folder.
        routes: whose directory owners must be in, and whose `{x}` patterns are templates, too.
        sections: `[inventory]` of the settings.

    Raises:
        ConfigError: with every mistake at its line, codes I101 to I111.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        text = f"version: {VERSION}\n"
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{path} is not readable UTF-8 text", code="I101", hint="it must be a text file") from None
    return parse_inventory(text, str(path), folder=path.parent, routes=routes, sections=sections)


def parse_inventory(
    text: str,
    file: str = "inventory.yaml",
    *,
    folder: Path,
    routes: RouteTable | None = None,
    sections: Mapping[str, Section] | None = None,
) -> ApiInventory:
    """The same from text.

    Raises:
        ConfigError: with every mistake at its line.
    """
    document = load(text, file, code="I101")
    made = validate(InventoryFile, document, _CODES)
    problems = problems_of(made, document, routes)
    specifications, broken = _specifications(made, document, folder)
    problems += broken
    if problems:
        count = len(problems)
        raise ConfigError(f"{file} has {count} mistake{'s' if count != 1 else ''}", problems=problems)
    templates = [*_templates(made, specifications), *_of_routes(routes)]
    if len(templates) > MAX_TEMPLATES:
        raise ConfigError(f"more than {MAX_TEMPLATES:,} templates", code="I108", hint="name fewer OpenAPI files")
    return ApiInventory(made, templates, sections=sections, name=file)


def _specifications(
    made: InventoryFile, document: Document, folder: Path
) -> tuple[dict[str, Specification], list[Problem]]:
    found: dict[str, Specification] = {}
    problems: list[Problem] = []
    for api_id, api in made.apis.items():
        if api.openapi is None:
            continue
        try:
            found[api_id] = _read(read_below(folder, api.openapi), api.openapi)
        except ConfigError as error:
            line, column = document.at(("apis", api_id, "openapi"))
            why = error.problems[0].message if error.problems else error.message
            message = f"{api.openapi}: {why}"
            problems.append(Problem(error.code, message, document.file, line, column, error.hint))
    return found, problems


def read_below(folder: Path, name: str) -> str:
    """The text of a file in a folder or below it, wherever links lead.

    Raises:
        ConfigError: I108, it is elsewhere or cannot be read.
    """
    root = folder.resolve()
    try:
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            raise ConfigError("the file is outside the folder", code="I108", hint="put it beside inventory.yaml")
        return path.read_text("utf-8")
    except (OSError, ValueError):
        raise ConfigError(
            "there is no such UTF-8 file", code="I108", hint="the path counts from inventory.yaml"
        ) from None


@lru_cache(maxsize=64)
def _read(text: str, file: str) -> Specification:
    """Kept, since a policy folder is loaded again for every edit of any of its files."""
    return read_openapi(text, file)


def _templates(made: InventoryFile, specifications: Mapping[str, Specification]) -> Iterator[tuple[str, Template]]:
    for api_id, api in made.apis.items():
        whole = [_below(api.base, path) for path in api.paths]
        if api_id in specifications:
            base = api.base if api.base_path is not None else None
            whole += specifications[api_id].templates(api.hosts, base)
        for host in _hosts(api, specifications.get(api_id)):
            yield from ((host, Template(text, "spec")) for text in whole)


def _hosts(api: ApiWords, specification: Specification | None) -> tuple[str, ...]:
    """The entry's own, else those that the specification names."""
    if api.hosts or specification is None:
        return api.hosts
    return tuple(dict.fromkeys(server.host for server in specification.servers if server.host))


def _below(base: str, path: str) -> str:
    """A template that is written with its base path already is a whole one."""
    return path if path == base or path.startswith(f"{base}/") else base + path


def _of_routes(routes: RouteTable | None) -> Iterator[tuple[str, Template]]:
    for host, path in templates_of(routes.file) if routes is not None else ():
        yield host, Template(path, "route_rule")
