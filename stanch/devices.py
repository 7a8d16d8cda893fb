"""What a section under `[webhooks]` declares, as far as a playbook's steps can be judged by it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stanch.shapes import is_items, is_mapping

HOLE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
OURS = frozenset({"key", "case"})


@dataclass(frozen=True)
class Declared:
    """One device.

    Args:
        parameters: names that a step may give in `values`.
        needed: names that its requests take from the step.
        sent: names that reach the device with the change.
        inverse: whether a change can be taken back.
    """

    parameters: frozenset[str] = frozenset()
    needed: frozenset[str] = frozenset()
    sent: frozenset[str] = frozenset()
    inverse: bool = False


def declared(sections: Mapping[str, Mapping[str, Any]]) -> dict[str, Declared]:
    """Every section; what is wrong with one itself is told when its connector is made."""
    return {name: _declared(section) for name, section in sections.items()}


def _declared(section: Mapping[str, Any]) -> Declared:
    asks = {name: names_of(ask) for name in ("apply", "verify", "inverse") if is_mapping(ask := section.get(name))}
    place = set(HOLE.findall(str(section.get("url", ""))))
    needed = place.union(*asks.values())
    verify, parameters = section.get("verify"), section.get("parameters")
    kept = verify.get("keep") if is_mapping(verify) else None
    return Declared(
        parameters=frozenset(map(str, parameters)) if is_mapping(parameters) else frozenset(),
        needed=frozenset(needed - OURS - set(map(str, kept if is_mapping(kept) else ()))),
        sent=frozenset((place | asks.get("apply", set())) - OURS),
        inverse=is_mapping(section.get("inverse")),
    )


def names_of(ask: Mapping[str, Any]) -> set[str]:
    """What a request takes from a call: in its path, its query and its body."""
    return {*HOLE.findall(str(ask.get("path", ""))), *params_of(ask.get("query")), *params_of(ask.get("body"))}


def params_of(node: Any) -> Iterator[str]:
    """Names of the values in a template."""
    if is_mapping(node):
        if set(node) == {"param"} and isinstance(node["param"], str):
            yield node["param"]
            return
        node = list(node.values())
    for child in node if is_items(node) else ():
        yield from params_of(child)
