"""A YAML file as nodes that know their own source text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class Scalar:
    """`text` is as it was written; of a block scalar with its header line."""

    text: str
    line: int
    last: int
    start: int
    end: int
    block: bool = False


@dataclass
class Entry:
    """A key with its value, or an item of a list (`key` is None), with the comment lines above it."""

    key: Scalar | None
    value: Node
    line: int
    above: list[str] = field(default_factory=list[str])
    spaced: bool = False  # an empty line stands before it


@dataclass
class Collection:
    """A mapping or a list."""

    listing: bool
    flow: bool
    line: int
    last: int
    entries: list[Entry] = field(default_factory=list[Entry])


Node: TypeAlias = Scalar | Collection


def read(text: str) -> Node:
    """The nodes of a file that `stanch.documents.load` has accepted."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    reader = _Reader(text, starts, iter(_LOADER(text).get_event, None))
    return reader.root()


class _Reader:
    def __init__(self, text: str, starts: list[int], events: Iterator[Any]) -> None:
        self._text, self._starts, self._events = text, starts, events

    def root(self) -> Node:
        for event in self._events:
            if isinstance(event, yaml.ScalarEvent | yaml.MappingStartEvent | yaml.SequenceStartEvent):
                return self._node(event)
        return Scalar("", 0, 0, 0, 0)

    def _at(self, mark: Any) -> int:
        return self._starts[int(mark.line)] + int(mark.column)

    def _node(self, event: Any) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        listing = isinstance(event, yaml.SequenceStartEvent)
        line = int(event.start_mark.line)
        found = Collection(listing, bool(event.flow_style), line, line)
        inner: Any
        for inner in self._events:
            if isinstance(inner, yaml.SequenceEndEvent | yaml.MappingEndEvent):
                found.last = _last(inner) if found.flow else found.last
                break
            key = None if listing else self._scalar(inner)
            value = self._node(inner if listing else next(self._events))
            found.entries.append(Entry(key, value, key.line if key else int(inner.start_mark.line)))
        return found

    def _scalar(self, event: Any) -> Scalar:
        start, end = self._at(event.start_mark), self._at(event.end_mark)
        line, last = int(event.start_mark.line), int(event.end_mark.line)
        if event.style in ("|", ">"):
            return Scalar(self._text[start:end].rstrip(), line, line, start, end, block=True)
        return Scalar(self._text[start:end], line, last, start, end)


def _last(event: Any) -> int:
    return int(event.end_mark.line)


def scalars(node: Node) -> Iterator[Scalar]:
    """Every scalar, keys included, in written order."""
    if isinstance(node, Scalar):
        yield node
        return
    for entry in node.entries:
        if entry.key is not None:
            yield entry.key
        yield from scalars(entry.value)


def entries(node: Node) -> Iterator[Entry]:
    """Every entry, outer ones before those inside."""
    if isinstance(node, Collection):
        for entry in node.entries:
            yield entry
            yield from entries(entry.value)
