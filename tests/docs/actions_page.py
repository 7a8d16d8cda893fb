"""Writes docs/actions.md from the catalogue: `python tests/docs/actions_page.py`; a test compares."""

from __future__ import annotations

import types
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from stanch.catalog import ActionSpec, Effect, catalog
from stanch.durations import format_duration

PAGE = Path(__file__).parents[2] / "docs/actions.md"
_HEAD = """# Actions

What a step may `do`. This page is written by `tests/docs/actions_page.py` from the catalogue; a test fails when they
differ.

Effects: *read* looks, *record* writes to systems of record (tickets), *notify* sends messages, *change* changes
production and can be taken back, *irreversible* changes production for good. What each effect means for the mode of a
playbook is in [playbooks.md](playbooks.md).

Undo classes: **A** removes an object of our own; **B** compares with what was there before and restores it; **C** flips
back only what we flipped; **D** cannot be taken back. Where something stood already and is not ours, nothing is undone.

A *leased* action is held at an enforcement point until its `ttl` is over, at most 7 days; several cases may hold the
same block, and the last to let go lifts it.

The point or system that serves a host or user is found by itself; `at` names one. Permissions name what the connector
needs at least; IAM policies for each AWS action are in `deploy/iam`.
"""
_TYPES: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    timedelta: "duration",
    datetime: "time",
}


def render() -> str:
    """The whole page."""
    specs = sorted(catalog().values(), key=lambda spec: spec.name)
    table = ["| action | does | effect | inverse | undo | queue |", "| --- | --- | --- | --- | --- | --- |"]
    table += [_row(spec) for spec in specs]
    parts = [_HEAD, "\n".join(table), *(_section(spec) for spec in specs)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _row(spec: ActionSpec) -> str:
    anchor = spec.name.replace(".", "")
    inverse = f"`{spec.inverse}`" if spec.inverse else ""
    takes_back = spec.inverse or spec.effect is Effect.IRREVERSIBLE
    undo = spec.undo_class.value if takes_back else ""
    cells = (f"[`{spec.name}`](#{anchor})", spec.title, spec.effect.value, inverse, undo, spec.queue.value)
    return f"| {' | '.join(cells)} |"


def _section(spec: ActionSpec) -> str:
    lines = [f"## {spec.name}", "", spec.title + "." + (" Leased." if spec.leased else ""), ""]
    lines += ["| parameter | type | default |", "| --- | --- | --- |", *_parameters(spec.params), ""]
    lines += [f"Outputs: {', '.join(f'`{name}`' for name in spec.outputs.model_fields)}.", ""]
    total = format_duration(spec.total) if spec.total else "for ever"
    lines += [f"One attempt: {format_duration(spec.attempt)}. Tried for: {total}.", ""]
    for kind, needed in spec.permissions.items():
        lines += [f"Permissions ({kind}): {', '.join(f'`{item}`' for item in needed)}.", ""]
    return "\n".join([*lines, "```yaml", f"- {spec.example}", "```"])


def _parameters(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        default = "needed" if field.is_required() else _shown(field.get_default(call_default_factory=True))
        yield f"| `{name}` | {_type(field.annotation)} | {default} |"


def _shown(value: Any) -> str:
    if isinstance(value, timedelta):
        return f"`{format_duration(value)}`"
    return f"`{value}`" if value not in (None, "", (), {}) else ""


def _type(annotation: Any) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(args[0])
    if origin in (Union, types.UnionType):
        return " or ".join(_type(each) for each in args if each is not type(None))
    if origin is Literal:
        return " or ".join(f"`{each}`" for each in args)
    if origin is tuple:
        return f"list of {_type(args[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping of " + ", ".join(f"`{name}`" for name in annotation.model_fields)
    return _TYPES.get(annotation, "mapping")


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
