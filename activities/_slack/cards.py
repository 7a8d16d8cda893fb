"""A neutral message as Block Kit: every text plain, every limit kept, nothing that is being approved left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from stanch.errors import Rejected
from stanch.ports import Message
from stanch.sinks import slack_blocks as kit
from stanch.sinks.slack import escape, length
from stanch.sinks.slack_blocks import BLOCKS, BUTTON_VALUE, BUTTONS, CONTEXT, HEADER, SECTION, Block
from stanch.sinks.text import one_line

FALLBACK = 1000
# Slack also refuses blocks that are too long together and does not say how long that is; no reader misses the rest.
BODY = 12_000
OTHER_BLOCKS = 4  # header, notice, buttons, context

CUT_NOTICE = "This card is too long for Slack and is cut, so it cannot be approved here. Review it or open the case."
STYLES = ("primary", "danger")
# A cut card keeps only what is harmless to press without having read everything; an option never is, whatever its name.
KEPT_WHEN_CUT = re.compile(r"(?!.*option\.)(?:.*[.:_-])?(?:deny|review)", re.ASCII)
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
    below = (*_notice(cut), *_buttons(message, cut=cut), *kit.context(message.context))
    blocks = [*kit.header(message.title), *shown, *below]
    text = escape(one_line(f"{message.title}: {message.text}", limit=FALLBACK), limit=FALLBACK)
    if not blocks:
        raise Rejected("the message has no text", code="V210")
    return Card(text=text, blocks=blocks, cut=cut)


def _body(message: Message) -> Iterator[Block]:
    title = one_line(message.title, limit=SECTION)
    if length(title) > HEADER:
        yield from kit.sections(message.title)
    yield from kit.sections(message.text)
    yield from kit.facts(message.fields)


def _fitting(blocks: list[Block]) -> list[Block]:
    shown: list[Block] = []
    room = BODY
    for block in blocks[: BLOCKS - OTHER_BLOCKS]:
        room -= kit.size(block)
        if room < 0:
            break
        shown.append(block)
    return shown


def _notice(cut: bool) -> list[Block]:
    return [{"type": "section", "text": kit.plain_text(CUT_NOTICE)}] if cut else []


def _buttons(message: Message, *, cut: bool) -> list[Block]:
    wanted = [button for button in message.buttons if not cut or KEPT_WHEN_CUT.fullmatch(button[1])]
    ids = [button[1] for button in wanted]
    if len(wanted) > BUTTONS or len(set(ids)) < len(ids):
        raise Rejected("the message has too many buttons, or two with one action id", code="V210")
    return [kit.actions(*(_button(*button) for button in wanted))] if wanted else []


def _button(label: str, action_id: str, token: str, style: str) -> Block:
    if not ACTION_ID.fullmatch(action_id) or len(token) > BUTTON_VALUE:
        raise Rejected("a button's action id or token is not one that Slack takes", code="V210")
    return kit.button(label, action_id, value=token, style=style if style in STYLES else "")
