"""What a change of the rules would have done to cases whose end is known."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from stanch.routing import Decision, RouteTable
from stanch.views import FindingView


@dataclass(frozen=True)
class Known:
    """A recorded case: its newest finding, and who ended with it ("" for whom the rules had named)."""

    case_id: str
    finding: FindingView
    at: datetime
    ended: str = ""


@dataclass(frozen=True)
class Counterfactual:
    """Of the last cases of the rule: how many would have gone elsewhere, and how many of those ended there."""

    of: int
    changed: int
    agree: int


def counterfactual(table: RouteTable, cases: list[tuple[Known, Decision]]) -> Counterfactual:
    """How the new rules answer cases, each beside the decision of the old ones."""
    counts: Counter[str] = Counter()
    for case, before in cases:
        after = table.route(case.finding, case.at).view
        if (after.owner.id, after.assignee) != (before.view.owner.id, before.view.assignee):
            counts["changed"] += 1
            counts["agree"] += case.ended in (after.owner.id, after.assignee)
    return Counterfactual(len(cases), counts["changed"], counts["agree"])
