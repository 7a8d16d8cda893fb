"""The ledger as a file of JSON lines: root, heads, entries; checked offline with the key alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from stanch.errors import ConfigError
from stanch.records.chain import Bad, Head, Root, Sealed, Verification, check

FORMAT = "stanch-ledger/1"


def write_ledger(path: Path, *, root: Root | None, heads: Iterable[Head], rows: Iterable[Sealed]) -> int:
    """Write a ledger and return its number of entries."""
    count = 0
    with path.open("w", encoding="utf-8") as out:
        _line(out, {"format": FORMAT, "root": root})
        for head in heads:
            _line(out, head)
        for row in rows:
            _line(out, row)
            count += 1
    return count


def verify_file(path: Path, key: bytes) -> Verification:
    """Check an exported ledger.

    Raises:
        ConfigError: it is not an exported ledger.
    """
    with path.open(encoding="utf-8", errors="surrogateescape") as lines:
        root = _header(lines.readline())
        heads: dict[str, Head] = {}
        rows = _entries(lines, heads)
        try:
            first = next(rows, None)
            return check(_joined(first, rows), heads, root=root, key=key)
        except _Broken as broken:
            bad = Bad("", 0, f"line {broken.line} is not an entry")
            return Verification(ok=False, entries=0, cases=0, first_bad=bad)


class _Broken(Exception):
    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def _line(out: TextIO, value: Any) -> None:
    out.write(json.dumps(value, separators=(",", ":")) + "\n")


def _header(line: str) -> Root | None:
    try:
        header = json.loads(line)
        if header["format"] != FORMAT:
            raise ValueError
        return None if header["root"] is None else Root(*header["root"])
    except (ValueError, KeyError, TypeError):
        hint = "give a file written by `stanch audit export`"
        raise ConfigError("the file is not an exported ledger", code="C305", hint=hint) from None


def _entries(lines: Iterable[str], heads: dict[str, Head]) -> Iterator[Sealed]:
    """The entries; heads come first in the file and are collected on the way."""
    for number, line in enumerate(lines, 2):
        try:
            values = json.loads(line)
            item = Head(*values) if len(values) == len(Head._fields) else Sealed(*values)
        except (ValueError, TypeError):
            raise _Broken(number) from None
        if isinstance(item, Sealed):
            yield item
        else:
            heads[item.case_id] = item


def _joined(first: Sealed | None, rest: Iterator[Sealed]) -> Iterator[Sealed]:
    if first is not None:
        yield first
        yield from rest
