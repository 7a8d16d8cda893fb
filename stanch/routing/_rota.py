"""Who is on call: overrides, rotations that turn at local times, and the times that nobody covers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from stanch.routing._calendar import Calendar, hours_of
from stanch.routing._directory import Rotation, Schedule

_WEEKS = 53  # a whole year: two zones may change their clocks on different days


def on_call(schedule: Schedule, now: datetime) -> tuple[str, ...]:
    """Who is asked now, in order: the override, then whose turn it is, then the others of the same rotation."""
    covers = [cover.user for cover in schedule.overrides if cover.start <= now < cover.until]
    for rotation in schedule.turns:
        members = _turn(schedule, rotation, now)
        if members:
            return tuple(dict.fromkeys((*covers, *members)))
    return tuple(covers)


def _turn(schedule: Schedule, rotation: Rotation, now: datetime) -> tuple[str, ...]:
    """The rotation turns at the same local time, whatever summer time does."""
    zone = ZoneInfo(rotation.timezone or schedule.timezone)
    begun = rotation.start.astimezone(zone).replace(tzinfo=None)
    turn = (now.astimezone(zone).replace(tzinfo=None) - begun) // rotation.every
    following = (begun + (turn + 1) * rotation.every).replace(tzinfo=zone)
    turn += following.astimezone(UTC) <= now  # when clocks are put back, a turn that has come stays
    if now < rotation.start or not _covers(rotation, zone, now):
        return ()
    first = turn % len(rotation.members)
    return rotation.members[first:] + rotation.members[:first]


def _covers(rotation: Rotation, zone: ZoneInfo, now: datetime) -> bool:
    return not rotation.hours or Calendar(zone, hours_of(rotation.hours)).is_open(now)


def gap(schedule: Schedule, since: datetime) -> datetime | None:
    """The first time within a year after `since` at which no rotation covers, None where there is none.

    Coverage can only end where opening hours do, so that only those times are looked at.
    """
    start = max((since, min(rotation.start for rotation in schedule.turns)))
    for moment in (start, *_ends(schedule.turns, ZoneInfo(schedule.timezone), start)):
        if moment >= start and not any(_turn(schedule, rotation, moment) for rotation in schedule.turns):
            return moment
    return None


def _ends(rotations: Iterable[Rotation], zone: ZoneInfo, start: datetime) -> Iterator[datetime]:
    first: date = start.date() - timedelta(days=1)
    days = [first + timedelta(days=offset) for offset in range(7 * _WEEKS)]
    calendars = [
        Calendar(ZoneInfo(rotation.timezone) if rotation.timezone else zone, hours_of(rotation.hours))
        for rotation in rotations
    ]
    yield from sorted({closes for each in calendars for day in days for _, closes in each.spans(day)})
