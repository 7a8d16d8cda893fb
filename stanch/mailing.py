"""What Stanch needs from a mail system, as a protocol: one letter to one address, and nobody decides by it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from stanch.ports import Check

ADDRESS_LIMIT = 254
# A plain address of RFC 5321 without quoting, comments, literals or anything beyond ASCII: no other can carry syntax.
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?",
    re.ASCII,
)


@dataclass(frozen=True)
class Letter:
    """One plain text mail.

    Args:
        key: 16 to 64 hex digits; the same letter again has the same key, and so the same Message-ID.
        to: one address, as the directory has it.
        subject, body: text whose controls are visible already; newlines only in the body.
        answers: Message-ID of an earlier letter that this one belongs to, "" for none.
    """

    key: str
    to: str
    subject: str
    body: str
    answers: str = ""


class MailPort(Protocol):
    """A mail system; calls are blocking, are made once, and raise our outcomes."""

    def send(self, letter: Letter) -> str:
        """Hand the letter over; gives its Message-ID."""
        ...

    def doctor(self) -> Sequence[Check]: ...


def is_address(text: str) -> bool:
    """Whether mail may be sent there: an address that needs no quoting anywhere."""
    local = text.partition("@")[0]
    return len(text) <= ADDRESS_LIMIT and len(local) <= 64 and bool(_ADDRESS.fullmatch(text))
