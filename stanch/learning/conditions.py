"""Conditions written for rules: texts of findings become literals that nothing in them can end."""

from __future__ import annotations

import re

from stanch.learning.counting import Group
from stanch.learning.writing import CannotWrite

MAX_LITERAL = 256
_VARIABLE = re.compile(r"\{[^{}]*\}")


def condition(group: Group) -> str:
    """What the group has in common, as an expression."""
    parts = [f"finding.category == {literal(group.category)}"]
    if group.prefix:
        at, below = literal(group.prefix), literal(f"{group.prefix}/")
        names = ["path_template"] if _VARIABLE.search(group.prefix) else ["path", "path_template"]
        tests = [f"finding.api.{name} == {at} || finding.api.{name}.startsWith({below})" for name in names]
        parts.append(f"({' || '.join(tests)})")
    return " && ".join(parts)


def literal(text: str) -> str:
    """A text as a literal of an expression; what could end it, or what people cannot see, is escaped."""
    if len(text) > MAX_LITERAL:
        raise CannotWrite("its path or category is too long for a condition that people can read")
    return "'" + "".join(char if " " <= char <= "~" and char not in "'\\" else _escape(char) for char in text) + "'"


def _escape(char: str) -> str:
    number = ord(char)
    if 0xD800 <= number <= 0xDFFF:
        raise CannotWrite("its path or category holds what is no character")
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
