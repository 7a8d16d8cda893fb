"""Working hours: when a calendar is open, and what time it is after so much open time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HORIZON = timedelta(days=1_500)


@dataclass(frozen=True)
class Calendar:
    """Opening hours of a place of work.

    Args:
        hours: weekday (0 is Monday), opening and closing time, in local time.
        closed: days that are never open.
        freezes: spans in which nothing is changed, [from, until).
    """

    zone: ZoneInfo
    hours: tuple[tuple[int, time, time], ...]
    closed: frozenset[date]
    freezes: tuple[tuple[datetime, datetime], ...] = ()

    def frozen(self, now: datetime) -> bool:
        """Whether changes rest at this time."""
        return any(start <= now < end for start, end in self.freezes)

    def is_open(self, now: datetime) -> bool:
        local = now.astimezone(self.zone)
        return any(start <= now < end for start, end in self._spans(local.date()))

    def after(self, start: datetime, duration: timedelta) -> datetime:
        """The time at which `duration` of business time has passed.

        Whole days count as working days (kept at the same local time of day where that is open), the rest as open
        hours. A calendar that never opens within four years gives elapsed time.
        """
        current = self._next_open(start)
        if current is None:
            return start + duration
        for _ in range(duration.days):
            current = self._next_working_day(current)
        return self._open_time(current, timedelta(seconds=duration.seconds)).astimezone(UTC)

    def open_between(self, start: datetime, end: datetime) -> timedelta:
        """Open time from `start` to `end`."""
        total = timedelta(0)
        for day in self._days(start.astimezone(self.zone).date()):
            for opens, closes in self._spans(day):
                total += max(min(closes, end) - max(opens, start), timedelta(0))
            if datetime.combine(day, time(0), self.zone) > end:
                break
        return total

    def open_after(self, start: datetime, duration: timedelta) -> datetime:
        """The time at which so much open time has passed; a time of no work is the next opening."""
        current = self._next_open(start)
        return start + duration if current is None else self._open_time(current, duration).astimezone(UTC)

    def _spans(self, day: date) -> list[tuple[datetime, datetime]]:
        if day in self.closed:
            return []
        spans = [(opens, closes) for weekday, opens, closes in self.hours if weekday == day.weekday()]
        return sorted(
            (datetime.combine(day, opens, self.zone).astimezone(UTC), _end(day, closes, self.zone))
            for opens, closes in spans
        )

    def _days(self, first: date) -> Iterator[date]:
        for offset in range(_HORIZON.days):
            yield first + timedelta(days=offset)

    def _next_open(self, start: datetime) -> datetime | None:
        for day in self._days(start.astimezone(self.zone).date()):
            for opens, closes in self._spans(day):
                if start < closes:
                    return max(start, opens)
        return None

    def _next_working_day(self, current: datetime) -> datetime:
        local = current.astimezone(self.zone)
        for day in self._days(local.date() + timedelta(days=1)):
            spans = self._spans(day)
            if spans:
                same = datetime.combine(day, local.time(), self.zone).astimezone(UTC)
                return min(max(same, spans[0][0]), spans[-1][1])
        return current + timedelta(days=1)

    def _open_time(self, current: datetime, rest: timedelta) -> datetime:
        for day in self._days(current.astimezone(self.zone).date()):
            for opens, closes in self._spans(day):
                begin = max(current, opens)
                if begin <= closes and rest <= closes - begin:
                    return begin + rest
                rest -= max(closes - begin, timedelta(0))
        return current + rest


def _end(day: date, closes: time, zone: ZoneInfo) -> datetime:
    """Midnight as a closing time is the end of the day."""
    if closes == time(0):
        return datetime.combine(day + timedelta(days=1), closes, zone).astimezone(UTC)
    return datetime.combine(day, closes, zone).astimezone(UTC)
