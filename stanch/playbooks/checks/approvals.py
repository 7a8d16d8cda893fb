"""Can each approval be met, does it end, and does it bind what it says?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stanch.approvals.model import APPROVE, DENY
from stanch.catalog import catalog
from stanch.playbooks.model import ApproveWords, NeedWords
from stanch.playbooks.report import Report, did_you_mean
from stanch.playbooks.tree import Path, Placed, Tree

ROUTE_NAMES = frozenset(
    {"route.assignee", "route.owner.id", "route.owner.lead", "route.owner.members", "route.cc", "route.notify"}
)
RUN_NAMES = frozenset({"run.requested_by", "run.playbook_editor"})
TICKET_NAMES = frozenset({"ticket.assignee"})
_DIRECTORY = re.compile(r"(user|team|schedule):[A-Za-z0-9][A-Za-z0-9._@-]*")
_YES = frozenset({"approve", "approved", "accept", "yes", "allow", "ok", "continue", "proceed"})


def check_approvals(tree: Tree, report: Report) -> None:
    """P108, P206, P207 and P209."""
    for place in tree.placed:
        if place.step.approve is not None:
            _people(place, place.step.approve, report)
            _timeout(place, place.step.approve, report)
            _binds(place, place.step.approve, tree, report)
            _optioned(place, place.step.approve, report)
            _reasoned(place, place.step.approve, report)
        if place.step.renew is not None:
            _renew(place, tree, report)


def check_people(names: tuple[str, ...], path: Path, report: Report, *, extra: frozenset[str] = frozenset()) -> None:
    """Names of people must be ones that can be resolved."""
    for index, name in enumerate(names):
        known = ROUTE_NAMES | extra
        if name not in known and not _DIRECTORY.fullmatch(name):
            hint = did_you_mean(name, known) or "write user:NAME, team:NAME, schedule:NAME or route.assignee"
            report.add("P207", (*path, index), f"{name!r} names nobody", hint=hint)


def _people(place: Placed, asks: ApproveWords, report: Report) -> None:
    path = (*place.path, "approve")
    for index, need in enumerate(asks.need):
        check_people(need.from_, (*path, "need", index, "from"), report)
        _seats(need, asks.not_by, (*path, "need", index), report)
    check_people(asks.not_by, (*path, "not_by"), report, extra=RUN_NAMES)
    for index, step in enumerate(asks.escalate):
        check_people(step.to, (*path, "escalate", index, "to"), report)
    users = {name for need in asks.need for name in need.from_} - set(asks.not_by)
    if all(name.startswith("user:") for name in users) and len(users) < sum(need.count for need in asks.need):
        report.add("P207", (*path, "need"), "there are fewer people than are needed", hint="one person fills one line")


def _seats(need: NeedWords, not_by: tuple[str, ...], path: Path, report: Report) -> None:
    if not set(need.from_) - set(not_by):
        report.add("P207", path, "everybody on this line is excluded by not_by", hint="add somebody else")
        return
    people = set(need.from_) - set(not_by)
    if all(name.startswith("user:") for name in people) and len(people) < need.count:
        message = f"{need.count} different people are needed, and only {len(people)} can answer"
        report.add("P207", path, message, hint="name more people, or a team")


def _timeout(place: Placed, asks: ApproveWords, report: Report) -> None:
    path = (*place.path, "approve", "on_timeout")
    if asks.on_timeout == "reject" or asks.on_timeout in asks.options:
        return
    if asks.on_timeout.lower() in _YES:
        report.add("P206", path, "silence is never consent", hint="write on_timeout: reject, or one of the options")
    else:
        hint = did_you_mean(asks.on_timeout, {"reject", *asks.options}) or "write reject, or one of the options"
        report.add("P206", path, f"on_timeout: {asks.on_timeout!r} is neither reject nor an option", hint=hint)


def _binds(place: Placed, asks: ApproveWords, tree: Tree, report: Report) -> None:
    for index, name in enumerate(asks.binds):
        path = (*place.path, "approve", "binds", index)
        bound = tree.by_id.get(name)
        if bound is None:
            report.add("P108", path, f"there is no step {name!r}", hint=did_you_mean(name, tree.by_id))
        elif bound.order < place.order or bound in place.chain:
            report.add("P108", path, f"step {name!r} runs before this approval", hint="ask before the step, not after")
        else:
            _bound(bound, path, report)


def _optioned(place: Placed, asks: ApproveWords, report: Report) -> None:
    if asks.binds and asks.options:
        path = (*place.path, "approve", "options")
        message = f"{place.step.id!r} offers options, so nobody approves, and what it binds would never run"
        hint = "leave options out; ask which one in an approve without binds, then for consent in one with binds"
        report.add("P207", path, message, hint=hint)


def _reasoned(place: Placed, asks: ApproveWords, report: Report) -> None:
    """A reason can only be wanted of an answer that there is."""
    offered = asks.options or (APPROVE, DENY)
    for index, answer in enumerate(asks.reason):
        if answer not in offered:
            path = (*place.path, "approve", "reason", index)
            hint = did_you_mean(answer, set(offered)) or f"write one of: {', '.join(offered)}"
            report.add("P207", path, f"nobody can answer {answer!r}", hint=hint)


def _bound(bound: Placed, path: Path, report: Report) -> None:
    spec = catalog().get(bound.step.do or "")
    if spec is None or not spec.effect.mutates:
        report.add("P108", path, f"step {bound.step.id!r} changes nothing, so there is nothing to consent to")
    elif bound.step.foreach is not None:
        hint = "people consent to exact parameters; write the step once per item"
        report.add(
            "P209", path, f"step {bound.step.id!r} runs once per item, not known when people are asked", hint=hint
        )


def _renew(place: Placed, tree: Tree, report: Report) -> None:
    assert place.step.renew is not None
    path = (*place.path, "renew", "gate")
    gate = tree.by_id.get(place.step.renew.gate)
    if gate is None or gate.step.approve is None:
        names = [other.step.id for other in _gates(tree)]
        report.add(
            "P108",
            path,
            f"{place.step.renew.gate!r} is not an approval",
            hint=did_you_mean(place.step.renew.gate, names),
        )
    elif place.step.id not in gate.step.approve.binds:
        report.add(
            "P108",
            path,
            f"the approval {gate.step.id!r} does not bind this step",
            hint=f"add {place.step.id} to its binds",
        )


def _gates(tree: Tree) -> Iterator[Placed]:
    return (place for place in tree.placed if place.step.approve is not None)
