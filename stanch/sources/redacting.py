"""Redacts the rows of one report: the texts that they share are looked at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from stanch.intake.redaction import Redactor

_LONG = 48  # characters; shorter ones cost less than looking them up
_KEPT = 2000


class RowRedactor:
    """Gives what the redactor gives. A report says the same of a hundred places: description, remedy, title."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._known: dict[tuple[str, str], tuple[Any, dict[str, int]]] = {}

    def report(self, data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, int]]:
        """A redacted copy, and how often each rule struck."""
        shared = {name: value for name, value in data.items() if isinstance(value, str) and len(value) > _LONG}
        made, counts = self._redactor.report({name: value for name, value in data.items() if name not in shared})
        total = Counter(counts)
        for name, value in shared.items():
            made[name], struck = self._text(name, value)
            total.update(struck)
        return made, dict(sorted(total.items()))

    def _text(self, name: str, value: str) -> tuple[Any, dict[str, int]]:
        known = self._known.get((name, value))
        if known is None:
            made, counts = self._redactor.report({name: value})
            known = made.get(name), counts
            if len(self._known) < _KEPT:
                self._known[name, value] = known
        return known
