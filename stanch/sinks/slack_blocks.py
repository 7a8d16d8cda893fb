"""Block Kit out of untrusted text: every text plain, every limit of a block kept, nothing of a value left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from stanch.sinks.slack import length, plain, split
from stanch.sinks.text import clean, one_line

Block = dict[str, Any]

# docs.slack.dev, Block Kit reference.
BLOCKS = 50
VIEW_BLOCKS = 100
SECTION = 3000
FIELDS = 10
FIELD = 2000
HEADER = 150
BUTTONS = 25
BUTTON_TEXT = 75
BUTTON_VALUE = 2000
CONTEXT = 10

LABEL = 100
CONTEXT_LINE = 300


def plain_text(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}


def header(title: str) -> list[Block]:
    """A headline, cut to Slack's length; nothing for no title."""
    shown = one_line(title, limit=HEADER)
    return [{"type": "header", "text": plain_text(plain(shown, limit=HEADER))}] if shown else []


def sections(text: str) -> Iterator[Block]:
    """The whole text, in as many blocks as it needs."""
    for piece in split(text, limit=SECTION):
        if piece.strip():
            yield {"type": "section", "text": plain_text(piece)}


def facts(pairs: Iterable[tuple[str, str]]) -> Iterator[Block]:
    """Short pairs side by side, long ones in sections of their own, in the given order."""
    row: list[Block] = []
    for label, value in pairs:
        pair = fact(label, value)
        fits = length(pair) <= FIELD
        if row and (not fits or len(row) == FIELDS):
            yield {"type": "section", "fields": row}
            row = []
        if fits:
            row.append(plain_text(pair))
        else:
            yield from sections(pair)
    if row:
        yield {"type": "section", "fields": row}


def fact(label: str, value: str) -> str:
    """One pair as text; a line break in a value could start a line that looks like another label."""
    return f"{one_line(label, limit=LABEL)}:\n{clean(value).replace(chr(10), ' ↵ ')}"


def size(block: Block) -> int:
    """How much text a section holds."""
    parts = block.get("fields") or [block["text"]]
    return sum(length(part["text"]) for part in parts)


def button(label: str, action_id: str, *, value: str = "", style: str = "", url: str = "") -> Block:
    """A button; the caller sees to it that action id and value are ones that Slack takes."""
    text = plain(one_line(label, limit=BUTTON_TEXT), limit=BUTTON_TEXT) or "-"
    shown: Block = {"type": "button", "text": plain_text(text), "action_id": action_id}
    return shown | {name: given for name, given in (("value", value), ("style", style), ("url", url)) if given}


def actions(*buttons: Block) -> Block:
    return {"type": "actions", "elements": list(buttons)}


def context(lines: Iterable[str]) -> list[Block]:
    """Small print below."""
    shown = [plain(one_line(line, limit=CONTEXT_LINE), limit=SECTION) for line in lines]
    parts = [plain_text(line) for line in shown if line][:CONTEXT]
    return [{"type": "context", "elements": parts}] if parts else []
