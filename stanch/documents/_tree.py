"""A document as nodes that know where they stand, and the public view of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
Place: TypeAlias = tuple[int, int]


@dataclass(slots=True)
class Leaf:
    """A scalar; `style` is how it was written: '' plain, or one of ' " | >."""

    value: Any
    place: Place
    style: str = ""


@dataclass(slots=True)
class Items:
    place: Place
    items: list[Node] = field(default_factory=list["Node"])


@dataclass(slots=True)
class Entries:
    place: Place
    keys: dict[str, Place] = field(default_factory=dict[str, Place])
    values: dict[str, Node] = field(default_factory=dict[str, "Node"])


Node: TypeAlias = Leaf | Items | Entries


def plain(node: Node) -> Any:
    """The node as plain Python data."""
    match node:
        case Leaf():
            return node.value
        case Items():
            return [plain(item) for item in node.items]
        case Entries():
            return {key: plain(value) for key, value in node.values.items()}


@dataclass(frozen=True)
class Document:
    """A loaded file: its data, and the line and column (from 1) of every key and value."""

    file: str
    text: str
    data: Any
    root: Node

    def node(self, path: Path) -> Node | None:
        """The node at a path, None where there is none."""
        node = self.root
        for step in path:
            found = child(node, step)
            if found is None:
                return None
            node = found
        return node

    def at(self, path: Path, *, key: bool = False) -> Place:
        """Where the value (or, with `key`, the key) at a path stands; for a missing path the nearest parent."""
        node, place = self.root, self.root.place
        for position, step in enumerate(path):
            found = child(node, step)
            if found is None:
                return place
            last = position == len(path) - 1
            place = node.keys[str(step)] if isinstance(node, Entries) and (key or not last) else found.place
            node = found
        return place

    def inside(self, path: Path, offset: int) -> Place:
        """Where character `offset` of the text at a path stands (exact for one-line scalars and `|` blocks)."""
        node = self.node(path)
        if not isinstance(node, Leaf) or not isinstance(node.value, str):
            return self.at(path)
        if node.style == "|":
            return self._inside_block(node, offset)
        line, column = node.place
        if node.style not in ("'", '"'):
            return line, column + offset
        return line, column + 1 + _written(self._line(line)[column:], offset, quote=node.style)

    def _line(self, number: int) -> str:
        source = self.text.split("\n")
        return source[number - 1] if number <= len(source) else ""

    def _inside_block(self, node: Leaf, offset: int) -> Place:
        before: str = node.value[:offset]
        line = node.place[0] + 1 + before.count("\n")
        written = self._line(line)
        content = node.value.split("\n")[before.count("\n")]
        indent = max(written.find(content), 0)
        return line, indent + 1 + len(before.rpartition("\n")[2])

    def strings(self, start: Path = ()) -> Iterator[tuple[Path, str]]:
        """Every text value below a path, with its path from there, in file order."""
        node = self.node(start)
        if node is not None:
            yield from _strings(node, ())


def _written(text: str, offset: int, *, quote: str) -> int:
    """How many characters stand in the file for the first `offset` characters of a quoted text."""
    at = 0
    for _ in range(offset):
        escaped = text[at : at + 2] == "''" if quote == "'" else text[at : at + 1] == "\\"
        at += 2 if escaped else 1
    return at


def child(node: Node, step: str | int) -> Node | None:
    """The node one step below, None where there is none."""
    if isinstance(node, Entries):
        return node.values.get(str(step))
    if isinstance(node, Items) and isinstance(step, int) and 0 <= step < len(node.items):
        return node.items[step]
    return None


def _strings(node: Node, path: Path) -> Iterator[tuple[Path, str]]:
    match node:
        case Leaf():
            if isinstance(node.value, str):
                yield path, node.value
        case Items():
            for index, item in enumerate(node.items):
                yield from _strings(item, (*path, index))
        case Entries():
            for key, value in node.values.items():
                yield from _strings(value, (*path, key))
