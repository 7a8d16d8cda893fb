"""Entries of the never-block list by themselves: whether one can be read, and what would protect a given value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from stanch.guards import targets
from stanch.guards.model import GuardPolicy, GuardState, Refusal
from stanch.guards.never import protected_hits
from stanch.guards.touch import Touch

Kind = Literal["ip", "user", "client", "token", "host", "path"]
_TOUCHES: Mapping[str, Callable[[str], Touch]] = {
    "ip": lambda value: Touch(addresses=(targets.addresses(value),)),
    "user": lambda value: Touch(users=(targets.name(value),)),
    "client": lambda value: Touch(clients=(targets.name(value),)),
    "token": lambda value: Touch(tokens=(targets.name(value),)),
    "host": lambda value: Touch(hosts=(targets.host_name(value),)),
    "path": lambda value: Touch(path=targets.path_pattern(value)),
}


def touch_of_entry(kind: Kind, value: str) -> Touch:
    """What a value of that kind reaches.

    Raises:
        ValueError: it cannot be read; on the list it would refuse every change.
    """
    return _TOUCHES[kind](value)


def protecting(kind: Kind, value: str, *, policy: GuardPolicy, state: GuardState) -> list[Refusal]:
    """What on the never-block list would keep a block off this value; empty where nothing does.

    Raises:
        ValueError: the value cannot be read.
    """
    return list(protected_hits(touch_of_entry(kind, value), policy, state))
