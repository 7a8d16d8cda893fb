"""Decides what becomes of each finding of a delivery: its case is told, it is only counted, or it is put away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select

from stanch.records import schema
from stanch.records.arriving import PUT_AWAY, Arrival, Item, Placed
from stanch.records.database import rows_in_parts
from stanch.records.prepared import Prepared
from stanch.records.suppressions import Suppression, standing

REPEAT_WINDOW = timedelta(seconds=30)

_reports = schema.case_reports.c
_REPORTS = Prepared(
    select(*(_reports[name] for name in ("case_id", "content", "status", "signalled", "held", "due"))).where(
        _reports.case_id.in_(bindparam("cases", expanding=True))
    )
)


@dataclass
class Report:
    """What a case was last told, and what it has not been told since."""

    content: str = ""
    status: str = ""
    signalled: datetime | None = None
    held: int = 0
    due: datetime | None = None


@dataclass
class Books:
    """What is known of the cases of some deliveries, and put down while one delivery after the other is placed."""

    known: dict[str, Report]
    put_away: dict[str, Suppression] = field(default_factory=dict[str, Suppression])


@dataclass
class Changes:
    """What one delivery changes of the reports of cases."""

    placed: list[Placed] = field(default_factory=list[Placed])
    counted: Counter[str] = field(default_factory=Counter[str])
    opened: list[str] = field(default_factory=list[str])
    fresh: int = 0


def books_of(db: Connection, cases: Collection[str], now: datetime) -> Books:
    """What records know of some cases."""
    return Books(_known(db, cases), standing(db, cases, now)) if cases else Books({})


def _known(db: Connection, cases: Iterable[str]) -> dict[str, Report]:
    found: dict[str, Report] = {}
    for part in rows_in_parts(cases):
        found |= {case_id: Report(*last) for case_id, *last in _REPORTS.rows(db, {"cases": part})}
    return found


def changes_of(books: Books, arrival: Arrival) -> Changes:
    """What becomes of each finding, one after the other; the books know of it for the deliveries after this one."""
    changes = Changes()
    for item in arrival.items:
        changes.placed.append(_place(books, changes, item, at=arrival.at))
    return changes


def _place(books: Books, changes: Changes, item: Item, *, at: datetime) -> Placed:
    case = item.row.case_id
    why = _put_away(books, item)
    if why:
        return Placed(case, signal=False, why=why)
    report = books.known.get(case)
    if report is None:
        books.known[case] = Report()
        changes.opened.append(case)
        changes.fresh += item.opens
        return Placed(case)
    if not _is_repeat(report, item, at):
        taken, report.held = report.held, 0
        changes.counted[case] -= taken  # this signal speaks for them, and no other does
        return Placed(case, held=taken)
    changes.counted[case] += item.count
    due = None
    if report.due is None or report.due < at - REPEAT_WINDOW:  # nobody will tell the case by itself
        due = report.due = (report.signalled or at) + REPEAT_WINDOW
    return Placed(case, signal=False, due=due)


def _put_away(books: Books, item: Item) -> str:
    """Why nothing is done with a finding, in words."""
    if item.status == PUT_AWAY:
        return "its tool has put it away"
    found = books.put_away.get(item.row.case_id)
    return found.words if found is not None and found.covers(item.kind) and item.status != "resolved" else ""


def _is_repeat(report: Report, item: Item, at: datetime) -> bool:
    same = report.content == item.content and report.status == item.status
    return same and report.signalled is not None and at - report.signalled < REPEAT_WINDOW
