"""What `stanch validate` finds in an inventory and in OpenAPI files beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stanch.errors import Problem


def inventory_problems(text: str, path: Path) -> list[Problem]:
    """With the OpenAPI files it names, and the owners of the routes beside it where these can be read."""
    from stanch.documents import load
    from stanch.errors import ConfigError
    from stanch.inventory import parse_inventory, warnings_of
    from stanch.routing import read_routes

    try:
        routes = read_routes(path.parent)
    except ConfigError:
        routes = None
    found = parse_inventory(text, str(path), folder=path.parent, routes=routes)
    return warnings_of(found.file, load(text, str(path)))


def openapi_problems(text: str, path: Path) -> list[Problem]:
    """An OpenAPI file in the policy folder, whether an inventory names it or not."""
    from stanch.inventory import read_openapi

    read_openapi(text, str(path))
    return []
