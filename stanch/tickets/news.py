"""What a ticket is told of its case: lines of the ledger in words, several in one note."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from stanch.approvals import ApprovalRequest
from stanch.catalog import catalog
from stanch.lease_words import words_of
from stanch.leases import Lease
from stanch.records import TimelineItem
from stanch.sinks.text import one_line

OUTCOME = ".outcome"
MOST_LINES = 30
CONFIRMED = "CONFIRMED"


@dataclass(frozen=True)
class Known:
    """What the lines speak of.

    Args:
        name_of: a person's name by their id of the directory.
    """

    leases: Mapping[str, Lease]
    approvals: Sequence[ApprovalRequest]
    name_of: Callable[[str], str]


def news(entries: Sequence[TimelineItem], known: Known) -> list[str]:
    """One line for each entry that somebody with the ticket should know, oldest first, none twice."""
    lines: dict[str, None] = {}
    for entry in entries:
        lines |= dict.fromkeys(one_line(line, limit=400) for line in _lines(entry, known))
    found = list(lines)
    if len(found) <= MOST_LINES:
        return found
    left_out = len(found) - MOST_LINES + 1
    return [f"({left_out} earlier lines are in the case)", *found[left_out:]]


def note(lines: Sequence[str], *, url: str) -> str:
    """The note's text."""
    head = "Stanch: what has happened in the case" + (f" ({url})" if url else "")
    return "\n".join([head, *(f"- {line}" for line in lines)])


def _lines(entry: TimelineItem, known: Known) -> Iterator[str]:
    when = f"{entry.time:%Y-%m-%d %H:%M} UTC"
    teller = _TELLERS.get(entry.event)
    found = teller(entry, known) if teller else _of_change(entry)
    if found:
        yield f"{when}: {found}"


def _of_change(entry: TimelineItem) -> str:
    """The outcome of an action that changes production and is held by no point."""
    spec = catalog().get(entry.event.removesuffix(OUTCOME)) if entry.event.endswith(OUTCOME) else None
    if spec is None:
        return ""
    outcome, reason = str(entry.data.get("outcome", "")), str(entry.data.get("reason", ""))
    if spec.name.startswith("probe."):
        return _of_probe(entry, spec.title)
    if not spec.effect.mutates or (spec.leased and outcome == CONFIRMED):
        return ""
    if outcome == CONFIRMED:
        return f"{spec.title}: done{_on(entry.data)}"
    return f"{spec.title}: not done ({outcome.lower()}){f', {reason}' if reason else ''}"


def _of_probe(entry: TimelineItem, title: str) -> str:
    ok, outcome = entry.data.get("ok"), str(entry.data.get("outcome", ""))
    if outcome and outcome != CONFIRMED:
        return f"{title}: not shown, {entry.data.get('reason') or 'without a reason'} ({entry.step})"
    if not isinstance(ok, bool):
        return ""
    return f"{title}: {'as it should be' if ok else 'not as it should be'} ({entry.step})"


def _on(data: Mapping[str, Any]) -> str:
    where = data.get("host") or data.get("user_id") or data.get("attachment_id") or ""
    return f" ({where})" if isinstance(where, str) and where else ""


def _asked(entry: TimelineItem, known: Known) -> str:
    if entry.data.get("status") == "needs_person":
        return "The case waits for a person; see there what is missing"
    if entry.data.get("status") != "approval":
        return ""
    before = [item for item in known.approvals if item.created_at <= entry.time]
    if not before:
        return "A decision is asked for"
    request = max(before, key=lambda item: item.created_at)
    return f"A decision is asked for, until {request.expires_at:%Y-%m-%d %H:%M} UTC: {request.question}"


def _voted(entry: TimelineItem, known: Known) -> str:
    data = entry.data
    if not data.get("accepted"):
        return ""
    reason = f" ({data['reason']})" if data.get("reason") else ""
    return f"{known.name_of(str(data.get('principal', '')))} decides: {data.get('verdict', '')}{reason}"


def _late(entry: TimelineItem, known: Known) -> str:
    return f"Nobody has decided in time: {entry.step}" if entry.data.get("reason") == "timeout" else ""


def _held(entry: TimelineItem, known: Known) -> str:
    lease = known.leases.get(entry.effect.partition(":")[0])
    if entry.data.get("outcome") != CONFIRMED:
        return f"The block was refused: {entry.data.get('reason', '')}"
    what = words_of(lease.spec) if lease else entry.step
    until = f" until {lease.expires_at:%Y-%m-%d %H:%M} UTC" if lease else ""
    return f"Blocked at {entry.data.get('point', 'the point')}: {what}{until}"


def _ended(entry: TimelineItem, known: Known) -> str:
    lease = known.leases.get(str(entry.data.get("lease_id", "")))
    how = "ended by itself" if entry.data.get("state") == "expired" else "was lifted"
    return f"The block {how}: {words_of(lease.spec) if lease else entry.step or 'see the case'}"


def _looked_again(entry: TimelineItem, known: Known) -> str:
    # That it is still there is said by whoever sends the ticket back.
    return "Proof: a new look finds the problem no more" if entry.data.get("clean") is True else ""


def _clean(entry: TimelineItem, known: Known) -> str:
    if entry.data.get("how") == "attested":
        return f"Attested as fixed by {known.name_of(str(entry.data.get('by', '')))}"
    return f"Reported as gone by {entry.data.get('source') or 'the source'}"


def _raised(entry: TimelineItem, known: Known) -> str:
    return f"More urgent than before: {entry.data.get('from', '')} to {entry.data.get('to', '')}"


def _again(entry: TimelineItem, known: Known) -> str:
    return f"The case is open again: {entry.data.get('why', '')}"


def _put_away(entry: TimelineItem, known: Known) -> str:
    kind = str(entry.data.get("as", "")).replace("_", " ")
    return f"Put away as {kind} until {str(entry.data.get('until', ''))[:10]} by {known.name_of(entry.actor)}"


_TELLERS: Mapping[str, Callable[[TimelineItem, Known], str]] = MappingProxyType(
    {
        "case.status": _asked,
        "approval.vote": _voted,
        "step.rejected": _late,
        "point.hold.outcome": _held,
        "lease.ended": _ended,
        "finding.rescanned": _looked_again,
        "finding.rescan_clean": _clean,
        "route.raised": _raised,
        "case.reopened": _again,
        "case.put_away": _put_away,
    }
)
