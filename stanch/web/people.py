"""The directory as the edge needs it: who there is, and who is behind an account of another system."""

from __future__ import annotations

from stanch.routing import People


def known(people: People, principal: str) -> bool:
    """Whether this is an active user."""
    user = people.user(principal)
    return user is not None and user.active


def shown_name(people: People, name: str) -> str:
    """What people read; a name that nobody has stays as it is."""
    user = people.user(name)
    return user.name if user is not None and user.name else name


def principals(people: People) -> list[tuple[str, str]]:
    """Active users as (id, name to read), by name."""
    users = people.directory.users
    found = [(name, user.name or name) for name, user in users.items() if user.active]
    return sorted(found, key=lambda pair: pair[1].casefold())


def place_of(people: People, account: str, system: str) -> str:
    """The directory's user or team behind an account, else the account itself."""
    return people.place(account, system)
