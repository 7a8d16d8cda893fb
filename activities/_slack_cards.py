"""A neutral message as Block Kit: every text plain, every limit kept, nothing that is being approved left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from stanch.errors import Rejected
from stanch.ports import Message
from stanch.sinks.slack import escape, length, plain, split
from stanch.sinks.text import clean, one_line

Block = dict[str, Any]

# docs.slack.dev, Block Kit reference.
BLOCKS = 50
SECTION = 3000
FIELDS = 10
FIELD = 2000
HEADER = 150
BUTTONS = 25
BUTTON_TEXT = 75
BUTTON_VALUE = 2000
CONTEXT = 10

FALLBACK = 1000
LABEL = 100
CONTEXT_LINE = 300
# Slack also refuses blocks that are too long together and does not say how long that is; no reader misses the rest.
BODY = 12_000
OTHER_BLOCKS = 4  # header, notice, buttons, context

CUT_NOTICE = "This card is too long for Slack and is cut, so it cannot be approved here. Open the case to see it all."
STYLES = ("primary", "danger")
# A cut card keeps only what is harmless to press without having read everything.
KEPT_WHEN_CUT = re.compile(r"(?:.*[.:_-])?(?:deny|review)", re.ASCII)
ACTION_ID = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True)
class Card:
    """What is sent: blocks, and the text that notifications show."""

    text: str
    blocks: list[Block]
    cut: bool


def card(message: Message) -> Card:
    """The message within Slack's limits.

    Values that are too long for a field continue in blocks of their own. Where even that does not fit, the card says
    that it is cut and loses every button whose action id does not end in `deny` or `review`.

    Raises:
        Rejected: a button that Slack would not take, or nothing to say.
    """
    whole = list(_body(message))
    shown = _fitting(whole)
    cut = len(shown) < len(whole) or len(message.context) > CONTEXT
    blocks = [*_header(message.title), *shown, *_notice(cut), *_buttons(message, cut=cut), *_context(message.context)]
    text = escape(one_line(f"{message.title}: {message.text}", limit=FALLBACK), limit=FALLBACK)
    if not blocks:
        raise Rejected("the message has no text", code="V210")
    return Card(text=text, blocks=blocks, cut=cut)


def _header(title: str) -> list[Block]:
    shown = one_line(title, limit=HEADER)
    return [{"type": "header", "text": _plain(plain(shown, limit=HEADER))}] if shown else []


def _body(message: Message) -> Iterator[Block]:
    title = one_line(message.title, limit=SECTION)
    if length(title) > HEADER:
        yield from _sections(message.title)
    yield from _sections(message.text)
    yield from _fields(message.fields)


def _sections(text: str) -> Iterator[Block]:
    for piece in split(text, limit=SECTION):
        if piece.strip():
            yield {"type": "section", "text": _plain(piece)}


def _fields(fields: Iterable[tuple[str, str]]) -> Iterator[Block]:
    """Short pairs side by side, long ones in sections of their own, in the given order."""
    row: list[Block] = []
    for label, value in fields:
        pair = _pair(label, value)
        fits = length(pair) <= FIELD
        if row and (not fits or len(row) == FIELDS):
            yield {"type": "section", "fields": row}
            row = []
        if fits:
            row.append(_plain(pair))
        else:
            yield from _sections(pair)
    if row:
        yield {"type": "section", "fields": row}


def _pair(label: str, value: str) -> str:
    # A line break in a value could start a line that looks like another label.
    return f"{one_line(label, limit=LABEL)}:\n{clean(value).replace(chr(10), ' ↵ ')}"


def _fitting(blocks: list[Block]) -> list[Block]:
    shown: list[Block] = []
    room = BODY
    for block in blocks[: BLOCKS - OTHER_BLOCKS]:
        room -= _size(block)
        if room < 0:
            break
        shown.append(block)
    return shown


def _size(block: Block) -> int:
    parts = block.get("fields") or [block["text"]]
    return sum(length(part["text"]) for part in parts)


def _notice(cut: bool) -> list[Block]:
    return [{"type": "section", "text": _plain(CUT_NOTICE)}] if cut else []


def _buttons(message: Message, *, cut: bool) -> list[Block]:
    wanted = [button for button in message.buttons if not cut or KEPT_WHEN_CUT.fullmatch(button[1])]
    ids = [button[1] for button in wanted]
    if len(wanted) > BUTTONS or len(set(ids)) < len(ids):
        raise Rejected("the message has too many buttons, or two with one action id", code="V210")
    return [{"type": "actions", "elements": [_button(*button) for button in wanted]}] if wanted else []


def _button(label: str, action_id: str, token: str, style: str) -> Block:
    if not ACTION_ID.fullmatch(action_id) or len(token) > BUTTON_VALUE:
        raise Rejected("a button's action id or token is not one that Slack takes", code="V210")
    text = plain(one_line(label, limit=BUTTON_TEXT), limit=BUTTON_TEXT) or "-"
    shown: Block = {"type": "button", "text": _plain(text), "action_id": action_id}
    if token:
        shown["value"] = token
    if style in STYLES:
        shown["style"] = style
    return shown


def _context(lines: Iterable[str]) -> list[Block]:
    shown = [plain(one_line(line, limit=CONTEXT_LINE), limit=SECTION) for line in lines]
    parts = [_plain(line) for line in shown if line][:CONTEXT]
    return [{"type": "context", "elements": parts}] if parts else []


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}
