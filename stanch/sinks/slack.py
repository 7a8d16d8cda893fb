"""Text for Slack: mrkdwn that can hold no mention, link or command, and plain text in Slack's lengths."""

from __future__ import annotations

from collections.abc import Iterator

from stanch.sinks.text import ELLIPSIS, clean

MRKDWN_LIMIT = 3000

# Slack parses `<...>` as mention, link or command and decodes these three entities only
# (docs.slack.dev, "Formatting message text").
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escape(text: str, *, limit: int = MRKDWN_LIMIT) -> str:
    """Untrusted text for a mrkdwn field: cleaned, `&`, `<` and `>` as entities, at most `limit` characters.

    A cut never splits an entity. `*`, `_` and backquotes stay: they can change how text looks, not what it does.
    """
    escaped = (_ENTITIES.get(char, char) for char in clean(text))
    return _join(escaped, limit=limit)


def plain(text: str, *, limit: int) -> str:
    """Untrusted text for a `plain_text` object, cut to fit `limit` as Slack may count it."""
    shown = clean(text)
    if length(shown) <= limit:
        return shown
    return next(_pieces(shown, limit=limit - 1), "") + ELLIPSIS


def split(text: str, *, limit: int) -> list[str]:
    """The cleaned text in pieces that each fit `limit`; joined they are the whole text."""
    return list(_pieces(clean(text), limit=limit))


def length(text: str) -> int:
    """Characters as Slack may count them at worst: UTF-16 units, with `&`, `<` and `>` as entities.

    Which of the two Slack counts is not documented, so both are covered.
    """
    return sum(_cost(char) for char in text)


def _cost(char: str) -> int:
    if char in _ENTITIES:
        return len(_ENTITIES[char])
    return 2 if ord(char) > 0xFFFF else 1


def _pieces(text: str, *, limit: int) -> Iterator[str]:
    start, size = 0, 0
    for index, char in enumerate(text):
        cost = _cost(char)
        if size + cost > limit:
            yield text[start:index]
            start, size = index, 0
        size += cost
    if start < len(text):
        yield text[start:]


def _join(parts: Iterator[str], *, limit: int) -> str:
    kept: list[str] = []
    size = 0
    for part in parts:
        if size + len(part) > limit:
            return _drop_for_ellipsis(kept, size=size, limit=limit)
        kept.append(part)
        size += len(part)
    return "".join(kept)


def _drop_for_ellipsis(kept: list[str], *, size: int, limit: int) -> str:
    while kept and size + len(ELLIPSIS) > limit:
        size -= len(kept.pop())
    return "".join(kept) + (ELLIPSIS if limit > 0 else "")
