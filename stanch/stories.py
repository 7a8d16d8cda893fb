"""What the neighbours of a case change for it: an attack on a known weakness is more urgent and says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stanch.contract import LinkedCase, Resolve
from stanch.errors import DependencyError
from stanch.records import Entry, Link, Records, link_entries
from stanch.records.links import EPISODE, uses
from stanch.views import SEVERITIES, FindingView

MAX_SHOWN = 10
MAX_EVIDENCE = 3
MAX_LINE = 240


@dataclass(frozen=True)
class Story:
    """The other cases, and what they mean for this one.

    Args:
        finding: as it is to be routed: one step more severe where it attacks a weakness that is known and open.
        why: what was changed, and what the people of this case must know; "" where nothing is.
        owners: of weaknesses that somebody has accepted, who learn that they are under attack.
    """

    finding: FindingView
    why: tuple[str, ...] = ()
    links: tuple[LinkedCase, ...] = ()
    owners: tuple[str, ...] = ()


def story_of(records: Records, question: Resolve, finding: FindingView) -> Story:
    """What records know of the neighbours; nothing while they cannot be read, since links only ever add."""
    try:
        links = records.links(question.case_id, question.now)
        if not links:
            return Story(finding)
        return _told(records, question, finding, links=links)
    except DependencyError:
        return Story(finding, why=("links to other cases cannot be read",))


def _told(records: Records, question: Resolve, finding: FindingView, *, links: Sequence[Link]) -> Story:
    used = [link for link in links if finding.kind == "attack" and uses(link, finding.category)]
    accepted = [link for link in links if finding.kind == "attack" and link.accepted]
    records.append([*_both_ways(links), *(_contradiction(link, question.now) for link in accepted)])
    for link in accepted:
        records.contradict(link.other, by=link.case_id, at=question.now)
    why = [f"this weakness was accepted: {link.accepted} ({link.other})" for link in accepted[:MAX_SHOWN]]
    higher = _higher(finding) if used else finding
    if higher is not finding:
        why.insert(
            0, f"raised from {finding.severity} to {higher.severity}: attack on an open weakness ({used[0].other})"
        )
    return Story(
        finding=higher,
        why=tuple(why),
        links=tuple(_linked(records, link, with_evidence=link in used) for link in links[:MAX_SHOWN]),
        owners=tuple(dict.fromkeys(link.other_owner for link in accepted if link.other_owner)),
    )


def _higher(finding: FindingView) -> FindingView:
    step = min(SEVERITIES.index(finding.severity) + 1, len(SEVERITIES) - 1)
    return (
        finding if SEVERITIES[step] == finding.severity else finding.model_copy(update={"severity": SEVERITIES[step]})
    )


def _both_ways(links: Sequence[Link]) -> list[Entry]:
    """Lines for both ledgers; each is written once, here or by whoever found the link."""
    there = [Link(case_id=link.other, other=link.case_id, why=link.why, at=link.at) for link in links]
    return link_entries([*links, *there])


def _contradiction(link: Link, now: datetime) -> Entry:
    return Entry(
        case_id=link.other,
        episode=EPISODE,
        key=f"contradicted:{link.case_id}",
        time=now,
        actor="stanch",
        event="suppression.contradicted",
        data={"to": link.case_id, "why": f"attacked while {link.accepted}"},
    )


def _linked(records: Records, link: Link, *, with_evidence: bool) -> LinkedCase:
    return LinkedCase(
        case_id=link.other,
        kind=link.other_kind,
        category=link.other_category,
        title=link.other_title[:MAX_LINE],
        owner=link.other_owner,
        why=link.why,
        accepted=link.accepted,
        evidence=tuple(_evidence(records, link.other)) if with_evidence else (),
    )


def _evidence(records: Records, case_id: str) -> list[str]:
    """What the newest report of a weakness shows, line by line; redacted when it was taken."""
    found = records.newest_finding(case_id)
    items: Sequence[dict[str, Any]] = (found.body.get("evidence") or ()) if found is not None else ()
    names = ("kind", "method", "url_template", "status_code", "matched_on", "excerpt")
    lines = (" ".join(str(item[name]) for name in names if item.get(name)) for item in items[:MAX_EVIDENCE])
    return [line[:MAX_LINE] for line in lines if line]
