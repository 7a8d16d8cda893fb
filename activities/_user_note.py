"""The note on a user that says that we suspended them, for which case and until when."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from stanch.errors import Rejected
from stanch.leases import Lease
from stanch.ports import Owned

_NOTE = re.compile(
    r"v1 case=(?P<case>[\w.:\-]{1,128}) until=(?P<until>[0-9]{1,11}) target=(?P<target>[0-9a-f]{1,64})", re.A
)


@dataclass(frozen=True)
class Note:
    """What is written down at the vendor; `lease reap` needs nothing else."""

    case_id: str
    until: int  # seconds since the epoch
    target: str

    def __str__(self) -> str:
        return f"v1 case={self.case_id} until={self.until} target={self.target}"

    @classmethod
    def of(cls, lease: Lease) -> Note:
        case_id = re.sub(r"[^\w.:\-]", "-", lease.case_id, flags=re.ASCII)[:128]
        return cls(case_id, int(lease.expires_at.timestamp()), lease.target)

    @classmethod
    def parse(cls, text: str) -> Note | None:
        found = _NOTE.fullmatch(text)
        return None if found is None else cls(found["case"], int(found["until"]), found["target"])


@dataclass(frozen=True)
class User:
    """A user as the vendor has them now, as far as it matters here.

    Args:
        name: what the vendor's calls take, whatever the finding has called the user.
        enabled: may sign in, as far as suspending is concerned.
        foreign_note: the place of our note holds something that is not ours.
        out: somebody else keeps the user out by other means, which ending our suspension must not undo.
    """

    name: str
    enabled: bool
    note: Note | None
    foreign_note: bool = False
    out: bool = False

    @classmethod
    def read(cls, name: str, *, enabled: bool, text: str, out: bool = False) -> Self:
        """With the text that stands where our note would be, "" for none."""
        note = Note.parse(text)
        return cls(name, enabled, note, bool(text) and note is None, out)

    def owned(self) -> Owned | None:
        """The entry we hold, None where the user is not suspended by us."""
        if self.enabled or self.out or self.note is None:
            return None
        until = datetime.fromtimestamp(self.note.until, UTC)
        return Owned(name=self.name, case_id=self.note.case_id, expires_at=until, target=self.note.target)


def refuse_alias(user: User, note: Note) -> None:
    """There is one note for all names of a user, so a second hold under another would end with the first of the two.

    Raises:
        Rejected: a hold that has not ended yet names the user otherwise.
    """
    if user.note is not None and user.note.target != note.target and user.note.until > time.time():
        message = f"case {user.note.case_id} holds this user already, under another of their names"
        hint = "name them as that case does, so that both hold the same; until then it ends when that one does"
        raise Rejected(message, hint=hint)
