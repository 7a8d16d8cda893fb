"""Like requests side by side: one look and one click for a burst, and still one decision each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from stanch.approvals.facts import NameOf, request_facts
from stanch.approvals.model import ApprovalRequest
from stanch.canonical import digest

BESIDE = ("Targets", "Answer until")  # stand in each line anyway, or differ without meaning anything
MIN_ALIKE = 3
MAX_ALIKE = 40


@dataclass(frozen=True)
class Group:
    """Requests that ask the same people for the same thing about different targets.

    Args:
        group_id: what makes them alike; the same for requests that come later.
        requests: soonest end first.
    """

    group_id: str
    requests: tuple[ApprovalRequest, ...]

    @property
    def shown(self) -> str:
        """Digest of exactly these requests, as they are: who decides about them decides about nothing else."""
        return digest(sorted([request.approval_id, request.digest] for request in self.requests))


def group_id(request: ApprovalRequest, owner: str) -> str:
    """Equal for requests of one step of one playbook, one owner, the same actions and the same approvers.

    What has high impact stands alone: it is looked at by itself, however many others there are.
    """
    alone = request.approval_id if request.high_impact else ""
    needs = [[list(need.from_), need.count, need.label] for need in request.needs]
    actions = [request.action, *(bound.action for bound in request.also)]
    terms = [list(request.excluded), list(request.options), list(request.reason_for), request.on_timeout]
    step = request.step.partition("#")[0]
    return digest([request.playbook, request.plan_digest, step, owner, actions, needs, terms, alone])[:16]


def differences(requests: Sequence[ApprovalRequest], name_of: NameOf) -> list[tuple[tuple[str, str], ...]]:
    """Of each request the facts that are not those of all: what must be seen before one answer is given to several."""
    facts = [request_facts(request, name_of) for request in requests]
    common = set(facts[0]).intersection(*facts[1:]) if facts else set[tuple[str, str]]()
    return [tuple(fact for fact in own if fact not in common and fact[0] not in BESIDE) for own in facts]


def grouped(requests: Iterable[ApprovalRequest], owner_of: Callable[[str], str]) -> tuple[Group, ...]:
    """All requests in groups of at most MAX_ALIKE, in the order of their first request."""
    found: dict[str, list[ApprovalRequest]] = {}
    for request in requests:
        found.setdefault(group_id(request, owner_of(request.case_id)), []).append(request)
    return tuple(
        Group(name, tuple(alike[start : start + MAX_ALIKE]))
        for name, alike in found.items()
        for start in range(0, len(alike), MAX_ALIKE)
    )


def are_alike(requests: Sequence[ApprovalRequest], owner_of: Callable[[str], str]) -> bool:
    """Whether one click may be about all of them."""
    return len({group_id(request, owner_of(request.case_id)) for request in requests}) <= 1
