"""The directory as the edge needs it: who there is, and what people call them."""

from __future__ import annotations

import re

from stanch.routing import People

_USER = re.compile(r"user:[a-z0-9._-]*[a-z0-9]", re.ASCII)


def known(people: People, principal: str) -> bool:
    """Whether this is an active user."""
    user = people.user(principal)
    return user is not None and user.active


def shown_name(people: People, name: str) -> str:
    """What people read; a name that nobody has stays as it is."""
    user = people.user(name)
    return user.name if user is not None and user.name else name


def in_words(people: People, text: str) -> str:
    """A sentence of ours with people's names in place of their ids."""
    return _USER.sub(lambda match: shown_name(people, match[0]), text)


def sentence(people: People, text: str) -> str:
    """The same as a sentence: a capital, and one full stop at its end."""
    words = in_words(people, text)
    return f"{words[:1].upper()}{words[1:].removesuffix('.')}."


def principals(people: People) -> list[tuple[str, str]]:
    """Active users as (id, name to read), by name."""
    users = people.directory.users
    found = [(name, user.name or name) for name, user in users.items() if user.active]
    return sorted(found, key=lambda pair: pair[1].casefold())
