"""Local clocks against real time: which instants of a day show which time, also on days when clocks are changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_FAR = timedelta(hours=27)  # no zone has ever been further from UTC, with some hours to spare
_STEP = timedelta(hours=9)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Stretch:
    """Instants [start, end) in which a zone keeps the same offset from UTC."""

    start: datetime
    end: datetime
    offset: timedelta


@lru_cache(maxsize=8_192)
def stretches(zone: ZoneInfo, day: date) -> tuple[Stretch, ...]:
    """The stretches around a local day, in order."""
    first = datetime.combine(day, time(0), UTC) - _FAR
    last = datetime.combine(day, time(0), UTC) + _DAY + _FAR
    cuts, at = [first], first
    while at < last:
        following = min(at + _STEP, last)
        if _offset(zone, at) != _offset(zone, following):
            cuts.append(_change(zone, at, following))
        at = following
    edges = [*cuts, last]
    return tuple(Stretch(start, end, _offset(zone, start)) for start, end in pairwise(edges) if start < end)


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def _change(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """The first second after a change of clocks."""
    before = _offset(zone, low)
    while high - low > _SECOND:
        middle = low + timedelta(seconds=(high - low) // _SECOND // 2)
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    return high


def showing(zone: ZoneInfo, day: date, *, since: time, until: time) -> list[tuple[datetime, datetime]]:
    """Spans [from, to) in which the clock shows a time of [since, until) on that day; midnight as an end is 24:00."""
    start = datetime.combine(day, since, UTC)
    end = datetime.combine(day, until, UTC) + (_DAY if until == time(0) else timedelta(0))
    found = [(max(start - each.offset, each.start), min(end - each.offset, each.end)) for each in stretches(zone, day)]
    return merged([span for span in found if span[0] < span[1]])


def first_showing(zone: ZoneInfo, day: date, clock: time) -> datetime:
    """The first instant of a day at which its clock shows this time or a later one."""
    spans = showing(zone, day, since=clock, until=time(0))
    return spans[0][0] if spans else datetime.combine(day, clock, zone).astimezone(UTC)


def merged(spans: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """The same time in order, each moment once."""
    found: list[tuple[datetime, datetime]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
