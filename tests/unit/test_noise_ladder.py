"""The ladder: times by the clock of the promise, each rung once, stricter after a raise, over when somebody has it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.noise.ladder import due, ladder_of, next_at, raised_ladder, successors
from stanch.noise.words import Rung
from stanch.routing import load_routes
from stanch.views import ApiView, FindingView, OwnerView, RouteView

START = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday
FILE = """version: routing/v1
directory:
  users: {user:ana: {name: Ana, slack: U01ANA}}
  teams: {team:appsec: {lead: user:ana, slack: C0APPSEC}}
calendars:
  office: {timezone: UTC, open: [{days: [mon, tue, wed, thu, fri], from: "09:00", to: "17:00"}]}
sla:
  slow: {critical: {fix: 72h}, high: {fix: 10d, clock: business}, medium: {fix: none}}
escalations:
  steps: [{after: 50%, notify: [owner.lead]}, {after: 100%, notify: [owner], repeat: 4h, times: 3}]
default: {id: fallback, owner: team:appsec, sla: slow, escalation: steps, calendar: office}
"""


def rungs(severity: str) -> tuple[Rung, ...]:
    finding = FindingView.model_validate({"severity": severity, "api": ApiView(host="x.example.com")})
    return ladder_of(load_routes(FILE).route(finding, START).view, None, START)


def test_half_of_a_business_clock_is_half_of_its_working_days() -> None:
    half, whole, *repeats = rungs("high")
    assert half.at == datetime(2026, 3, 6, 17, tzinfo=UTC), "the end of the fifth working day"
    assert whole.at == datetime(2026, 3, 16, 9, tzinfo=UTC)
    assert [rung.at - whole.at for rung in repeats] == [timedelta(hours=4), timedelta(hours=8)]
    assert [rung.late for rung in rungs("high")] == [False, True, True, True]


def test_an_elapsed_clock_runs_through_the_night() -> None:
    assert [rung.at - START for rung in rungs("critical")][:2] == [timedelta(hours=36), timedelta(hours=72)]


def test_shares_of_no_deadline_are_no_times() -> None:
    assert rungs("medium") == ()


def test_a_raise_brings_every_rung_forward_and_repeats_none() -> None:
    old, new = rungs("high"), rungs("critical")
    stricter = raised_ladder(old, new)
    assert [rung.key for rung in stricter] == [rung.key for rung in old]
    assert all(now.at <= was.at for now, was in zip(stricter, old, strict=True))
    assert [rung.key for rung in due(stricter, ["0"], START + timedelta(days=4), acknowledged=False)] == ["1", "2", "3"]


def test_a_handed_over_case_is_asked_of_its_new_team() -> None:
    route = RouteView(owner=OwnerView(id="team:a", lead="user:ana"), assignee="user:maria")
    assert successors(route, "team:b") == {"user:maria": "team:b", "team:a": "team:b", "user:ana": "lead:team:b"}
    assert successors(route, "user:tom") == {"user:maria": "user:tom"}
    assert successors(route, "") == {}


@pytest.mark.parametrize(("acknowledged", "left"), [(False, ["0", "1", "2", "3"]), (True, ["1", "2", "3"])])
def test_whoever_takes_it_stops_what_is_before_the_deadline(acknowledged: bool, left: list[str]) -> None:
    far = START + timedelta(days=90)
    assert [rung.key for rung in due(rungs("high"), [], far, acknowledged=acknowledged)] == left


ladders = st.lists(
    st.builds(
        lambda hours, name, late: (START + timedelta(hours=hours), name, late),
        st.integers(0, 500),
        st.sampled_from(["user:a", "team:b"]),
        st.booleans(),
    ),
    max_size=8,
).map(lambda items: tuple(Rung(key=str(i), at=at, to=(to,), late=late) for i, (at, to, late) in enumerate(items)))


@given(ladders, st.lists(st.integers(0, 600), max_size=20), st.booleans())
def test_climbed_at_any_moments_each_rung_is_sent_once_and_none_early(
    ladder: tuple[Rung, ...], hours: list[int], acknowledged: bool
) -> None:
    sent: list[str] = []
    for hour in sorted(hours):
        now = START + timedelta(hours=hour)
        found = due(ladder, sent, now, acknowledged=acknowledged)
        assert all(rung.at <= now and rung.key not in sent for rung in found)
        sent += [rung.key for rung in found]
        following = next_at(ladder, sent, acknowledged=acknowledged)
        assert following is None or following > now
    assert len(sent) == len(set(sent))


@given(ladders, ladders)
def test_raised_twice_is_raised_once(old: tuple[Rung, ...], new: tuple[Rung, ...]) -> None:
    once = raised_ladder(old, new)
    assert raised_ladder(once, new) == once
    assert all(min(r.at for r in (*old, *new) if r.key == rung.key) == rung.at for rung in once)
