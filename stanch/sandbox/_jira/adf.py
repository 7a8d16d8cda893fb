"""What Jira Cloud accepts as rich text (Atlassian Document Format), and its plain reading."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stanch.shapes import is_dict, is_list

_BLOCKS = frozenset({"paragraph", "codeBlock", "heading", "rule", "bulletList", "orderedList", "blockquote", "panel"})
_CHILDREN: dict[str, frozenset[str]] = {
    "doc": _BLOCKS,
    "paragraph": frozenset({"text", "hardBreak", "mention", "inlineCard", "emoji"}),
    "heading": frozenset({"text", "hardBreak", "mention", "inlineCard", "emoji"}),
    "codeBlock": frozenset({"text"}),
    "blockquote": frozenset({"paragraph"}),
    "panel": _BLOCKS,
    "bulletList": frozenset({"listItem"}),
    "orderedList": frozenset({"listItem"}),
    "listItem": frozenset({"paragraph", "codeBlock", "bulletList", "orderedList"}),
}
_LEAVES = frozenset({"text", "hardBreak", "mention", "inlineCard", "emoji", "rule"})


def valid(document: object) -> bool:
    """True where Jira would store the document; a plain string never is one."""
    return (
        is_dict(document) and document.get("type") == "doc" and document.get("version") == 1 and _valid_node(document)
    )


def _valid_node(node: object) -> bool:
    if not is_dict(node) or not isinstance(kind := node.get("type"), str):
        return False
    if kind == "text":
        return isinstance(node.get("text"), str) and node["text"] != ""
    if kind in _LEAVES:
        return True
    children = node.get("content", [])
    allowed = _CHILDREN.get(kind)
    return (
        allowed is not None
        and is_list(children)
        and all(is_dict(child) and child.get("type") in allowed and _valid_node(child) for child in children)
    )


def nodes(value: object) -> Iterator[dict[str, Any]]:
    """Every node of a document, parents first."""
    if is_dict(value):
        yield value
        for child in value.get("content", []):
            yield from nodes(child)


def plain(value: object) -> str:
    """The text of a document, a line per block; a string is already plain."""
    if not is_dict(value):
        return str(value or "")
    return "\n".join(_inline(block) for block in value.get("content", []))


def _inline(node: dict[str, Any]) -> str:
    if node.get("type") == "hardBreak":
        return "\n"
    return str(node.get("text", "")) + "".join(_inline(child) for child in node.get("content", []))
