"""The note on a user that says that we suspended them, for which case and until when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

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
    """

    name: str
    enabled: bool
    note: Note | None
    foreign_note: bool = False

    @classmethod
    def read(cls, name: str, *, enabled: bool, text: str) -> Self:
        """With the text that stands where our note would be, "" for none."""
        note = Note.parse(text)
        return cls(name, enabled, note, bool(text) and note is None)

    def owned(self) -> Owned | None:
        """The entry we hold, None where the user is not suspended by us."""
        if self.enabled or self.note is None:
            return None
        until = datetime.fromtimestamp(self.note.until, UTC)
        return Owned(name=self.name, case_id=self.note.case_id, expires_at=until, target=self.note.target)
