"""Joins the rows of one report that speak of one problem, such as ten paths that differ only by an id."""

from __future__ import annotations

from collections.abc import Iterable

from stanch.findings import Finding

_MAX_ACTORS = 20
_MAX_EVIDENCE = 20


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """One finding for each identity and status; the worst rating leads, counts add up."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.identity, finding.status), []).append(finding)
    return [_joined(group) if len(group) > 1 else group[0] for group in groups.values()]


def _joined(group: list[Finding]) -> Finding:
    lead = max(group, key=lambda item: item.severity_id if item.severity_id < 99 else 0)
    first = [item.finding_info.first_seen_time for item in group if item.finding_info.first_seen_time]
    last = [item.finding_info.last_seen_time for item in group if item.finding_info.last_seen_time]
    times = {"first_seen_time": min(first, default=None), "last_seen_time": max(last, default=None)}
    names = {name for item in group for name in item.redactions}
    return lead.model_copy(
        update={
            "count": sum(item.count for item in group),
            "finding_info": lead.finding_info.model_copy(update=times),
            "actors": tuple(dict.fromkeys(actor for item in group for actor in item.actors))[:_MAX_ACTORS],
            "evidence": tuple(dict.fromkeys(note for item in group for note in item.evidence))[:_MAX_EVIDENCE],
            "redactions": {name: sum(item.redactions.get(name, 0) for item in group) for name in sorted(names)},
        }
    )
