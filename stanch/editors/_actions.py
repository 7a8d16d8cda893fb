"""One branch per action: which inputs it needs, may have, and an example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stanch.catalog import ActionSpec, Effect, catalog
from stanch.documents import load
from stanch.editors._values import Schema, inlined, parameter
from stanch.playbooks.checks.parameters import fields_of


def every(_: ActionSpec) -> bool:
    return True


def reads(spec: ActionSpec) -> bool:
    return spec.effect is Effect.READ


def undoes(spec: ActionSpec) -> bool:
    return spec.effect is not Effect.IRREVERSIBLE


def names(accept: Callable[[ActionSpec], bool] = every) -> Schema:
    """The words that may follow `do`, each with what it does."""
    specs = [spec for spec in catalog().values() if accept(spec)]
    told = [f"{spec.title} ({spec.effect.value})" for spec in specs]
    return {"type": "string", "enum": [spec.name for spec in specs], "enumDescriptions": told}


def definitions() -> Schema:
    """Name of a definition -> the schema of an action's `with`."""
    return {f"with.{spec.name}": _inputs(spec) for spec in catalog().values()}


def branches(accept: Callable[[ActionSpec], bool] = every) -> list[Schema]:
    """For each action: where `do` names it, `with` is this."""
    return [_branch(spec) for spec in catalog().values() if accept(spec)]


def _branch(spec: ActionSpec) -> Schema:
    named = {"properties": {"do": {"const": spec.name}}, "required": ["do"]}
    then: Schema = {"properties": {"with": {"$ref": f"#/$defs/with.{spec.name}"}}}
    if _needed(spec):
        then["required"] = ["with"]
    return {"if": named, "then": then}


def _needed(spec: ActionSpec) -> list[str]:
    fields = fields_of(spec.params).items()
    return [name for name, field in fields if field.required and name != "within"]  # `verify` may give it itself


def _inputs(spec: ActionSpec) -> Schema:
    made = spec.params.model_json_schema(by_alias=True)
    plain: dict[str, Any] = inlined(made.get("properties", {}), made.get("$defs", {}))
    fields = fields_of(spec.params)
    return {
        "title": spec.name,
        "description": f"{spec.title}. Effect: {spec.effect.value}.",
        "type": "object",
        "properties": {name: parameter(name, fields[name], schema) for name, schema in plain.items()},
        "required": _needed(spec),
        "additionalProperties": False,
        "examples": [load(spec.example).data.get("with", {})],
    }
