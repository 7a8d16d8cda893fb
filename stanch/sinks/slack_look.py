"""What a person reads on a card, as one short digest: the same for the card as sent and as Slack brings it back."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stanch.canonical import canonical
from stanch.shapes import is_dict, is_list

LENGTH = 22  # characters of base64: 128 bits
ENTITIES = 3
SAYS = ("confirm", "accessibility_label")  # what a button of ours never has: a question to it, other words aloud
FRAMES = ("header", "section", "context", "actions")


def look_of(blocks: Sequence[Any], attachments: Sequence[Any] = ()) -> str:
    """A digest of everything that can be read or pressed: words, their order, labels and where buttons lead.

    Left out is what Slack adds or writes otherwise: ids of blocks, entities for `&`, `<` and `>`, runs of white space.
    The value of a button is left out too: it is proven by itself, and holds this digest.
    """
    read = [list(_read(block)) for block in blocks]
    raw = hashlib.sha256(b"stanch-look:" + canonical([read, len(attachments)])).digest()
    return base64.urlsafe_b64encode(raw).decode()[:LENGTH]


def _read(block: Any) -> Iterator[Any]:
    """Kind and words of a block; whatever no card of ours has is one word that no card of ours can have."""
    kind = block.get("type") if is_dict(block) else None
    if not is_dict(block) or kind not in FRAMES or "accessory" in block:
        yield "?"
        return
    yield kind
    yield _words(block.get("text"))
    for part in (*_list(block.get("fields")), *_list(block.get("elements"))):
        yield _button(part) if is_dict(part) and part.get("type") == "button" else _words(part)


def _button(button: Mapping[str, Any]) -> list[str]:
    names = ("action_id", "style", "url")
    said = [_words(button.get("text")), *(_encodable(button.get(name) or "") for name in names)]
    return [*said, "?"] if any(button.get(name) for name in SAYS) else said


def _words(text: Any) -> str:
    """Plain text as it reads; markup can show one thing and say another, and no card of ours has any."""
    if text is None:
        return ""
    if not is_dict(text) or text.get("type") != "plain_text":
        return "?"
    return " ".join(_unescaped(_encodable(text.get("text"))).split())


def _unescaped(text: str) -> str:
    """Without entities, however often somebody has written them: which of them Slack adds is not documented."""
    for _ in range(ENTITIES):
        text = html.unescape(text)
    return text


def _encodable(value: Any) -> str:
    return str(value).encode(errors="replace").decode()


def _list(parts: Any) -> Sequence[Any]:
    return parts if is_list(parts) else ()
