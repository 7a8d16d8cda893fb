"""The schema of a playbook: that of the model, with one branch per kind of step and per action."""

from __future__ import annotations

from typing import Any

from stanch.editors import _actions
from stanch.editors._values import CONDITION, Schema
from stanch.editors._words import STEP, TOP
from stanch.playbooks.checks.inputs import EVENTS
from stanch.playbooks.checks.shape import words_of
from stanch.playbooks.model import STEP_KINDS, Playbook
from stanch.shapes import is_dict, is_list

ID: Schema = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,63}$"}


def playbook_schema() -> Schema:
    """The whole schema; `stanch validate` knows more, since a schema cannot follow steps and types."""
    made = Playbook.model_json_schema(by_alias=True)
    defs: dict[str, Any] = made.pop("$defs")
    step = defs["Step"]
    defs["action"] = _actions.names()
    defs["Step"] = _step(step)
    defs |= {f"step.{kind}": _kind(kind, step) for kind in STEP_KINDS}
    defs |= _actions.definitions()
    _calls(defs)
    _tests(defs)
    _conditions(defs)
    top = made["properties"]
    top["id"] = ID
    top["guard"]["items"] = CONDITION
    made["properties"] = {name: _told(schema, TOP.get(name, "")) for name, schema in top.items()}
    return {**made, "$defs": {name: _pruned(schema) for name, schema in defs.items()}}


def _told(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description} if description else schema


def _step(step: Schema) -> Schema:
    """Every key for completion, exactly one kind, and for that kind its branch."""
    own = {"id": ID, "do": {"$ref": "#/$defs/action"}, "when": CONDITION}
    properties = {name: _told({**schema, **own.get(name, {})}, STEP.get(name, "")) for name, schema in _fields(step)}
    return {
        "title": "Step",
        "type": "object",
        "required": ["id"],
        "properties": properties,
        "additionalProperties": False,
        "oneOf": [{"title": f"{kind} step", "required": [kind]} for kind in STEP_KINDS],
        "allOf": [{"if": {"required": [kind]}, "then": {"$ref": f"#/$defs/step.{kind}"}} for kind in STEP_KINDS],
    }


def _fields(step: Schema) -> list[tuple[str, Schema]]:
    """Keys with what is in them; a key that is written has a value, so null is left out."""
    return [(name, _given(schema)) for name, schema in step["properties"].items()]


def _given(schema: Schema) -> Schema:
    choices = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default", "title")}
    if len(choices) == 1:
        return {**rest, **choices[0]}
    return {**rest, "anyOf": choices} if choices else rest


def _kind(kind: str, step: Schema) -> Schema:
    """What may stand beside a kind: every other key is refused by name."""
    allowed = {"id", kind, *(word.rstrip("_") for word in words_of(kind))}
    branch: Schema = {
        "title": f"{kind} step",
        "description": STEP.get(kind, ""),
        "properties": {name: False for name in step["properties"] if name not in allowed},
    }
    if kind == "do":
        branch["allOf"] = _actions.branches()
    return branch


def _calls(defs: Schema) -> None:
    """The other places where an action is named."""
    for name, accept in (("VerifyWords", _actions.reads), ("UndoWords", _actions.undoes)):
        called = defs[name]
        called["properties"]["do"] = _actions.names(accept)
        called["allOf"] = _actions.branches(accept)


def _tests(defs: Schema) -> None:
    action = {"$ref": "#/$defs/action"}
    expected = defs["Expected"]["properties"]
    expected["never"]["items"] = action
    expected["effects"] = {"type": "array", "items": action, "description": "Exactly these, in this order."}
    defs["Example"]["properties"]["mocks"] |= {"propertyNames": action}
    defs["AwaitedWords"]["properties"]["event"] = {"type": "string", "enum": list(EVENTS)}


def _conditions(defs: Schema) -> None:
    for name in ("On", "ChoiceWords"):
        defs[name]["properties"]["when"] = CONDITION
    for name, word in (("ForeachWords", "in"), ("StopWords", "reason"), ("Concurrency", "key")):
        kinds = {"in": "list", "reason": "string", "key": "string"}
        defs[name]["properties"][word] |= {"x-expression-type": kinds[word]}


def _pruned(schema: Any) -> Any:
    """Without the titles that pydantic makes of the key they stand under."""
    if is_list(schema):
        return [_pruned(item) for item in schema]
    if not is_dict(schema):
        return schema
    found = {key: _pruned(value) for key, value in schema.items()}
    members = found.get("properties")
    if is_dict(members):
        for name, member in members.items():
            if is_dict(member) and str(member.get("title", "")).lower().replace(" ", "_") == name.rstrip("_"):
                del member["title"]
    return found
