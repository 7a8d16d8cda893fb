"""What a point of users asks of an identity provider, whoever the vendor is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from activities._user_note import Note, User
from stanch.ports import Check


class Directory(Protocol):
    """The calls to one vendor's users. Safe to share between threads; each call ends in an outcome."""

    @property
    def vendor(self) -> str:
        """Such as Cognito, for messages."""
        ...

    @property
    def where(self) -> Mapping[str, str]:
        """Which pool, tenant or realm, for proofs."""
        ...

    def user(self, name: str) -> User:
        """The user, by any name that findings have for them; Rejected where there is none."""
        ...

    def suspended(self) -> Iterator[User]:
        """Every user who may be suspended by us; others among them do no harm."""
        ...

    def mark(self, name: str, note: Note) -> None: ...

    def unmark(self, name: str) -> None: ...

    def suspend(self, name: str) -> None: ...

    def resume(self, name: str) -> None: ...

    def obstacle(self) -> Check | None:
        """Why nothing can be noted down here, None where it can; asked before the first change."""
        ...

    def doctor(self) -> Sequence[Check]:
        """What else should be mended."""
        ...


class SessionDirectory(Directory, Protocol):
    """A directory that can also end sessions."""

    @property
    def later(self) -> str:
        """What keeps working after a sign-out, in words."""
        ...

    def sign_out(self, name: str) -> str:
        """End the user's sessions; gives the vendor's name of the request, "" where it has none."""
        ...
