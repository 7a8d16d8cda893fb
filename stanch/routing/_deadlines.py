"""When a finding must be fixed, by severity, clock and calendar, and who hears of it on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stanch.routing._calendar import Calendar, hours_of
from stanch.routing._times import Office, Promise, Rung

LANES = ("backlog", "next_sprint", "emergency_patch")


@dataclass(frozen=True)
class Deadlines:
    """Absolute times; None where nothing was promised."""

    lane: str = "backlog"
    acknowledge: datetime | None = None
    contain: datetime | None = None
    fix: datetime | None = None


def calendar_of(office: Office) -> Calendar:
    """A calendar file entry, ready to count with."""
    freezes = tuple((freeze.start, freeze.until) for freeze in office.freeze)
    return Calendar(office.zone, hours_of(office.open), frozenset(office.closed), freezes)


def deadlines(promises: Iterable[Promise], calendar: Calendar | None, start: datetime) -> Deadlines:
    """The strictest of several promises, each part on its own."""
    start = start.astimezone(UTC)  # a day is 24 hours here, whatever the clocks of a zone do
    result = Deadlines()
    for index, promise in enumerate(promises):
        each = _one(promise, calendar, start)
        result = each if index == 0 else _stricter(result, each)
    return result


def _one(promise: Promise, calendar: Calendar | None, start: datetime) -> Deadlines:
    def at(span: timedelta | None) -> datetime | None:
        if span is None:
            return None
        if promise.clock == "business" and calendar:
            return calendar.after(start, span)
        return start + span

    return Deadlines(promise.lane, at(promise.acknowledge), at(promise.contain), at(promise.fix))


def _stricter(first: Deadlines, second: Deadlines) -> Deadlines:
    return Deadlines(
        max(first.lane, second.lane, key=LANES.index),
        _earlier(first.acknowledge, second.acknowledge),
        _earlier(first.contain, second.contain),
        _earlier(first.fix, second.fix),
    )


def _earlier(first: datetime | None, second: datetime | None) -> datetime | None:
    return min(first, second) if first and second else first or second


def share_of(
    promises: Iterable[Promise], calendar: Calendar | None, start: datetime
) -> Callable[[float], datetime | None]:
    """When a share of the running clock has passed, counted as the clock counts; the strictest of several promises."""
    fixes = [(promise, due) for promise in promises if (due := _one(promise, calendar, start).fix) is not None]

    def at(share: float) -> datetime | None:
        return min((_share(promise, calendar, start, due, share) for promise, due in fixes), default=None)

    return at


def _share(promise: Promise, calendar: Calendar | None, start: datetime, due: datetime, share: float) -> datetime:
    is_business = promise.clock == "business" and calendar is not None and share != 1
    open_time = calendar.open_between(start, due) if is_business and calendar is not None else timedelta(0)
    if calendar is None or not open_time:
        return start + (due - start) * share
    return calendar.open_after(start, open_time * share)


def rungs(
    ladder: Iterable[Rung],
    *,
    start: datetime,
    at: Callable[[float], datetime | None],
    names: Mapping[str, str],
) -> Iterator[tuple[float, tuple[str, ...]]]:
    """(seconds after start, whom) of an escalation; shares of a deadline need one.

    Args:
        ladder: as written.
        start: when the clock started.
        at: when a share of the clock has passed; None where no deadline runs.
        names: what `owner`, `owner.lead` and `assignee` stand for.
    """
    for rung in ladder:
        seconds = _seconds(rung, start, at)
        if seconds is None:
            continue
        whom = tuple(dict.fromkeys(names.get(name, name) for name in rung.notify))
        for turn in range(rung.times if rung.repeat else 1):
            yield seconds + turn * (rung.repeat or timedelta(0)).total_seconds(), whom


def _seconds(rung: Rung, start: datetime, at: Callable[[float], datetime | None]) -> float | None:
    if isinstance(rung.after, timedelta):
        return rung.after.total_seconds()
    moment = at(rung.after)
    return None if moment is None else (moment - start).total_seconds()
