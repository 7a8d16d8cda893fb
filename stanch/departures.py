"""Who has left by an edit of the directory that is not in use as a whole: to leave takes effect all the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stanch.documents import load
from stanch.errors import StanchError
from stanch.routing import People
from stanch.shapes import is_mapping


def departed(people: People, texts: Iterable[str]) -> tuple[str, ...]:
    """Active people whom the ownership files, as written now, leave out or make inactive.

    Only the list of users is read, so that no other mistake keeps anybody in. Nobody has left by a file that cannot be
    read at all, nor by files that name no user: those say nothing about people.
    """
    written: dict[str, Any] = {}
    for text in texts:
        users = _users(text)
        if users is None:
            return ()
        written |= users
    if not written:
        return ()
    here = (name for name, user in people.directory.users.items() if user.active)
    return tuple(name for name in here if _has_left(written.get(name)))


def _users(text: str) -> dict[str, Any] | None:
    try:
        data = load(text).data
    except StanchError:
        return None
    directory = data.get("directory") if is_mapping(data) else None
    users = directory.get("users") if is_mapping(directory) else None
    return dict(users) if is_mapping(users) else {}


def _has_left(user: Any) -> bool:
    return user is None or (is_mapping(user) and user.get("active") is False)
