"""The circuit breaker by itself: when it opens, who is told, and how it closes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stanch.guards.breaker import Breaker, BreakerRules, failed
from stanch.records import Records

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RULES = BreakerRules(failures=3, within=timedelta(minutes=10), rest=timedelta(minutes=30))


def after(*minutes: float) -> Breaker:
    breaker = Breaker()
    for minute in minutes:
        breaker = failed(breaker, NOW + timedelta(minutes=minute), RULES)
    return breaker


@pytest.mark.parametrize(
    ("minutes", "at", "is_open"),
    [
        ((0, 1), 2, False),
        ((0, 1, 2), 2, True),
        ((0, 1, 2), 31.9, True),
        ((0, 1, 2), 32, False),
        ((0, 5, 10), 10, False),  # the first is too old
        ((0, 5, 9.9), 10, True),
        ((0, 1, 2, 33), 34, True),  # one is enough after the rest
        ((0, 1, 2, 20, 25), 32, False),  # failures while it is open keep it open no longer
    ],
)
def test_it_opens_by_recent_failures_and_closes_by_time(minutes: tuple[float, ...], at: float, is_open: bool) -> None:
    assert after(*minutes).is_open(NOW + timedelta(minutes=at)) is is_open


@given(st.lists(st.integers(0, 200), max_size=30).map(sorted), st.integers(0, 100))
@settings(max_examples=200)
def test_it_is_open_exactly_when_a_count_by_hand_says_so(minutes: list[int], late: int) -> None:
    recent: list[int] = []
    until, has_opened = -1, False
    for minute in minutes:
        if minute < until:
            continue
        recent = [one for one in recent if one > minute - 10] + [minute]
        if has_opened or len(recent) >= 3:
            until, has_opened, recent = minute + 30, True, []
    at = (minutes[-1] if minutes else 0) + late
    assert after(*minutes).is_open(NOW + timedelta(minutes=at)) is (at < until)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    made = Records(f"sqlite:///{tmp_path}/records.db", b"a key for tests, 32 bytes long..")
    yield made
    made.close()


def test_opening_is_told_once_and_success_closes(records: Records) -> None:
    told = [records.change_failed(("point:edge", "playbook:p"), RULES, now=NOW) for _ in range(5)]
    assert told == [[], [], ["point:edge", "playbook:p"], [], []]
    assert records.change_worked(("point:edge",)) == ["point:edge"]
    assert records.change_worked(("point:edge", "point:other")) == []
    still = dict(records.guard_view().breakers)
    assert (list(still), still["playbook:p"].is_open(NOW)) == (["playbook:p"], True)


def test_a_success_between_failures_does_not_hide_them(records: Records) -> None:
    for _ in range(2):
        records.change_failed(("point:edge",), RULES, now=NOW)
        assert records.change_worked(("point:edge",)) == []
    assert records.change_failed(("point:edge",), RULES, now=NOW) == ["point:edge"]


def test_failures_of_many_workers_are_all_counted(records: Records) -> None:
    rules = BreakerRules(failures=16)
    told: list[str] = []
    work = [
        threading.Thread(target=lambda: told.extend(records.change_failed(("all",), rules, now=NOW))) for _ in range(16)
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert told == ["all"]
