"""Collects the problems of one file, each with the line and column it is about."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from stanch.errors import Problem
from stanch.playbooks.tree import Path


class Places(Protocol):
    """A loaded file that knows where its keys are."""

    def at(self, path: Path) -> tuple[int, int]: ...


@dataclass
class Report:
    """Problems of one file in the order they were found."""

    file: str
    places: Places
    problems: list[Problem] = field(default_factory=list[Problem])

    def add(self, code: str, path: Path, message: str, *, hint: str = "", severity: str = "error") -> None:
        self.add_at(code, self.places.at(path), message, hint=hint, severity=severity)

    def add_at(
        self, code: str, place: tuple[int, int], message: str, *, hint: str = "", severity: str = "error"
    ) -> None:
        """The same, for a place inside a value."""
        line, column = place
        self.problems.append(
            Problem(code, message, file=self.file, line=line, column=column, hint=hint, severity=severity)
        )

    @property
    def broken(self) -> bool:
        return any(problem.severity == "error" for problem in self.problems)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint with the nearest known word, or nothing."""
    near = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else ""
