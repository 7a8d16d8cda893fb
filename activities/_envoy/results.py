"""What became of each target, read from the file as it stands after a change."""

from __future__ import annotations

from collections.abc import Mapping

from activities._envoy.file import Document
from activities._envoy.policy import parse_name
from stanch.errors import Rejected
from stanch.leases import Applied, Lease
from stanch.ports import Owned


def target_in(name: str) -> str:
    """The target that a rule's name says, "" for one that is not ours."""
    owned = parse_name(name)
    return owned.target if owned else ""


def targets_of(document: Document) -> set[str]:
    """What stands of ours."""
    return {target_in(name) for name in document.owned()}


def taken_out(entry: Owned, document: Document) -> Applied:
    """Whether an entry is gone; another one for its target is a renewal of it."""
    if entry.name in document.owned():
        return Applied(target=entry.name, ok=False)
    proof = {"state": "renewed"} if entry.target and entry.target in targets_of(document) else {}
    return Applied(target=entry.name, ok=True, proof=proof)


def removed(targets: set[str], document: Document, proof: Mapping[str, str]) -> list[Applied]:
    """Whether targets are gone."""
    still = targets_of(document)
    return [Applied(target=target, ok=target not in still, proof=dict(proof)) for target in sorted(targets)]


def added(
    goal: Mapping[str, Lease], document: Document, refused: Mapping[str, str], proof: Mapping[str, str]
) -> list[Applied]:
    """Whether leases stand, with the name of the rule."""
    names = {target_in(name): name for name in document.owned()}
    results: list[Applied] = []
    for target in goal:
        if target in refused or target not in names:
            reason = refused.get(target, "the rule is not in the file that was read back")
            results.append(Applied(target=target, ok=False, code=Rejected.default_code, reason=reason))
        else:
            results.append(Applied(target=target, ok=True, proof={**proof, "policy": names[target]}))
    return results
