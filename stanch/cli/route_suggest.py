"""What `stanch route suggest` reads from records, and what it prints of its proposals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stanch.learning.counting import Stale, groups_of, last_of_each, stale_rules
from stanch.learning.outcome import Known
from stanch.learning.patching import unified
from stanch.learning.proposing import Proposal, Refusal, Suggestions, Terms, suggest

if TYPE_CHECKING:
    from stanch.records import FindingRow, Reassignment, Records

MAX_ROWS = 1_000_000
MAX_FINDINGS = 20_000
SHOWN = 40


@dataclass(frozen=True)
class Lessons:
    """What records know: corrections, findings, and how many cases each rule answered."""

    terms: Terms
    last: Mapping[str, Reassignment]
    findings: tuple[FindingRow, ...]
    answered: Mapping[str, int]


@dataclass(frozen=True)
class Made:
    """What came of it, for one version of the file."""

    text: str
    found: Suggestions
    stale: list[Stale]

    def patch(self, name: str) -> str:
        return unified(self.text, self.found.text, name=name)


def lessons(records: Records, days: int) -> Lessons:
    """Everything of the last days, in four queries.

    Raises:
        DependencyError: records cannot be read.
    """
    from stanch.records import CaseFilter

    terms = Terms(datetime.now(UTC), timedelta(days=days))
    since = terms.now - terms.window
    last = last_of_each(records.reassignments(since=since, limit=MAX_ROWS))
    findings = records.recent_findings(since=since, limit=MAX_FINDINGS)
    answered = records.count_cases("rule", CaseFilter(opened_after=since))
    return Lessons(terms, last, tuple(findings), answered)


def suggested(text: str, file: Path, found: Lessons, inventory: Path | None) -> Made:
    """Proposals for a file.

    Raises:
        ConfigError: the file or the inventory has mistakes.
    """
    from stanch.cli.route_given import apis
    from stanch.routing import load_routes

    table = load_routes(text, str(file))
    known = apis(inventory, file.parent / "inventory.yaml", table)
    cases = _cases(found, known)
    made = suggest(text, table, groups_of(found.last), cases, found.terms)
    return Made(text, made, stale_rules(found.last, found.answered))


def _cases(found: Lessons, known: Any) -> list[Known]:
    """One for each case, newest first; of a corrected case whose finding is gone, what its correction tells."""
    from stanch.cli.route_learned import seen_of

    cases: dict[str, Known] = {}
    for row in found.findings:
        seen = seen_of(row, known) if row.case_id not in cases else None
        if seen is not None:
            cases[row.case_id] = Known(row.case_id, seen.finding, seen.at, _ended(found, row.case_id))
    for case_id, moved in found.last.items():
        if case_id not in cases:
            cases[case_id] = Known(case_id, known(_of_row(moved)), moved.at, moved.to_owner)
    return list(cases.values())


def _ended(found: Lessons, case_id: str) -> str:
    row = found.last.get(case_id)
    return row.to_owner if row is not None else ""


def _of_row(row: Reassignment) -> Any:
    from stanch.views import SEVERITIES, FindingView

    api = {"host": row.host, "method": row.method, "environment": row.environment or "prod"}
    api["path_template" if "{" in row.path else "path"] = row.path
    severity = row.severity if row.severity in SEVERITIES else "medium"
    return FindingView.model_validate(
        {"category": row.category, "severity": severity, "source": row.source, "api": api}
    )


def report(made: Made, patch: str) -> dict[str, Any]:
    """Everything as plain data."""
    return {
        "patch": patch,
        "proposals": [_proposal(each) for each in made.found.proposals],
        "stale": [asdict(each) for each in made.stale],
        "refused": [_refusal(each) for each in made.found.refused],
    }


def _proposal(each: Proposal) -> dict[str, Any]:
    group = each.group
    return {
        "rule": group.rule,
        "category": group.category,
        "prefix": group.prefix,
        "count": group.count,
        "agreed": each.agreed,
        "target": each.target,
        "confidence": round(each.confidence, 3),
        "branch": dict(each.addition.branch),
        "tests": [dict(test) for test in each.addition.tests],
        "counterfactual": asdict(each.counterfactual),
    }


def _refusal(each: Refusal) -> dict[str, Any]:
    group = each.group
    what = {"rule": group.rule, "category": group.category, "prefix": group.prefix}
    return {**what, "count": group.count, "why": each.why}


def report_lines(made: Made) -> Iterator[str]:
    """What people should know before they accept the patch."""
    for each in made.found.proposals:
        group, then = each.group, each.counterfactual
        yield (
            f"{group.rule}, {group.category or 'no category'} {group.prefix}: {each.agreed} of {group.count} ended at"
            f" {each.target} (surely {each.confidence:.0%}); would have changed {then.changed} of the last {then.of},"
            f" {then.agree} agree with where they ended"
        )
    for rule in made.stale:
        yield f"rule {rule.rule} is stale: {rule.moved} of {rule.cases} cases were given to somebody else"
    for refused in made.found.refused[:SHOWN]:
        group = refused.group
        yield f"not proposed: {group.rule}, {group.category} {group.prefix}: {refused.why}"
    if len(made.found.refused) > SHOWN:
        yield f"and {len(made.found.refused) - SHOWN} more; --json has all"
    if not made.found.proposals:
        yield "nothing to propose"
