"""Business time and rotations against a stepping clock, over changes of clocks in both hemispheres."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stanch.routing import Calendar, Opening, People, RouteTable, load_routes

MINUTE = timedelta(minutes=1)
CHANGES = {  # nights in which clocks change, with the zone's usual name
    "Europe/Berlin": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "America/Santiago": (date(2026, 4, 5), date(2026, 9, 6)),  # at midnight: a day begins at one o'clock
    "Australia/Lord_Howe": (date(2026, 4, 5), date(2026, 10, 4)),  # half an hour
    "Pacific/Auckland": (date(2026, 4, 5), date(2026, 9, 27)),
    "Asia/Kolkata": (date(2026, 6, 1),),
    "Pacific/Apia": (date(2011, 12, 30),),  # a day that never was
}


def shows(zone: ZoneInfo, moment: datetime, calendar: Calendar) -> bool:
    """The definition: the local clock shows a time within the hours of an open day."""
    local = moment.astimezone(zone)
    clock, day = local.time(), local.date()
    return day not in calendar.closed and any(
        each.weekday == day.weekday() and each.opens <= clock and (clock < each.closes or each.closes == time(0))
        for each in calendar.hours
    )


CLOCKS = st.integers(0, 95).map(lambda quarter: time(quarter // 4, quarter % 4 * 15))
SPANS = st.tuples(CLOCKS, CLOCKS).filter(lambda span: span[0] < span[1] or span[1] == time(0))
HOURS = st.lists(st.tuples(st.integers(0, 6), SPANS), min_size=1, max_size=6).map(
    lambda listed: tuple(Opening(day, *span) for day, span in listed)
)


@st.composite
def situations(draw: st.DrawFn) -> tuple[ZoneInfo, Calendar, datetime]:
    name = draw(st.sampled_from(sorted(CHANGES)))
    zone, night = ZoneInfo(name), draw(st.sampled_from(CHANGES[name]))
    closed = draw(st.sets(st.integers(-3, 3).map(lambda days: night + timedelta(days=days)), max_size=2))
    start = datetime.combine(night, time(0), UTC) + draw(st.integers(-3 * 1440, 2 * 1440)) * MINUTE
    return zone, Calendar(zone, draw(HOURS), frozenset(closed)), start


@settings(max_examples=150, deadline=None)
@given(situations(), st.integers(0, 23 * 60 + 59))
def test_open_time_agrees_with_a_clock_that_steps_by_minutes(
    situation: tuple[ZoneInfo, Calendar, datetime], minutes: int
) -> None:
    zone, calendar, start = situation
    due, moment, left = calendar.after(start, minutes * MINUTE), start, minutes
    for _ in range(21 * 1440):
        if shows(zone, moment, calendar):
            if left == 0:
                break
            left -= 1
            if left == 0:  # the end of the last open minute is the time
                moment += MINUTE
                break
        moment += MINUTE
    else:
        return  # hardly ever open
    assert due == moment


@settings(max_examples=100, deadline=None)
@given(situations())
def test_a_calendar_is_open_when_the_clock_says_so(situation: tuple[ZoneInfo, Calendar, datetime]) -> None:
    zone, calendar, start = situation
    for step in range(0, 2 * 1440, 7):
        moment = start + step * MINUTE
        assert calendar.is_open(moment) is shows(zone, moment, calendar), moment


@settings(max_examples=100, deadline=None)
@given(situations(), st.integers(1, 5))
def test_whole_days_are_working_days(situation: tuple[ZoneInfo, Calendar, datetime], days: int) -> None:
    zone, calendar, start = situation
    begun = calendar.after(start, timedelta(0))
    day, counted = begun.astimezone(zone).date(), 0
    while counted < days:
        day += timedelta(days=1)
        counted += bool(calendar.spans(day))
    due = calendar.after(start, timedelta(days=days))
    spans = calendar.spans(day)
    assert spans[0][0] <= due <= spans[-1][1]
    wanted, got = begun.astimezone(zone).time(), due.astimezone(zone).time()
    edges = {edge for span in spans for edge in span}  # where that time of day is not open
    assert got == wanted or due in edges or not _exists(zone, day, wanted)


def _exists(zone: ZoneInfo, day: date, clock: time) -> bool:
    there = datetime.combine(day, clock, zone)
    return there.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == there.replace(tzinfo=None)


@pytest.mark.parametrize(
    ("zone", "start", "span", "due"),
    [
        # Elapsed time is real time: a day with 23 or 25 hours changes nothing.
        ("Europe/Berlin", "2026-03-28T12:00:00+01:00", timedelta(hours=24), "2026-03-29T13:00:00+02:00"),
        ("America/New_York", "2026-10-31T12:00:00-04:00", timedelta(hours=24), "2026-11-01T11:00:00-05:00"),
    ],
)
def test_elapsed_deadlines_are_real_time(zone: str, start: str, span: timedelta, due: str) -> None:
    begun = datetime.fromisoformat(start).astimezone(ZoneInfo(zone))
    hours = int(span.total_seconds() // 3600)
    table = _table(f"sla: {{s: {{high: {{fix: {hours}h}}}}}}\n", default=", sla: s")
    from stanch.views import FindingView

    decision = table.route(FindingView.model_validate({"severity": "high"}), begun)
    assert decision.view.due == datetime.fromisoformat(due)


HEAD = """version: routing/v1
directory:
  users: {user:a: {name: A}, user:b: {name: B}, user:c: {name: C}}
  teams: {team:t: {lead: user:a}}
"""


def _table(extra: str = "", *, schedule: str = "", default: str = "") -> RouteTable:
    schedules = f"  schedules: {{schedule:s: {schedule}}}\n" if schedule else ""
    return load_routes(f"{HEAD}{schedules}default: {{id: d, owner: team:t{default}}}\n{extra}")


def _people(schedule: str) -> People:
    return _table(schedule=schedule).people


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(set(CHANGES) - {"Pacific/Apia"})), st.integers(0, 23), st.sampled_from([6, 12, 24, 168]))
def test_a_rotation_turns_once_at_each_local_time_and_never_back(zone: str, hour: int, every: int) -> None:
    night = CHANGES[zone][-1]
    start = datetime.combine(night - timedelta(days=3), time(hour), ZoneInfo(zone))
    turns_of = f"start: {start.isoformat()}, every: {every}h, members: [user:a, user:b, user:c]"
    people = _people(f"{{timezone: {zone}, rotation: {{{turns_of}}}}}")
    turns, before, moment = list[datetime](), "", start.astimezone(UTC)
    for _ in range(5 * 96):
        (now,) = people.resolve("schedule:s", moment)
        if now != before:
            following = {"": "user:a", "user:a": "user:b", "user:b": "user:c", "user:c": "user:a"}[before]
            assert now == following, "in order, and never back"
            turns.append(moment)
            before = now
        moment += timedelta(minutes=15)
    if every == 24:
        local = [each.astimezone(ZoneInfo(zone)) for each in turns[1:]]
        assert all(each.time() == time(hour) or not _exists(ZoneInfo(zone), each.date(), time(hour)) for each in local)


def test_rotations_with_hours_follow_the_sun_and_overrides_come_first() -> None:
    days = "days: [mon, tue, wed, thu, fri, sat, sun]"
    hours = f"timezone: Asia/Kolkata, hours: [{{{days}, from: '09:00', to: '18:00'}}]"
    east = f"{{start: 2026-01-05T00:00:00Z, every: 7d, members: [user:a], {hours}}}"
    west = "{start: 2026-01-05T00:00:00Z, every: 7d, members: [user:b, user:c]}"
    cover = "overrides: [{from: 2026-03-05T00:00:00Z, until: 2026-03-06T00:00:00Z, user: user:c}]"
    people = _people(f"{{rotations: [{east}, {west}], {cover}}}")
    asked = {
        "2026-03-04T05:00:00+00:00": "user:a",  # half past ten in Kolkata
        "2026-03-04T13:00:00+00:00": "user:b",
        "2026-03-05T05:00:00+00:00": "user:c",
        "2026-03-12T13:00:00+00:00": "user:c",
    }
    got = {when: people.resolve("schedule:s", datetime.fromisoformat(when))[0] for when in asked}
    assert got == asked
