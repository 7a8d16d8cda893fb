"""Reads samples for the tests of adapters, and changes one value in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stanch.findings import Finding
from stanch.sources import Extraction, extract

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
Place = tuple[str | int, ...]


def items(name: str) -> list[Any]:
    text = (SAMPLES / name).read_text(encoding="utf-8")
    if name.endswith(("jsonl", "ndjson")):
        return [json.loads(line) for line in text.splitlines()]
    data = json.loads(text)
    return data if isinstance(data, list) else [data]


def read(*documents: Any) -> Extraction:
    return extract(json.dumps(documents).encode())


def findings(name: str) -> tuple[Finding, ...]:
    return read(*items(name)).findings


def changed(value: Any, where: str | Place, to: Any) -> Any:
    """A copy in which the value at a place such as `a/0/b` is another."""
    place = (
        tuple(int(part) if part.isdigit() else part for part in where.split("/")) if isinstance(where, str) else where
    )
    copy = inner = json.loads(json.dumps(value))
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = to
    return copy
