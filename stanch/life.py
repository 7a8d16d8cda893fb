"""What a new report means for a case that is there: count it, believe it, correct the case by it, or begin again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from stanch.cases import CaseState, CaseStatus
from stanch.contract import FindingReport
from stanch.interpreter.state import CoreState
from stanch.shapes import is_tuple
from stanch.views import SEVERITIES, FindingView

MAX_SOURCES = 16
MAX_SHOWN = 200
MAX_WAITING_NOTES = 500

# What a newer report corrects while a run goes on. Where the problem is and who did it is pinned: people have
# agreed to changes in these words, and undoing uses them.
CORRECTED = ("title", "description", "severity", "confidence", "phase", "data_classification", "labels")
PINNED = ("type", "kind", "category", "api", "actor", "resource")


class Means(StrEnum):
    """What a report asks of a case."""

    COUNT = "count"
    CLEAN = "clean"  # the source believes that it is fixed
    REOPEN = "reopen"
    REPORTED = "reported"  # it is there again, after word of a fix
    NOT_BELIEVED = "not_believed"  # its sender is less well known than the one who opened the case
    OUTDATED = "outdated"  # older, by the source's own time, than what is known
    PUT_AWAY = "put_away"
    TEST = "test"
    REAL = "real"  # after test findings, the first that is meant


def meaning(
    state: CaseState, report: FindingReport, now: datetime, *, ending: bool, is_new: Callable[[str], bool]
) -> Means:
    """What a report says to a case that has a finding.

    Args:
        state: of the case, before the report.
        report: delivered now, in whatever order.
        now: aware.
        ending: the case is about to close.
        is_new: whether a behaviour that older runs did not have applies to this one; asked only where it matters.
    """
    if report.finding.is_test and is_new("tests-never-act"):
        return Means.TEST
    if _is_outdated(state, report) and is_new("source-order"):
        return Means.OUTDATED
    if report.status == "resolved":
        return Means.NOT_BELIEVED if report.assurance > state.assurance else Means.CLEAN
    if _is_put_away(state, report, now):
        return Means.PUT_AWAY
    if ending or (state.status is CaseStatus.VERIFYING and state.core.status.final):
        return Means.REOPEN
    if _is_test(state) and is_new("real-after-test"):
        return Means.REAL
    return Means.REPORTED if state.core.facts.get("finding") == "clean" else Means.COUNT


def first_report(state: CaseState, report: FindingReport, now: datetime) -> None:
    """A case begins with the finding that was delivered first."""
    state.delivery_count += 1
    state.finding, state.source, state.assurance = report.finding, report.source, report.assurance
    state.requested_by, state.opened, state.updated = report.requested_by, now, now
    state.note("finding.accepted", now, source=report.source, finding=report.finding.id, status=report.status)
    remember_time(state, report)


def next_report(
    state: CaseState, report: FindingReport, now: datetime, *, ending: bool, is_new: Callable[[str], bool]
) -> tuple[Means, bool]:
    """Count a further report and correct the case by it.

    Returns:
        What it means, and whether the severity of a case that is worked on has risen.
    """
    state.delivery_count += 1
    means = meaning(state, report, now, ending=ending, is_new=is_new)
    before = state.finding or report.finding
    finding, told = corrected(state, report)
    if told and not is_new("corrections"):
        finding, told = before.model_copy(update={"count": finding.count, "last_seen": finding.last_seen}), {}
    state.finding = finding
    if len(state.notes) < MAX_WAITING_NOTES:  # records are down: the count says enough
        count = state.finding.count
        state.note("finding.repeated", now, source=report.source, count=count, status=report.status)
        _note(state, report, now, means=means, told=told)
    remember_time(state, report)
    rises = state.finding.severity != before.severity and not state.status.settled
    return means, rises and means in (Means.COUNT, Means.REPORTED) and is_new("severity-rises")


def _note(state: CaseState, report: FindingReport, now: datetime, *, means: Means, told: dict[str, Any]) -> None:
    if told:
        state.note("finding.changed", now, source=report.source, data={"what": told})
    if means is Means.NOT_BELIEVED:
        state.note("finding.close_not_believed", now, source=report.source, assurance=report.assurance)
    elif means in (Means.OUTDATED, Means.PUT_AWAY, Means.TEST):
        state.note(f"finding.{means.value}", now, source=report.source, status=report.status)


def _is_put_away(state: CaseState, report: FindingReport, now: datetime) -> bool:
    """Whether a person has put this away; an accepted risk never hides an attack, even under a tool's same id."""
    away = state.put_away
    is_attack_on_it = away is not None and away.kind == "risk_accepted" and report.finding.kind == "attack"
    return away is not None and away.until > now and not is_attack_on_it


def _is_test(state: CaseState) -> bool:
    return state.finding is not None and state.finding.is_test


def _is_outdated(state: CaseState, report: FindingReport) -> bool:
    """Whether the source itself has said something newer of the other kind; sources without a time count as they come.

    Clocks of different sources are never compared.
    """
    other = state.reported_at if report.status == "resolved" else state.resolved_at
    newest, at = other.get(report.source), report.finding.last_seen
    return newest is not None and at is not None and at < newest


def remember_time(state: CaseState, report: FindingReport) -> None:
    """Keep the newest time at which a source has called the finding open, and resolved."""
    times = state.resolved_at if report.status == "resolved" else state.reported_at
    at = report.finding.last_seen
    if at is None or report.finding.is_test:
        return
    known = times.pop(report.source, at)
    times[report.source] = max(known, at)
    while len(times) > MAX_SOURCES:
        del times[next(iter(times))]


def corrected(state: CaseState, report: FindingReport) -> tuple[FindingView, dict[str, Any]]:
    """The case's finding with what the report adds or corrects, and what that was, for the ledger.

    Counts and times are news of no kind. While a run goes on, severity only rises, and place and actor stay as they
    were agreed to; what the report says of them is told all the same. A sender who is less well known than the one
    that opened the case corrects nothing.
    """
    before, after = state.finding or report.finding, report.finding
    count, seen = before.count + after.count, _later(before.last_seen, after.last_seen)
    update: dict[str, Any] = {"count": count, "last_seen": seen}
    if not _may_correct(state, report):
        return before.model_copy(update=update), {}
    told = {name: _told(before, after, name) for name in (*CORRECTED, *PINNED) if _differs(before, after, name)}
    for name in told:
        if name in CORRECTED and not (name == "severity" and lowers(before, after)):
            update[name] = getattr(after, name)
    return before.model_copy(update=update), told


def _may_correct(state: CaseState, report: FindingReport) -> bool:
    """Whether the content is newer than what is known, and from somebody who is believed as much."""
    newest, at = state.reported_at.get(report.source), report.finding.last_seen
    is_old = newest is not None and at is not None and at < newest
    is_same_kind = report.finding.is_test == _is_test(state)
    return report.status == "open" and report.assurance <= state.assurance and is_same_kind and not is_old


def _later(one: datetime | None, two: datetime | None) -> datetime | None:
    return max(one, two) if one is not None and two is not None else two or one


def _differs(before: FindingView, after: FindingView, name: str) -> bool:
    """An emptied text is no news: tools leave out in an update what they have said before."""
    old, new, empty = (_comparable(view, name) for view in (before, after, FindingView()))
    return new != old and (new != empty or name in ("severity", "kind"))


def _comparable(view: FindingView, name: str) -> Any:
    """A field as it counts: of one operation, each sighting may have a path of its own."""
    value = getattr(view, name)
    return value.model_copy(update={"path": ""}) if name == "api" else value


def _told(before: FindingView, after: FindingView, name: str) -> dict[str, str]:
    return {"from": _short(getattr(before, name)), "to": _short(getattr(after, name))}


def _short(value: Any) -> str:
    if is_tuple(value):
        return ", ".join(map(str, value))[:MAX_SHOWN]
    dumped = getattr(value, "model_dump", None)
    if dumped is None:
        return str(value)[:MAX_SHOWN]
    known: Mapping[str, Any] = dumped(exclude_defaults=True, mode="json")
    return " ".join(f"{name}={item}" for name, item in known.items() if not isinstance(item, dict))[:MAX_SHOWN]


def lowers(before: FindingView, after: FindingView) -> bool:
    """Whether a newer severity is lower; a running commitment is never lowered by it."""
    return SEVERITIES.index(after.severity) < SEVERITIES.index(before.severity)


def begin_again(state: CaseState, finding: FindingView, why: str, now: datetime) -> None:
    """A new round of the same case: routed and planned afresh, on the same ticket."""
    state.round += 1
    count = state.finding.count if state.finding else finding.count
    state.finding, state.resolved = finding.model_copy(update={"count": count}), None
    state.core, state.status = CoreState(), CaseStatus.NEW
    state.closed = state.watch_until = None
    state.close_when_over = state.raise_due = False
    state.resolution = ""
    state.ticket.back, state.ticket.closed_here, state.ticket.reopens = "", False, 0
    state.note("case.reopened", now, why=why, round=state.round)
