"""A mistake found in a file, before it has a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from stanch.documents import Document
from stanch.errors import Problem

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True)
class Found:
    """What is wrong at a path; `key` points at the key instead of its value."""

    code: str
    message: str
    path: Path
    hint: str = ""
    severity: str = "error"
    key: bool = False


def problem(document: Document, found: Found) -> Problem:
    """The mistake with its line and column."""
    line, column = document.at(found.path, key=found.key)
    return Problem(found.code, found.message, document.file, line, column, found.hint, found.severity)
