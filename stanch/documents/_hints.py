"""Why YAML stumbled over a line, in words for its author."""

from __future__ import annotations

import re
from typing import Any

import yaml

QUOTE_BANG = 'a leading ! starts a YAML tag; quote the expression: "!..."'
QUOTE_FLOW = "inside { } and [ ] quote expressions, patterns and texts that contain , : { } [ ]"
QUOTE_COLON = "a colon followed by a space starts a mapping; quote the whole text"
QUOTE_STAR = 'a leading * starts a YAML alias; quote it, as in "*.example.com"'
QUOTE_AMPERSAND = "a leading & starts a YAML anchor; quote the text"
QUOTE_FIRST = "a text that starts with this character must be quoted"
CLOSE_QUOTE = "close the quote in the line where it was opened"
JINJA = 'an expression is written in quotes and with a dollar sign: "${{ finding.title }}"'
NO_TABS = "indent with spaces"


def for_error(problem: str, *, context: str, line: str, column: int) -> str:
    """A hint for a syntax error that the parser reported at `column` (from 0) of `line`."""
    here = line[column : column + 1]
    if here == "\t" or "\t" in line[: len(line) - len(line.lstrip())]:
        return NO_TABS
    if line[max(column - 2, 0) : column + 1].find("&&") >= 0:
        return QUOTE_FLOW
    if "alias" in context or "anchor" in context:
        return QUOTE_STAR if "alias" in context else QUOTE_AMPERSAND
    if "mapping values are not allowed" in problem:
        return QUOTE_COLON
    if "cannot start any token" in problem:
        return QUOTE_FIRST
    if "flow" in context or "tag" in context:
        return QUOTE_BANG if "tag" in context else QUOTE_FLOW
    return _for_line(line)


def _for_line(line: str) -> str:
    value = re.sub(r"^\s*(-\s+)*([\w.-]+:\s+)?", "", line)
    if value.startswith(("{", "[")):
        return QUOTE_FLOW
    return "check the indentation and the quotes of this line and of the one above"


def for_key(key: str) -> str:
    """A hint for an unknown key that looks like the torn half of an expression."""
    torn = any(mark in key for mark in ("(", ")", "]", "==", "&&", "||", "'", '"', "}"))
    return QUOTE_FLOW if torn else ""


def quote_opened(text: str, loader: Any, line: int) -> tuple[int, int] | None:
    """Where the quote was opened that made line `line` (from 0) unreadable: a text over lines that ends right there."""
    last: Any = None
    try:
        for token in yaml.scan(text, Loader=loader):
            if isinstance(token, yaml.ScalarToken) and token.style in ("'", '"'):
                last = token
    except yaml.YAMLError:
        pass
    if last is None or last.start_mark.line == last.end_mark.line or last.end_mark.line != line:
        return None
    return last.start_mark.line + 1, last.start_mark.column + 1
