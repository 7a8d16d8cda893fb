"""Strict YAML: libyaml's events, our own tree, every problem with line and column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from stanch.documents import _hints
from stanch.documents._scalars import resolve
from stanch.documents._tree import Document, Entries, Items, Leaf, Node, Place, plain
from stanch.errors import ConfigError, Problem

MAX_BYTES = 2_000_000
MAX_NODES = 200_000
MAX_DEPTH = 40

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the pure parser gives the same events, slower


def load(text: str, file: str = "", *, code: str = "P001") -> Document:
    """Read one YAML document strictly.

    Args:
        text: the file's content.
        file: its name, for messages.
        code: of problems of form.

    Raises:
        ConfigError: with every problem that could be found.
    """
    builder = _Builder(text=text, file=file, code=code)
    root = builder.build()
    if builder.problems or root is None:
        raise failed(file, builder.problems)
    return Document(file=file, text=text, data=plain(root), root=root)


def failed(file: str, problems: list[Problem]) -> ConfigError:
    """One error for all problems of a file."""
    count = len(problems)
    return ConfigError(f"{file or 'document'} has {count} mistake{'s' if count != 1 else ''}", problems=problems)


class _Stop(Exception):
    """Nothing after this point can be read."""


class _Builder:
    """Turns events into nodes and collects problems on the way."""

    def __init__(self, *, text: str, file: str, code: str) -> None:
        self.text, self.file, self.code = text, file, code
        self.problems: list[Problem] = []
        self._nodes = 0

    def build(self) -> Node | None:
        try:
            self._check_size()
            return self._document(self._events())
        except _Stop:
            return None

    def _check_size(self) -> None:
        try:
            size = len(self.text.encode())
        except UnicodeEncodeError:
            self._problem("the file is not valid UTF-8 text", (1, 1))
            raise _Stop from None
        if size > MAX_BYTES:
            self._problem(f"the file is larger than {MAX_BYTES:,} bytes", (1, 1), hint="split it")
            raise _Stop

    def _problem(self, message: str, place: Place, *, hint: str = "") -> None:
        line, column = place
        self.problems.append(
            Problem(code=self.code, message=message, file=self.file, line=line, column=column, hint=hint)
        )

    def _events(self) -> Iterator[yaml.Event]:
        try:
            yield from iter(_LOADER(self.text).get_event, None)
        except yaml.MarkedYAMLError as error:
            self._syntax(error)
            raise _Stop from None
        except yaml.YAMLError:
            self._problem("the file contains control characters or broken text", (1, 1), hint="save it as plain UTF-8")
            raise _Stop from None

    def _syntax(self, error: yaml.MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        lines = self.text.split("\n")
        source = lines[line] if line < len(lines) else ""
        problem, context = error.problem or "", error.context or ""
        opened = _hints.quote_opened(self.text, _LOADER, line)
        if opened is not None:
            self._problem("a text in quotes goes on over several lines", opened, hint=_hints.CLOSE_QUOTE)
            return
        hint = _hints.for_error(problem, context=context, line=source, column=column)
        self._problem(f"not valid YAML: {problem or 'cannot be read'}", (line + 1, column + 1), hint=hint)
        self._tabs(lines, reported=line)

    def _tabs(self, lines: list[str], *, reported: int) -> None:
        for number, line in enumerate(lines):
            indent = line[: len(line) - len(line.lstrip())]
            if "\t" in indent and line.strip() and number != reported:
                self._problem("a tab in the indentation", (number + 1, indent.index("\t") + 1), hint=_hints.NO_TABS)

    def _document(self, events: Iterator[yaml.Event]) -> Node:
        root: Node | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._only_one(event, root)
                continue
            if isinstance(event, yaml.StreamStartEvent | yaml.StreamEndEvent | yaml.DocumentEndEvent):
                continue
            root = self._node(event, events, depth=1)
        return root if root is not None else Leaf(None, (1, 1))

    def _only_one(self, event: yaml.DocumentStartEvent, root: Node | None) -> None:
        if event.tags:
            self._problem("%TAG directives are not accepted", _place(event), hint="remove the line")
        if root is not None:
            self._problem("a second document in the same file", _place(event), hint="use one file for each")
            raise _Stop

    def _node(self, event: Any, events: Iterator[yaml.Event], *, depth: int) -> Node:
        self._limits(event, depth)
        if event.anchor is not None or getattr(event, "tag", None):
            self._refuse(event)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(event, events, depth=depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, events, depth=depth)
        return Leaf(None, _place(event))

    def _limits(self, event: yaml.Event, depth: int) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._problem(f"more than {MAX_NODES:,} values", _place(event), hint="split the file")
            raise _Stop
        if depth > MAX_DEPTH:
            self._problem(f"nested deeper than {MAX_DEPTH} levels", _place(event), hint="flatten it")
            raise _Stop

    def _refuse(self, event: yaml.Event) -> None:
        place = _place(event)
        if isinstance(event, yaml.AliasEvent):
            self._problem(f"alias *{event.anchor} is not accepted", place, hint=_hints.QUOTE_STAR)
        elif isinstance(event, yaml.NodeEvent) and event.anchor:
            self._problem(f"anchor &{event.anchor} is not accepted", place, hint=_hints.QUOTE_AMPERSAND)
        if getattr(event, "tag", None):
            self._problem("YAML tags are not accepted", place, hint=_hints.QUOTE_BANG)

    def _sequence(self, event: yaml.Event, events: Iterator[yaml.Event], *, depth: int) -> Items:
        node = Items(_place(event))
        for inner in events:
            if isinstance(inner, yaml.SequenceEndEvent):
                break
            node.items.append(self._node(inner, events, depth=depth + 1))
        return node

    def _mapping(self, event: yaml.Event, events: Iterator[yaml.Event], *, depth: int) -> Entries:
        node = Entries(_place(event))
        for inner in events:
            if isinstance(inner, yaml.MappingEndEvent):
                break
            key = self._node(inner, events, depth=depth + 1)
            value = self._node(next(events), events, depth=depth + 1)
            self._enter(node, key, value)
        return node

    def _enter(self, node: Entries, key: Node, value: Node) -> None:
        if not isinstance(key, Leaf) or not isinstance(key.value, str):
            self._problem("a key must be text", key.place, hint=self._key_hint(key))
        elif key.value == "<<" and not key.style:
            self._problem("merge keys (<<) are not accepted", key.place, hint="write the values out")
        elif key.value in node.keys:
            line, column = node.keys[key.value]
            self._problem(f"key '{key.value}' is here twice; first at {line}:{column}", key.place, hint="remove one")
        else:
            node.keys[key.value] = key.place
            node.values[key.value] = value

    def _key_hint(self, key: Node) -> str:
        if isinstance(key, Leaf):
            return "quote it"
        line, column = key.place
        before = self.text.split("\n")[line - 1][:column]
        return _hints.JINJA if before.endswith("{{") else _hints.QUOTE_FLOW

    def _scalar(self, event: yaml.ScalarEvent) -> Leaf:
        place, style = _place(event), event.style or ""
        if style:
            return Leaf(event.value, place, style)
        try:
            return Leaf(resolve(event.value), place)
        except ValueError as error:
            self._problem(str(error), place)
            return Leaf(event.value, place)


def _place(event: yaml.Event) -> Place:
    mark: Any = event.start_mark  # the stubs allow None, which only hand-made events have
    return mark.line + 1, mark.column + 1
