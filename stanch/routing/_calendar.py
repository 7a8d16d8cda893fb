"""Working hours: when a calendar is open, and what time it is after so much open time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from stanch.routing._clock import first_showing, merged, showing
from stanch.routing._dates import ALWAYS, Dates
from stanch.routing._times import Hours

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HORIZON = 1_500  # days


class Opening(NamedTuple):
    """Hours of one day of the week (0 is Monday), in local time, on the dates that allow them."""

    weekday: int
    opens: time
    closes: time
    dates: Dates = ALWAYS


@dataclass(frozen=True)
class Calendar:
    """Opening hours of a place of work: open while the local clock shows a time within its hours.

    Args:
        hours: of each day of the week that has any.
        closed: days that are never open.
        freezes: spans in which nothing is changed, [from, until).
    """

    zone: ZoneInfo
    hours: tuple[Opening, ...]
    closed: frozenset[date] = frozenset()
    freezes: tuple[tuple[datetime, datetime], ...] = ()

    def frozen(self, now: datetime) -> bool:
        """Whether changes rest at this time."""
        return any(start <= now < end for start, end in self.freezes)

    def is_open(self, now: datetime) -> bool:
        local = now.astimezone(self.zone)
        return any(start <= now < end for start, end in self.spans(local.date()))

    def after(self, start: datetime, duration: timedelta) -> datetime:
        """The time at which `duration` of business time has passed.

        Whole days count as working days (kept at the same local time of day where that is open), the rest as open
        hours. A calendar that never opens within four years gives elapsed time.
        """
        begun = start.astimezone(UTC)
        current = self._next_open(begun)
        if current is None:
            return begun + duration
        if duration.days:
            current = self._working_day(current, duration.days)
        return self._open_time(current, timedelta(seconds=duration.seconds, microseconds=duration.microseconds))

    def open_between(self, start: datetime, end: datetime) -> timedelta:
        """Open time from `start` to `end`."""
        total = timedelta(0)
        for day in self._days(start.astimezone(self.zone).date()):
            for opens, closes in self.spans(day):
                total += max(min(closes, end) - max(opens, start), timedelta(0))
            if datetime.combine(day, time(0), self.zone) > end:
                break
        return total

    def open_after(self, start: datetime, duration: timedelta) -> datetime:
        """The time at which so much open time has passed; a time of no work is the next opening."""
        begun = start.astimezone(UTC)
        current = self._next_open(begun)
        return begun + duration if current is None else self._open_time(current, duration)

    def spans(self, day: date) -> list[tuple[datetime, datetime]]:
        """Opening and closing instants of a day, in order."""
        if day in self.closed:
            return []
        hours = [each for each in self.hours if each.weekday == day.weekday() and each.dates.hold(day)]
        return merged([span for each in hours for span in showing(self.zone, day, since=each.opens, until=each.closes)])

    def _days(self, first: date) -> Iterator[date]:
        for offset in range(_HORIZON):
            yield first + timedelta(days=offset)

    def _next_open(self, start: datetime) -> datetime | None:
        for day in self._days(start.astimezone(self.zone).date()):
            for opens, closes in self.spans(day):
                if start < closes:
                    return max(start, opens)
        return None

    def _working_day(self, current: datetime, count: int) -> datetime:
        """The same local time that many working days later, within the hours of that day."""
        local = current.astimezone(self.zone)
        for day in self._days(local.date() + timedelta(days=1)):
            spans = self.spans(day)
            count -= bool(spans)
            if count == 0:
                return min(max(first_showing(self.zone, day, local.time()), spans[0][0]), spans[-1][1])
        return current + timedelta(days=_HORIZON)

    def _open_time(self, current: datetime, rest: timedelta) -> datetime:
        for day in self._days(current.astimezone(self.zone).date()):
            for opens, closes in self.spans(day):
                begin = max(current, opens)
                if begin <= closes and rest <= closes - begin:
                    return begin + rest
                rest -= max(closes - begin, timedelta(0))
        return current + rest


def hours_of(written: Iterable[Hours]) -> tuple[Opening, ...]:
    """Each day of the week that is written."""
    return tuple(Opening(DAYS.index(day), span.opens, span.closes, span.dates) for span in written for day in span.days)
