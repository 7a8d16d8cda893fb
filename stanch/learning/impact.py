"""What a change of the rules would do to findings that are known: every difference, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from stanch.routing import Decision, RouteTable
from stanch.views import FindingView

FIELDS = ("rule", "owner", "assignee", "cc", "notify", "lane", "severity", "due", "ticket")


@dataclass(frozen=True)
class Seen:
    """A finding, and when it was taken in; deadlines and schedules count from there."""

    finding: FindingView
    at: datetime
    name: str = ""


@dataclass(frozen=True)
class Difference:
    """What two rule sets say differently of one finding: (field, before, after)."""

    name: str
    place: str
    finding: FindingView
    changes: tuple[tuple[str, str, str], ...]

    def field(self, name: str) -> tuple[str, str] | None:
        """Before and after of a field, None where it stays."""
        return next(((before, after) for field, before, after in self.changes if field == name), None)


@dataclass(frozen=True)
class Impact:
    """All differences.

    Args:
        fields: field -> number of findings in which it differs.
        owners: (before, after) -> number, the most frequent first.
    """

    findings: int
    differences: tuple[Difference, ...]
    fields: dict[str, int]
    owners: dict[tuple[str, str], int]

    @property
    def owner_changes(self) -> int:
        return self.fields.get("owner", 0)


def impact(old: RouteTable, new: RouteTable, findings: Iterable[Seen]) -> Impact:
    """Route every finding twice, as of when it came."""
    differences: list[Difference] = []
    count = 0
    for seen in findings:
        count += 1
        before, after = old.route(seen.finding, seen.at), new.route(seen.finding, seen.at)
        changes = tuple(_changes(before, after))
        if changes:
            name = seen.name or seen.finding.id
            differences.append(Difference(name, after.trace.place, seen.finding, changes))
    fields = Counter(field for each in differences for field, _, _ in each.changes)
    owners = Counter(moved for each in differences if (moved := each.field("owner")) is not None)
    ordered = {field: fields[field] for field in FIELDS if field in fields}
    return Impact(count, tuple(differences), ordered, dict(owners.most_common()))


def _changes(before: Decision, after: Decision) -> Iterator[tuple[str, str, str]]:
    left, right = words(before), words(after)
    return ((field, left[field], right[field]) for field in FIELDS if left[field] != right[field])


def words(decision: Decision) -> dict[str, str]:
    """What is compared of a decision, as text."""
    view = decision.view
    ticket = view.ticket
    return {
        "rule": decision.rule,
        "owner": view.owner.id,
        "assignee": view.assignee,
        "cc": ", ".join(sorted(view.cc)),
        "notify": ", ".join(sorted(view.notify)),
        "lane": view.lane,
        "severity": view.severity,
        "due": view.due.isoformat() if view.due else "",
        "ticket": " ".join(filter(None, (ticket.system, ticket.project, ticket.type, ticket.group))),
    }
