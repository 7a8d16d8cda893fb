"""From what people corrected to a branch that would have known, with tests of real findings and what it changes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from stanch.durations import format_duration
from stanch.learning.conditions import condition
from stanch.learning.counting import Group, wilson
from stanch.learning.outcome import Counterfactual, Known, counterfactual
from stanch.learning.patching import Addition, Edition, added, edition
from stanch.learning.writing import CannotWrite
from stanch.routing import Decision, RouteTable
from stanch.views import FindingView

MAX_BRANCHES = 3  # a rule nests no deeper
MAX_TESTS = 3
MAX_LOOKED_AT = 200
_Answered: TypeAlias = dict[str, list[tuple[Known, Decision]]]  # by rule, without its branches
_PRIVATE = {"id", "title", "description", "labels", "actor", "resource", "count", "first_seen", "last_seen"}
_DERIVED = {"subdomain", "base_domain", "gateway", "id", "criticality", "business_owner", "owner"}


@dataclass(frozen=True)
class Proposal:
    """A branch that people may accept."""

    group: Group
    target: str
    agreed: int
    addition: Addition
    counterfactual: Counterfactual

    @property
    def confidence(self) -> float:
        return wilson(self.agreed, self.group.count)


@dataclass(frozen=True)
class Refusal:
    """A group about which nothing is proposed, and why."""

    group: Group
    why: str


@dataclass
class Suggestions:
    """All proposals that hold together, and the file with them."""

    edition: Edition
    proposals: list[Proposal] = field(default_factory=list[Proposal])
    refused: list[Refusal] = field(default_factory=list[Refusal])

    @property
    def text(self) -> str:
        return self.edition.text

    @property
    def table(self) -> RouteTable:
        return self.edition.table


@dataclass(frozen=True)
class Terms:
    """How far back was looked, and when."""

    now: datetime
    window: timedelta


def suggest(text: str, table: RouteTable, groups: Iterable[Group], cases: Sequence[Known], terms: Terms) -> Suggestions:
    """Propose a branch for each group that says enough; each is tried in the file together with those before it.

    Args:
        text: of the ownership file.
        table: the same, loaded.
        groups: of `groups_of`.
        cases: newest first; the rules of today answer them again.
        terms: window and time.
    """
    made = Suggestions(edition(text, table))
    answered: _Answered = {}
    for case in cases:
        decision = table.route(case.finding, case.at)
        answered.setdefault(_rule(decision.rule), []).append((case, decision))
    for group in groups:
        try:
            _propose(made, group, answered, terms)
        except CannotWrite as why:
            made.refused.append(Refusal(group, str(why)))
    return made


def _rule(name: str) -> str:
    """Without the branches."""
    return name.partition("/")[0]


def _propose(made: Suggestions, group: Group, answered: _Answered, terms: Terms) -> None:
    of_rule = answered.get(_rule(group.rule), [])
    still = group.only(case.case_id for case, decision in of_rule if decision.rule == group.rule)
    if not still.count:
        raise CannotWrite("the rules of today answer these otherwise")
    if not still.says_enough:
        target, agreed = still.top
        raise CannotWrite(f"{agreed} of {still.count} ended at {target[:80]}: not enough (at least 8, and 60 % surely)")
    own = [(case, decision) for case, decision in of_rule if case.case_id in still.ended]
    target, agreed = still.top
    branch = _branch(made.table, still, own, terms)
    place = _place(made.table, group.rule)
    branch = {**branch, "learned": _learned(still, agreed, terms)}
    tests = _tests(made.table, group, branch, own)
    addition = Addition(place, branch, tests)
    after = added(made.edition, addition)
    found = counterfactual(after.table, of_rule[:MAX_LOOKED_AT])
    made.edition = after
    made.proposals.append(Proposal(still, target, agreed, addition, found))


def _place(table: RouteTable, rule: str) -> tuple[str | int, ...]:
    """Where the branch that answered is written; the new one goes into it, as its last."""
    names = rule.split("/")
    if len(names) > MAX_BRANCHES:
        raise CannotWrite("it would be nested too deep: flatten the rule first")
    index = next((number for number, each in enumerate(table.file.rules) if each.id == names[0]), None)
    if index is None:
        raise CannotWrite(_no_rule(table, names[0]))
    path: tuple[str | int, ...] = ("rules", index)
    branches = table.file.rules[index].refine
    for name in names[1:]:
        number = next((number for number, each in enumerate(branches) if each.id == name), None)
        if number is None:
            raise CannotWrite(f"there is no branch {name[:80]} any more")
        path, branches = (*path, "refine", number), branches[number].refine
    return path


def _no_rule(table: RouteTable, name: str) -> str:
    if name == table.file.default.id:
        return "no rule is about them, only the default: write a rule for their place"
    if name.startswith("inventory:"):
        return "no rule is about them, only the inventory: correct the owner there, or write a rule"
    return f"there is no rule {name[:80]} any more"


def _branch(table: RouteTable, group: Group, own: list[tuple[Known, Decision]], terms: Terms) -> dict[str, Any]:
    target, _ = group.top
    people = table.people
    view = own[0][1].view
    owner = view.owner.id
    if not people.known(target) or target.startswith("schedule:"):
        raise CannotWrite(f"{target[:80]} is nobody in the directory who can own: add them first")
    if not people.resolve(target, terms.now):
        raise CannotWrite(f"{target[:80]} is not active any more")
    words = _owner_words(table, target, owner)
    before = owner if "owner" in words else view.assignee
    if before and before != target:
        words["cc"] = [before]
    return {"id": _free_id(table, group), "when": condition(group), **words}


def _owner_words(table: RouteTable, target: str, owner: str) -> dict[str, Any]:
    """A team owns; a person is assigned, with their own team where they are of one other than the owner's."""
    if target.startswith("team:"):
        return {"owner": target}
    teams = [name for name, team in table.file.directory.teams.items() if target in (team.lead, *team.members)]
    if owner in teams or not teams:
        return {"assignee": target}
    return {"owner": teams[0], "assignee": target} if len(teams) == 1 else {"assignee": target}


def _learned(group: Group, agreed: int, terms: Terms) -> dict[str, Any]:
    return {
        "from": f"{group.count} reassignments",
        "agreed": agreed,
        "window": format_duration(terms.window),
        "on": terms.now.date().isoformat(),
    }


def _free_id(table: RouteTable, group: Group) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", f"{group.category} {group.prefix}".lower().replace(":2023", "")).strip("-")
    name = f"learned-{words[:48].strip('-') or 'all'}"
    taken = set(_ids(table))
    return next(
        each for number in range(1, 10_000) if (each := f"{name}-{number}" if number > 1 else name) not in taken
    )


def _ids(table: RouteTable) -> Iterator[str]:
    waiting: list[Any] = list(table.file.rules)
    while waiting:
        each = waiting.pop()
        yield each.id
        waiting += each.refine


def _tests(
    table: RouteTable, group: Group, branch: Mapping[str, Any], own: list[tuple[Known, Decision]]
) -> list[dict[str, Any]]:
    """Findings that ended where most did, one for each path; only what rules look at of them is kept."""
    target, _ = group.top
    expect = {"rule": f"{group.rule}/{branch['id']}"} | {
        name: branch[name] for name in ("owner", "assignee") if name in branch
    }
    taken = {test.name for test in table.file.tests}
    found: dict[str, dict[str, Any]] = {}
    for case, decision in own[:MAX_LOOKED_AT]:
        words = words_of(case.finding)
        again = table.route(FindingView.model_validate(words), case.at)
        if group.ended[case.case_id] != target or again.rule != decision.rule:
            continue
        name = f"learned from {case.case_id}: {branch['id']}"
        if name not in taken:
            found.setdefault(
                case.finding.api.path or case.finding.api.path_template,
                {"name": name, "finding": words, "expect": expect},
            )
        if len(found) == MAX_TESTS:
            break
    if not found:
        raise CannotWrite("none of the recorded findings can be made into a test")
    return list(found.values())


def words_of(finding: FindingView) -> dict[str, Any]:
    """What rules look at of a finding, without what it tells of people and without texts."""
    words = finding.model_dump(mode="json", exclude_defaults=True, exclude=_PRIVATE)
    api = {name: value for name, value in words.get("api", {}).items() if name not in _DERIVED}
    words |= {"severity": finding.severity, "category": finding.category}
    return {**words, "api": api} if api else words
