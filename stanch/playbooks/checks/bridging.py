"""Is a token that is revoked also blocked? Where tokens are verified offline, a revoked one works until it ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stanch.playbooks.checks.modes import changes
from stanch.playbooks.conditions import conjuncts, ok_by
from stanch.playbooks.model import Playbook
from stanch.playbooks.report import Report
from stanch.playbooks.tree import Placed, Tree, common
from stanch.shapes import is_dict


def check_bridging(playbook: Playbook, tree: Tree, report: Report) -> None:
    """P212: an error in mode auto, where nobody looks; a warning where people are asked."""
    severity = "error" if playbook.mode == "auto" else "warning"
    for place, spec in changes(tree):
        if spec.name == "token.revoke" and not any(_covers(other, place) for other in _bridges(place, tree)):
            message = f"step {place.step.id!r} revokes a token that keeps working at gateways which verify it offline"
            hint = "block it before: block.scope with path /** and principal {token_id: ...}, for the token's life"
            report.add("P212", (*place.path, "do"), message, hint=hint, severity=severity)


def _bridges(place: Placed, tree: Tree) -> Iterator[Placed]:
    """Blocks of this very token and nothing narrower, written before."""
    token = place.step.with_.get("token_id")
    for other in tree.placed[: place.order]:
        with_ = other.step.with_
        if other.step.do == "block.scope" and _who(with_.get("principal"), token) and _wide(with_):
            yield other


def _who(principal: Any, token: Any) -> bool:
    return is_dict(principal) and token is not None and principal == {"token_id": token}


def _wide(with_: dict[str, Any]) -> bool:
    return with_.get("path", "/**") == "/**" and not with_.keys() & {"method", "methods", "ips"}


def _covers(bridge: Placed, place: Placed) -> bool:
    """The bridge stands whenever this step runs: asked for by name, or before it, under no condition and no pardon."""
    if bridge.step.id in ok_by(place.conditions):
        return True
    first, then = common(bridge, place)
    one_list = first is not then and (first.slot, first.branch) == (then.slot, then.branch) and first.slot != "parallel"
    below = bridge.chain.index(first)
    joined = all(inner.slot == "parallel" for inner in bridge.chain[:below])
    strict = not any(link.step.may_fail for link in bridge.chain[: below + 1])
    return one_list and joined and strict and bridge.step.foreach is None and _parts(bridge) <= _parts(place)


def _parts(place: Placed) -> set[str]:
    return {part for condition in place.conditions for part in conjuncts(condition)}
