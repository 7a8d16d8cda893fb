"""`stanch schema`: JSON Schema of the files people write, for editors."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer


class Kind(StrEnum):
    """What there is a schema of."""

    PLAYBOOK = "playbook"
    ROUTES = "routes"
    GUARDS = "guards"
    SOURCES = "sources"
    INVENTORY = "inventory"
    LISTS = "lists"
    FINDING = "finding"


def schema(kind: Annotated[Kind, typer.Argument(help="Which file.")]) -> None:
    """Print the JSON Schema of a kind of file."""
    typer.echo(json.dumps(schema_of(kind), indent=2, sort_keys=True))


def schema_of(kind: Kind) -> dict[str, Any]:
    """The schema, made from the model that also loads the file, so that they cannot differ."""
    made = _made(kind)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"Stanch {kind.value}", **made}


def _made(kind: Kind) -> dict[str, Any]:
    from stanch.editors import playbook_schema

    if kind is Kind.PLAYBOOK:
        return playbook_schema()
    made: dict[str, Any] = _model(kind).model_json_schema(by_alias=True)
    return made


def _model(kind: Kind) -> Any:
    from stanch.findings import FindingReport
    from stanch.guards import GuardPolicy
    from stanch.intake.config import SourcesFile
    from stanch.inventory import InventoryFile
    from stanch.lists import ListsFile
    from stanch.routing import RoutesPart

    models = {
        Kind.ROUTES: RoutesPart,
        Kind.GUARDS: GuardPolicy,
        Kind.SOURCES: SourcesFile,
        Kind.INVENTORY: InventoryFile,
        Kind.LISTS: ListsFile,
        Kind.FINDING: FindingReport,
    }
    return models[kind]
