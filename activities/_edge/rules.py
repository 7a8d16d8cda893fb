"""What any gateway that holds our entries must offer, and the arithmetic on entries that is the same for all."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from activities._envoy.policy import parse_name
from stanch.errors import Rejected
from stanch.leases import Applied, Lease
from stanch.ports import Owned

_PROOF = 20

Entry = dict[str, Any]
Entries = Mapping[str, Entry]  # by rule name


class Changed(Exception):
    """Somebody else changed the gateway between our look and our write; nothing was written."""


class Rules(Protocol):
    """Our entries at one gateway."""

    def held(self) -> AbstractContextManager[None]:
        """Keep other writers of ours out for one read-change-write."""
        ...

    def read(self) -> Entries:
        """What stands of ours, from the gateway's own state."""
        ...

    def publish(self, entries: Entries) -> bool:
        """Make these our only entries and see that the gateway runs them.

        Returns:
            False where the gateway refuses them; what stood before is then in force.

        Raises:
            Changed: look again, and try again.
            RetrySafe: the gateway cannot be reached; nothing was changed.
            Uncertain: it was written and the gateway did not say whether it took it.
        """
        ...


def digest(entries: Entries) -> str:
    """What stands of ours, whatever the order; empty where nothing does."""
    lines = sorted(json.dumps([name, entry], sort_keys=True) for name, entry in entries.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest() if lines else ""


def target_in(name: str) -> str:
    """The target that a rule's name says, "" for one that is not ours."""
    owned = parse_name(name)
    return owned.target if owned else ""


def targets_of(entries: Entries) -> set[str]:
    """What stands of ours."""
    return {target_in(name) for name in entries}


def seal(target: str, secret: bytes) -> str:
    """A target with proof that we wrote it; it tells a client neither case nor end."""
    return target + hmac.new(secret, f"seal:{target}".encode(), hashlib.sha256).hexdigest()[:_PROOF]


def sealed_target(text: str, secret: bytes) -> str:
    """The target in a sealed text, "" where it is none of ours."""
    target = text[:-_PROOF]
    return target if target and hmac.compare_digest(text.encode(), seal(target, secret).encode()) else ""


def merged(standing: Entries, new: Entries) -> dict[str, Entry]:
    """Entries with new ones in the place of those of the same target."""
    targets = targets_of(new)
    return {name: entry for name, entry in standing.items() if target_in(name) not in targets} | dict(new)


def publish_each(rules: Rules, standing: Entries, new: Entries) -> tuple[Entries, set[str]]:
    """Add entries, halving a refused batch until the bad ones are alone.

    Returns:
        What is in force, and the targets whose entries the gateway refuses.
    """
    goal = merged(standing, new)
    if goal == standing:
        return standing, set()
    if rules.publish(goal):
        return goal, set()
    if len(new) == 1:
        return standing, targets_of(new)
    names = sorted(new)
    half = len(names) // 2
    standing, first = publish_each(rules, standing, {name: new[name] for name in names[:half]})
    standing, second = publish_each(rules, standing, {name: new[name] for name in names[half:]})
    return standing, first | second


def taken_out(entry: Owned, standing: Entries) -> Applied:
    """Whether an entry is gone; another one for its target is a renewal of it."""
    if entry.name in standing:
        return Applied(target=entry.name, ok=False)
    proof = {"state": "renewed"} if entry.target and entry.target in targets_of(standing) else {}
    return Applied(target=entry.name, ok=True, proof=proof)


def removed(targets: set[str], standing: Entries, proof: Mapping[str, str]) -> list[Applied]:
    """Whether targets are gone."""
    still = targets_of(standing)
    return [Applied(target=target, ok=target not in still, proof=dict(proof)) for target in sorted(targets)]


def added(
    goal: Mapping[str, Lease], standing: Entries, refused: Mapping[str, str], proof: Mapping[str, str]
) -> Sequence[Applied]:
    """Whether leases stand, with the name of the rule."""
    names = {target_in(name): name for name in standing}
    results: list[Applied] = []
    for target in goal:
        if target in refused or target not in names:
            reason = refused.get(target, "the rule is not there when the gateway is read back")
            results.append(Applied(target=target, ok=False, code=Rejected.default_code, reason=reason))
        else:
            results.append(Applied(target=target, ok=True, proof={**proof, "policy": names[target]}))
    return results
