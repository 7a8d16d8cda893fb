"""Values of a playbook as a plan holds them: literals as they are, expressions as `$` or `$t` objects."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from stanch.expressions import parse
from stanch.playbooks.checks.expressions import is_optional, plain_path
from stanch.playbooks.checks.parameters import Field
from stanch.playbooks.report import Report
from stanch.playbooks.tree import Path
from stanch.playbooks.words import is_template
from stanch.shapes import is_dict, is_items, is_list


def compiled(value: Any, *, field: Field | None = None) -> Any:
    """A value in plan form.

    Args:
        value: as it was written.
        field: the parameter it is for; where that may be nothing, a field of the finding or route that is absent
            gives nothing instead of an error.
    """
    if is_dict(value):
        members: Mapping[str, Field] = field.members if field else {}
        return {key: compiled(item, field=members.get(key)) for key, item in value.items()}
    if is_items(value):
        return [compiled(item) for item in value]
    if isinstance(value, timedelta):
        return value.total_seconds()
    return _text(value, field) if isinstance(value, str) else value


def _text(value: str, field: Field | None) -> Any:
    if not is_template(value):
        return value
    text = parse(value)
    if text.literal is not None:
        return text.literal
    if text.whole is not None:
        return {"$": _nullable(text.whole.source, field)}
    return {"$t": [part if isinstance(part, str) else {"$": part.source} for part in text.parts]}


def _nullable(source: str, field: Field | None) -> str:
    path = plain_path(source)
    if path is None or field is None or not field.optional or not is_optional(path):
        return source
    return f"has({source}) ? dyn({source}) : dyn(null)"


def sources(value: Any) -> list[str]:
    """Every expression inside a value in plan form."""
    if is_dict(value):
        if set(value) == {"$"}:
            return [value["$"]]
        return [source for item in value.values() for source in sources(item)]
    if is_items(value):
        return [source for item in value for source in sources(item)]
    return []


def check_dollars(value: Any, path: Path, report: Report) -> None:
    """P005: keys that start with `$` are ours."""
    if is_dict(value):
        for key, item in value.items():
            if str(key).startswith("$"):
                report.add("P005", (*path, key), f"a key may not start with $: {key!r}", hint="rename it")
            check_dollars(item, (*path, key), report)
    elif is_list(value):
        for index, item in enumerate(value):
            check_dollars(item, (*path, index), report)
