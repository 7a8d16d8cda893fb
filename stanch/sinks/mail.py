"""Text for plain mail: no hidden character, no line that passes for another, and no foreign link to press."""

from __future__ import annotations

import re
from collections.abc import Collection

from stanch.ports import Message
from stanch.sinks.text import clean, one_line, shorten

SUBJECT = 160
BODY = 30_000
CUT = "\n[cut: the rest is at the console]"
_LINK = re.compile(r"(?i)(?:[a-z][a-z0-9+.-]{0,30}:/[/\\]|www\.|mailto:)\S*")
_JOINT = re.compile(r"(?i)(?<=www)\.|(?<=mailto):|:(?=/[/\\])")
_PATH = re.compile(r"/[A-Za-z0-9_./-]*", re.ASCII)


def subject(title: str) -> str:
    """The title as one line of a header."""
    return one_line(f"[Stanch] {title}", limit=SUBJECT)


def body(message: Message, *, own: Collection[str], ends: str) -> str:
    """The message as plain text.

    Args:
        message: of which buttons are left out, since nobody decides by mail.
        own: addresses that stay links: each by itself, and what lies below it.
        ends: the last paragraph, which is never cut.
    """
    parts = [
        one_line(message.title, limit=500),
        clean(message.text).strip(),
        "\n".join(f"{one_line(label)}: {_value(value)}" for label, value in message.fields),
        "\n".join(one_line(line, limit=1000) for line in message.context),
    ]
    text = harmless("\n\n".join(part for part in parts if part), own=own)
    text = text if len(text) <= BODY else shorten(text, BODY) + CUT
    return f"{text}\n\n{ends}\n"


def harmless(text: str, *, own: Collection[str]) -> str:
    """Text in which mail programs find no link but our own.

    A finding is written by attackers, and a mail of ours would lend their address our name.
    """
    return _LINK.sub(lambda found: found[0] if _is_own(found[0], own) else _broken(found[0]), text)


def _is_own(link: str, own: Collection[str]) -> bool:
    bare = link.rstrip(".,;:)")
    return any(bare == base or _is_below(bare, base) for base in own if base)


def _is_below(link: str, base: str) -> bool:
    return link.startswith(base) and _PATH.fullmatch(link[len(base) :]) is not None


def _broken(link: str) -> str:
    return _JOINT.sub(lambda found: f"[{found[0]}]", link)


def _value(value: str) -> str:
    """Further lines of a value are set in, so that none of them passes for a fact of its own."""
    return clean(value).strip().replace("\n", "\n    ")
