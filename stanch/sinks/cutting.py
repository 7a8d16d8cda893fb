"""Cutting text to a tracker's limit where nothing is torn: between lines or words, outside code and placeholders."""

from __future__ import annotations

import re
from functools import partial

from stanch.sinks.text import ELLIPSIS, one_line

_LOOK_BACK = 1000  # so much is given up for a clean end of line, and a tenth of it for one of word
_PLACEHOLDER = 80  # longer ones there are not
_CODE = "    "
_QUOTED = re.compile(r"(?:^>[^\n]*(?:\n|\Z))+", re.MULTILINE)
_QUOTES = (1000, 300, 100)  # what is tried in turn for each quotation, before anything else is given up
_OPEN = re.compile(r"[\[{][^\[\]{}\n]*\Z")
_CLOSED = re.compile(r"[^\[\]{}\n]*[\]}]")


def units(text: str) -> int:
    """Its length as trackers count it, in UTF-16 units: a character beyond the basic plane counts twice."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def head_of(text: str, limit: int) -> str:
    """The most of the text, in whole pieces, that is no longer than the limit."""
    if units(text) <= limit:
        return text
    rough = text.encode("utf-16-le", "surrogatepass")[: 2 * max(limit, 0)].decode("utf-16-le", "ignore")
    line = rough.rfind("\n")
    if len(rough) - line <= _LOOK_BACK and line > 0:
        return _without_code(rough[:line], text[line + 1 :]).rstrip()
    return _at_word(rough, text[len(rough) :]).rstrip()


def cut_line(text: str, limit: int) -> str:
    """One cleaned line within the limit; a cut is shown by an ellipsis."""
    line = one_line(text, limit=len(text) + 1)
    return line if units(line) <= limit else head_of(line, limit - 1) + ELLIPSIS


def fit_quotes(text: str, limit: int) -> str:
    """The text with its quotations shortened as far as is needed; our own words are kept, even above the limit."""
    for most in _QUOTES:
        if units(text) > limit:
            text = _QUOTED.sub(partial(_short_quote, most=most), text)
    return text


def _short_quote(match: re.Match[str], *, most: int) -> str:
    quoted = match.group()
    return quoted if units(quoted) <= most else f"{head_of(quoted, most)}\n> [shortened here]\n"


def _without_code(head: str, rest: str) -> str:
    """Without the start of a code block that goes on after it, unless that would be most of the text."""
    if not rest.startswith(_CODE):
        return head
    lines = head.split("\n")
    while lines and lines[-1].startswith(_CODE):
        lines.pop()
    kept = "\n".join(lines)
    return kept if len(kept) > len(head) // 2 else head


def _at_word(head: str, rest: str) -> str:
    tail = _OPEN.search(head[-_PLACEHOLDER:])
    if tail and _CLOSED.match(rest[:_PLACEHOLDER]):
        return head[: len(head) - len(tail.group())]
    space = head.rfind(" ")
    return head if len(head) - space > _LOOK_BACK // 10 or space <= 0 or rest[:1].isspace() else head[:space]
