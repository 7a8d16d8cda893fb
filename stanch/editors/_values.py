"""Values that may be literals or `${{ }}`: the schema of a parameter, with the type its expression must have."""

from __future__ import annotations

from typing import Any

from stanch.playbooks.checks.parameters import Field
from stanch.shapes import is_dict, is_list

Schema = dict[str, Any]

EXPRESSION: Schema = {
    "type": "string",
    "pattern": r"\$\{\{",
    "title": "Expression",
    "description": "${{ }} with CEL inside; docs/expressions.md lists names and functions.",
}
CONDITION: Schema = {"type": "string", "x-expression-type": "bool", "examples": ["finding.severity == 'high'"]}
_TYPES = {"double": "number", "record": "map"}


def inlined(schema: Any, defs: Schema) -> Any:
    """Without references, and without the titles that only repeat a key."""
    if is_list(schema):
        return [inlined(item, defs) for item in schema]
    if not is_dict(schema):
        return schema
    if "$ref" in schema:
        return inlined(defs[str(schema["$ref"]).rpartition("/")[2]], defs)
    kept = {key: value for key, value in schema.items() if key != "title" or not isinstance(value, str)}
    return {key: inlined(value, defs) for key, value in kept.items()}


def parameter(name: str, field: Field, schema: Schema) -> Schema:
    """The schema of one parameter: its own, or an expression of its type."""
    words = field.accepts
    kind = _TYPES.get(words[0], words[0]) if words else "any"
    need = "needed" if field.required else "may be left out"
    told = f"{name}: {kind}, {need}"
    return {"description": told, **opened(schema, members=field.members), "x-expression-type": kind}


def opened(schema: Schema, *, members: Any = None) -> Schema:
    """The schema or an expression, also for each member and item."""
    inner = dict(schema)
    if is_dict(inner.get("properties")):
        inner["properties"] = {key: opened(value) for key, value in inner["properties"].items()}
    if is_dict(inner.get("items")):
        inner["items"] = opened(inner["items"])
    if is_list(inner.get("anyOf")):
        return {**inner, "anyOf": [*(_inside(each) for each in inner["anyOf"]), EXPRESSION]}
    if inner.get("type") == "string" and not inner.keys() & {"enum", "pattern", "format", "const"}:
        return inner
    told: Schema = {key: inner.pop(key) for key in ("default", "description", "examples") if key in inner}
    return {**told, "anyOf": [inner, EXPRESSION]}


def _inside(schema: Schema) -> Schema:
    return opened(schema)["anyOf"][0] if "properties" in schema else schema
