"""Patterns of rules that are whole path templates: only words and `{x}`, and at least one of these."""

from __future__ import annotations

from collections.abc import Iterator

from stanch.routing._model import RoutesFile
from stanch.routing._place import Kind, parse_path


def templates_of(file: RoutesFile) -> Iterator[tuple[str, str]]:
    """(host pattern, path template) of each rule that names one operation."""
    for rule in file.rules:
        for words in rule.match.alternatives:
            kinds = {token.kind for token in parse_path(words.path)}
            if Kind.ONE in kinds and kinds <= {Kind.LITERAL, Kind.ONE}:
                yield words.host, words.path
