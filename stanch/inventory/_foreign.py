"""Reads JSON and YAML that other tools wrote: bounded in size, depth and expansion, every key once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from stanch.documents._scalars import resolve
from stanch.errors import ConfigError, IntakeError, Problem
from stanch.intake.bodies import Limits, parse_documents

MAX_BYTES = 16 * 1024 * 1024
MAX_NODES = 1_000_000
MAX_DEPTH = 100
MAX_DOCUMENTS = 5_000
_CODE = "I110"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_documents(text: str, file: str = "") -> list[Any]:
    """The documents of a file: one for JSON, one or more for YAML.

    Raises:
        ConfigError: I110, with the place; nothing of a file that is not clear is used.
    """
    if len(text) > MAX_BYTES:
        raise _refused(f"the file is larger than {MAX_BYTES:,} bytes", file)
    if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        return [_json(text, file)]
    return _Reader(text, file).documents()


def _json(text: str, file: str) -> Any:
    limits = Limits(delivery=4 * MAX_BYTES, depth=MAX_DEPTH, items=MAX_NODES)
    try:
        found = parse_documents(text.encode(), "", limits)
    except UnicodeEncodeError:
        raise _refused("not valid UTF-8 text", file) from None
    except IntakeError as error:
        raise _refused(error.message, file) from None
    return found[0] if len(found) == 1 else found


def _refused(message: str, file: str, place: tuple[int, int] = (1, 1), hint: str = "") -> ConfigError:
    line, column = place
    problem = Problem(_CODE, message, file=file, line=line, column=column, hint=hint)
    return ConfigError(f"{file or 'the file'} cannot be read", problems=[problem], code=_CODE, hint=hint)


class _Reader:
    """Turns YAML events into plain data; what an alias repeats counts as if it were written out."""

    def __init__(self, text: str, file: str) -> None:
        self._text, self._file = text, file
        self._nodes = 0
        self._anchors: dict[str, tuple[Any, int]] = {}

    def documents(self) -> list[Any]:
        events = self._events()
        found: list[Any] = []
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors.clear()
            elif isinstance(event, yaml.NodeEvent):
                found.append(self._node(event, events, 1))
            if len(found) > MAX_DOCUMENTS:
                raise self._no(f"more than {MAX_DOCUMENTS:,} documents", event)
        return [item for item in found if item is not None]

    def _events(self) -> Iterator[yaml.Event]:
        try:
            yield from yaml.parse(self._text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            raise _refused(f"not valid YAML: {error.problem or 'cannot be read'}", self._file, place) from None
        except (yaml.YAMLError, UnicodeEncodeError):
            raise _refused("not text that YAML allows", self._file) from None

    def _no(self, message: str, event: yaml.Event, hint: str = "") -> ConfigError:
        mark: Any = event.start_mark
        return _refused(message, self._file, (mark.line + 1, mark.column + 1), hint)

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise self._no(f"nested deeper than {MAX_DEPTH} levels", event)
        if isinstance(event, yaml.AliasEvent):
            return self._repeated(event)
        before = self._nodes
        self._count(1, event)
        made = self._made(event, events, depth)
        if isinstance(event, yaml.NodeEvent) and event.anchor:
            self._anchors[event.anchor] = (made, self._nodes - before)
        return made

    def _made(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Any:
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, depth)
        return self._scalar(event)

    def _repeated(self, event: yaml.AliasEvent) -> Any:
        if event.anchor not in self._anchors:
            raise self._no(f"alias *{event.anchor} names nothing before it", event, "write the values out")
        made, size = self._anchors[event.anchor]
        self._count(size, event)
        return made

    def _count(self, size: int, event: yaml.Event) -> None:
        self._nodes += size
        if self._nodes > MAX_NODES:
            raise self._no(f"more than {MAX_NODES:,} values, aliases written out", event, "split the file")

    def _sequence(self, events: Iterator[yaml.Event], depth: int) -> list[Any]:
        made: list[Any] = []
        for inner in events:
            if isinstance(inner, yaml.SequenceEndEvent):
                break
            made.append(self._node(inner, events, depth + 1))
        return made

    def _mapping(self, events: Iterator[yaml.Event], depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for inner in events:
            if isinstance(inner, yaml.MappingEndEvent):
                break
            key = self._key(inner)
            if key in made:
                raise self._no(f"key '{key[:80]}' is here twice", inner, "remove one")
            self._count(1, inner)
            made[key] = self._node(next(events), events, depth + 1)
        return made

    def _key(self, event: yaml.Event) -> str:
        """As written: status codes are keys of OpenAPI files."""
        if not isinstance(event, yaml.ScalarEvent):
            raise self._no("a key must be text", event, "write the key out")
        return event.value

    def _scalar(self, event: yaml.Event) -> Any:
        assert isinstance(event, yaml.ScalarEvent)
        if event.style:
            return event.value
        try:
            return resolve(event.value)
        except ValueError:
            return event.value
