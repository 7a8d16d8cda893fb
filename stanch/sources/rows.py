"""Walks a document with an adapter: the rows it repeats over, and the fields each row fills."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from stanch.findings.report import FindingReport
from stanch.shapes import is_dict, is_list
from stanch.sources.adapter import Adapter
from stanch.sources.envelopes import holds
from stanch.sources.expressions import Failed

MAX_ROWS = 5000  # of one delivery: three bytes make a row, and each row costs a third of a millisecond
_EMPTY = frozenset({"", "null", "undefined", "n/a"})
_LISTS = frozenset({"labels", "cwe", "cve", "references", "data_classification", "resources", "actors", "evidence"})
_LONGEST = {"labels": 64, "cwe": 32, "cve": 64, "references": 32, "resources": 50, "actors": 20, "evidence": 20}

Row = dict[str, Any]


def rows(adapter: Adapter, document: Any, warnings: Counter[str]) -> Iterator[Row]:
    """The named levels of each repetition, `doc` among them; a level that fails repeats nothing."""
    document = adapter.peel(document) if adapter.peel else document
    if isinstance(document, Failed):
        warnings[f"{adapter.id}: peel: {document.reason}"] += 1
        return
    yield from _repeat(adapter, {"doc": document}, warnings, level=0)


def _repeat(adapter: Adapter, row: Row, warnings: Counter[str], *, level: int) -> Iterator[Row]:
    if level == len(adapter.foreach):
        yield row
        return
    name, inside = adapter.foreach[level]
    found = inside(row)
    if isinstance(found, Failed):
        warnings[f"{adapter.id}: {name}: {found.reason}"] += 1
        return
    for item in found if is_list(found) else (found,):
        if item is not None:
            yield from _repeat(adapter, row | {name: item}, warnings, level=level + 1)


def wanted(adapter: Adapter, row: Row, warnings: Counter[str]) -> bool:
    """False for what the tool only logs, such as a request that a firewall let through."""
    return adapter.when is None or _says(adapter, "when", adapter.when(row), warnings)


def _says(adapter: Adapter, name: str, value: Any, warnings: Counter[str]) -> bool:
    if isinstance(value, Failed):
        warnings[f"{adapter.id}: {name}: {value.reason}"] += 1
    return holds(value)


def report_data(adapter: Adapter, row: Row, warnings: Counter[str]) -> Row:
    """The words of `FindingReport` that the adapter's `map` gives for a row; a field that fails is left out."""
    data: Row = {}
    for name, parts, value_of in adapter.fields:
        value = value_of(row)
        if isinstance(value, Failed):
            warnings[f"{adapter.id}: {name}: {value.reason}"] += 1
        elif (clean := _clean(parts[-1], value)) is not None:
            _put(data, parts, clean)
    if adapter.is_test is not None and _says(adapter, "is_test", adapter.is_test(row), warnings):
        data |= {"is_test": True, "test_reason": f"marked as a test by the {adapter.id} adapter"}
    return data


def _clean(name: str, value: Any) -> Any:
    if value is None or (value is False and not name.startswith("is_")):  # `condition && value` gives false
        return None
    if isinstance(value, str) and value.strip().lower() in _EMPTY:
        return None
    if name in _LISTS:
        items = value if is_list(value) else [value]
        kept = [item for item in map(_without_nothing, items) if item not in (None, "", {})]
        return kept[: _LONGEST.get(name, 64)] or None
    return value


def _without_nothing(item: Any) -> Any:
    if not is_dict(item):
        return item
    return {key: value for key, value in item.items() if value is not None}


def _put(data: Row, parts: tuple[str, ...], value: Any) -> None:
    for part in parts[:-1]:
        data = data.setdefault(part, {})
    data[parts[-1]] = value


def checked(adapter: Adapter, data: Mapping[str, Any], warnings: Counter[str]) -> FindingReport | None:
    """The report, without the fields that do not fit the model (each counted as a warning)."""
    for _ in range(2):
        try:
            return FindingReport.model_validate(data)
        except ValidationError as error:
            data = _without(data, error, adapter, warnings)
    return None


def _without(data: Mapping[str, Any], error: ValidationError, adapter: Adapter, warnings: Counter[str]) -> Row:
    kept = dict(data)
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        location = [str(part) for part in item["loc"]]
        warnings[f"{adapter.id}: {'.'.join(location[:2])}: {item['type']}"] += 1
        parent = kept.get(location[0])
        if len(location) > 1 and is_dict(parent):
            kept[location[0]] = {key: value for key, value in parent.items() if key != location[1]}
        else:
            kept.pop(location[0], None)
    return kept
