"""What is written on an API key that we hold: for which case, until when, and what was ours to take away."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from activities._apigw.calls import Key
from activities._user_note import Note
from stanch.errors import Rejected
from stanch.leases import Lease
from stanch.ports import Owned

PREFIX = "stanch:"  # then the target; several cases may hold one key, each with a tag of its own
FLAG = "enabled"  # what was taken is the key's own flag
_TEXT = re.compile(
    r"(?P<note>v1 case=\S+ until=\d+ target=[0-9a-f]+) took=(?P<took>[A-Za-z0-9]+(?:/[A-Za-z0-9]+)*)", re.A
)
_CASE_LETTERS = 64
_TAG_LETTERS = 256


@dataclass(frozen=True)
class KeyNote:
    """One hold on a key. `took` is FLAG, or the usage plans the key was taken out of."""

    note: Note
    took: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.note} took={'/'.join(self.took)}"

    @classmethod
    def of(cls, lease: Lease, took: tuple[str, ...]) -> Self:
        """Rejected where it does not fit on a tag."""
        whole = Note.of(lease)
        made = cls(Note(whole.case_id[:_CASE_LETTERS], whole.until, whole.target), took)
        if len(str(made)) > _TAG_LETTERS:
            raise Rejected("the key is in more usage plans than can be noted down on it", hint="disable the whole key")
        return made

    @classmethod
    def parse(cls, text: str) -> KeyNote | None:
        found = _TEXT.fullmatch(text)
        note = None if found is None else Note.parse(found["note"])
        return None if found is None or note is None else cls(note, tuple(found["took"].split("/")))

    def owned(self, key: str) -> Owned:
        until = datetime.fromtimestamp(self.note.until, UTC)
        name = f"key/{key}/{self.note.target}"
        return Owned(name=name, case_id=self.note.case_id, expires_at=until, target=self.note.target)


def notes_of(key: Key) -> Mapping[str, KeyNote]:
    """Our notes on a key, by target; one whose name and text disagree is nobody's."""
    found = {name: KeyNote.parse(text) for name, text in key.tags.items() if name.startswith(PREFIX)}
    return {note.note.target: note for name, note in found.items() if note and name == PREFIX + note.note.target}


def claimed(notes: Mapping[str, KeyNote], *, beside: str) -> set[str]:
    """What other holds than this target's have taken."""
    return {item for target, note in notes.items() if target != beside for item in note.took}
