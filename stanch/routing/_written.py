"""Where the words of an ownership file stand, also when several files were put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeAlias

from stanch.documents import Document
from stanch.errors import Problem
from stanch.expressions import ExpressionError

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True)
class Found:
    """What is wrong at a path.

    Args:
        key: point at the key instead of its value.
        also: another place that has a part in it; the message ends with where it stands.
    """

    code: str
    message: str
    path: Path
    hint: str = ""
    severity: str = "error"
    key: bool = False
    also: Path | None = None


@dataclass(frozen=True)
class Written:
    """The documents behind a table: for each part of the whole, the document it came from and its path there."""

    parts: Mapping[Path, tuple[Document, Path]]

    @classmethod
    def of(cls, document: Document) -> Written:
        """A single file."""
        return cls({(): (document, ())})

    def origin(self, path: Path) -> tuple[Document, Path]:
        """The document that a path leads into, and the path in there."""
        for length in range(min(len(path), 3), -1, -1):
            if path[:length] in self.parts:
                document, start = self.parts[path[:length]]
                return document, (*start, *path[length:])
        return next(iter(self.parts.values()))[0], path

    @cached_property
    def strings(self) -> tuple[tuple[Path, str], ...]:
        """Every text value with its path in the whole, file by file."""
        return tuple(self._strings())

    def _strings(self) -> Iterator[tuple[Path, str]]:
        for start, (document, own) in self.parts.items():
            if not start and len(self.parts) > 1:
                continue  # only names the file for what has no place
            for path, text in document.strings(own):
                yield (*start, *path), text

    def problem(self, found: Found) -> Problem:
        """The mistake with its file, line and column."""
        document, path = self.origin(found.path)
        line, column = document.at(path, key=found.key)
        message = found.message
        if found.also is not None:
            message += f" (the other is at {self.place(found.also)})"
        return Problem(found.code, message, document.file, line, column, found.hint, found.severity)

    def place(self, path: Path) -> str:
        """`file:line` of a path."""
        document, own = self.origin(path)
        return f"{document.file}:{document.at(own)[0]}"

    def of_expression(self, path: Path, error: ExpressionError, codes: Mapping[str, str]) -> list[Problem]:
        """The mistakes of an expression that stands at a path; codes that are not named become R002."""
        document, own = self.origin(path)
        located = error.located(
            document.file, partial(document.inside, own), codes=lambda code: codes.get(code, "R002")
        )
        return list(located)
