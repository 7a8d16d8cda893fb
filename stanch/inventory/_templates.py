"""Path templates in a tree: the most specific one that a path meets, segment by segment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from stanch.errors import ConfigError
from stanch.findings.paths import is_variable, segments_of
from stanch.inventory._pieces import Pieces, of_segment

MAX_MIXED = 200


class Template(NamedTuple):
    """A template and where it comes from: `spec` or `route_rule`."""

    text: str
    basis: str


@dataclass(slots=True)
class _Node:
    literal: dict[str, _Node] = field(default_factory=dict["str", "_Node"])
    mixed: list[tuple[Pieces, _Node]] = field(default_factory=list[tuple[Pieces, "_Node"]])
    one: _Node | None = None
    end: Template | None = None


class TemplateTree:
    """The templates of one host. A word beats a word with a variable in it, which beats a variable."""

    def __init__(self) -> None:
        self._root = _Node()
        self.count = 0

    def add(self, template: Template) -> None:
        """Take a template; of two that differ in names of variables only, the first one stays."""
        node = self._root
        for segment in template.text.split("/")[1:]:
            node = _child(node, segment)
        if node.end is None:
            node.end = template
            self.count += 1

    def find(self, path: str) -> Template | None:
        """The template of a path in normal form; None where there is none, and for a path that is an attack."""
        segments = segments_of(path)
        if segments is None:
            return None
        return self._find(segments) or self._find(_other_end(segments))

    def _find(self, segments: tuple[str, ...]) -> Template | None:
        pending = [(self._root, 0)]
        while pending:  # every node is looked at once: a tree has one way to each
            node, position = pending.pop()
            if position == len(segments):
                if node.end is not None:
                    return node.end
                continue
            pending.extend((child, position + 1) for child in _steps(node, segments[position]))
        return None


def _child(node: _Node, segment: str) -> _Node:
    if is_variable(segment):
        node.one = node.one or _Node()
        return node.one
    pieces = of_segment(segment)
    if pieces is None:
        return node.literal.setdefault(segment, _Node())
    for known, child in node.mixed:
        if known == pieces:
            return child
    if len(node.mixed) >= MAX_MIXED:  # these are tried one after the other
        hint = "write {x} for the whole segment"
        message = f"more than {MAX_MIXED} segments with text around a variable at one place, such as '{segment[:80]}'"
        raise ConfigError(message, code="I108", hint=hint)
    child = _Node()
    node.mixed.append((pieces, child))
    node.mixed.sort(key=lambda pair: (-pair[0].weight, pair[0].fixed))
    return child


def _steps(node: _Node, segment: str) -> list[_Node]:
    """Ways on, the best last, since the last one is taken first."""
    found = [node.one] if node.one is not None and segment else []
    if is_variable(segment):  # a tool's own variable is no word
        return found
    found += [child for pieces, child in reversed(node.mixed) if pieces.meets(segment)]
    word = node.literal.get(segment)
    return found if word is None else [*found, word]


def _other_end(segments: tuple[str, ...]) -> tuple[str, ...]:
    """With or without the last slash, which servers rarely tell apart."""
    return segments[:-1] if segments[-1:] == ("",) and len(segments) > 1 else (*segments, "")
