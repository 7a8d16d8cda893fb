"""Values as YAML on one line, and where in an ownership file they go, so that all else stays as people wrote it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from stanch.shapes import is_items, is_mapping

Path = tuple[str | int, ...]
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*(:[A-Za-z0-9_./-]+)*\Z", re.ASCII)
_TYPED = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


class CannotWrite(Exception):
    """There is no place in the file where this could go without changing how the rest is written."""


def flow(value: object) -> str:
    """A value as YAML flow text in printable ASCII; a text is plain only where no reader could take it otherwise."""
    if is_mapping(value):
        return "{" + ", ".join(f"{flow(name)}: {flow(item)}" for name, item in value.items()) + "}"
    if isinstance(value, str):
        return scalar(value)
    if is_items(value):
        return "[" + ", ".join(map(flow, value)) + "]"
    return json.dumps(value)


def scalar(text: str) -> str:
    """A text in quotes with YAML's own escapes, or as it is where that is certain."""
    if _PLAIN.match(text) and text.lower() not in _TYPED:
        return text
    # a lone surrogate is no character: it can neither be read back nor be encoded
    clean = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return '"' + "".join(map(_escaped, clean)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if " " <= char <= "~":
        return char
    number = ord(char)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def append_to(text: str, path: Path, key: str, item: Mapping[str, Any]) -> str:
    """The text with one more item in the list `key` of the mapping at a path; a missing list is begun.

    Args:
        text: a document that `stanch.documents.load` accepts.
        path: of the mapping, () for the document itself.
        key: of the list.
        item: what is added at its end.

    Raises:
        CannotWrite: the mapping is not there, or `key` is no list.
    """
    mapping = _node(_composed(text), path)
    if mapping is None or mapping.id != "mapping":
        raise CannotWrite(f"there is no mapping at {'.'.join(map(str, path))}")
    listed = next((value for name, value in mapping.value if name.value == key), None)
    lines = text.split("\n")
    if listed is None:
        return _begun(lines, mapping, key, item)
    if listed.id != "sequence":
        raise CannotWrite(f"'{key}' is no list")
    if listed.flow_style:
        return _into_flow(lines, listed, flow(item), empty=not listed.value)
    return _below(lines, listed, _item_lines(item, " " * listed.start_mark.column))


def _composed(text: str) -> Any:
    """The nodes with where they begin and end; the parser knows no types for them."""
    compose: Any = yaml.compose
    return compose(text, Loader=_LOADER)


def _node(root: Any, path: Path) -> Any:
    node: Any = root
    for step in path:
        node = _child(node, step)
    return node


def _child(node: Any, step: str | int) -> Any:
    if node is None or node.id == "scalar":
        return None
    if node.id == "mapping":
        return next((value for name, value in node.value if name.value == step), None)
    return node.value[step] if isinstance(step, int) and step < len(node.value) else None


def _begun(lines: list[str], mapping: Any, key: str, item: Mapping[str, Any]) -> str:
    if mapping.flow_style:
        return _into_flow(lines, mapping, f"{key}: [{flow(item)}]", empty=not mapping.value)
    indent = " " * mapping.start_mark.column
    return _below(lines, mapping, [f"{indent}{key}:", *_item_lines(item, indent + "  ")])


def _item_lines(item: Mapping[str, Any], indent: str) -> list[str]:
    """A list item as a block: one key a line."""
    pairs = [f"{name}: {flow(value)}" for name, value in item.items()]
    return [f"{indent}{'- ' if number == 0 else '  '}{pair}" for number, pair in enumerate(pairs)]


def _into_flow(lines: list[str], node: Any, words: str, *, empty: bool) -> str:
    """Before the closing bracket, which the node's end stands behind."""
    line: int = node.end_mark.line
    column: int = node.end_mark.column - 1
    before, after = lines[line][:column], lines[line][column:]
    if after[:1] not in ("]", "}"):
        raise CannotWrite("the end of a list is not where it seems to be")
    kept = before.rstrip()
    comma = "" if empty or _ends_with_comma(lines, node) else ", "
    if kept:
        lines[line] = f"{kept}{comma or (' ' if kept.endswith(',') else '')}{words}{after}"
    else:  # the bracket has a line of its own
        lines[line : line + 1] = [f"{before}  {comma}{words}", f"{before}{after}"]
    return "\n".join(lines)


def _ends_with_comma(lines: list[str], node: Any) -> bool:
    """Whether a comma, outside comments, stands between the last entry and the bracket."""
    mark = _last_inside(node).end_mark
    first: int = mark.line
    last: int = node.end_mark.line
    start: int = mark.column
    between = lines[first : last + 1]
    between[-1] = between[-1][: node.end_mark.column - 1]
    between[0] = between[0][start:]
    return any("," in line.partition("#")[0] for line in between)


def _below(lines: list[str], node: Any, new: list[str]) -> str:
    """On lines of their own after the last line of a block; comments that follow it stay behind."""
    at = _last_line(node, lines) + 1
    is_windows = bool(lines) and lines[0].endswith("\r")
    new = [line + "\r" for line in new] if is_windows else new
    if at >= len(lines):  # the last line of the file has no end
        if is_windows:
            lines[-1] += "\r"
            new[-1] = new[-1].removesuffix("\r")
        return "\n".join([*lines, *new])
    return "\n".join([*lines[:at], *new, *lines[at:]])


def _last_line(node: Any, lines: list[str]) -> int:
    """The last line that belongs to a node; the parser's end of a block is where the next thing begins."""
    if node.id == "scalar":
        last: int = node.end_mark.line
        if node.style in ("|", ">") and (node.end_mark.column == 0 or last >= len(lines)):
            last -= 1
        return _not_blank(lines, min(last, len(lines) - 1)) if node.style in ("|", ">") else last
    if node.flow_style:
        return int(node.end_mark.line)
    return _last_line(_last_inside(node), lines)


def _last_inside(node: Any) -> Any:
    """The last value of a list or mapping; block collections are never empty."""
    last = node.value[-1]
    return last[1] if node.id == "mapping" else last


def _not_blank(lines: list[str], line: int) -> int:
    while line > 0 and not lines[line].strip():
        line -= 1
    return line
