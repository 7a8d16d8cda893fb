"""How long "not found" is doubted, and who waits: a thread for a little, Temporal for the rest."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from jira_support import connect
from servicenow_support import TRANSPORTS
from servicenow_support import connect as connect_now
from temporalio.testing import ActivityEnvironment
from ticket_support import draft

from activities._doubt import Doubt
from activities._errors import to_temporal
from stanch.errors import RetrySafe, Uncertain
from stanch.sandbox.jira import JiraStandin
from stanch.sandbox.servicenow import ServiceNowStandin


@pytest.fixture(scope="module")
def shared() -> Iterator[JiraStandin]:
    with JiraStandin() as standin:
        yield standin


@pytest.fixture
def jira(shared: JiraStandin) -> JiraStandin:
    shared.reset()
    return shared


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


@pytest.mark.parametrize(("past", "least", "most"), [(0, 0.15, 1), (30, 29, 32), (100, 20, 23), (119, 0.5, 4)])
def test_a_long_wait_is_temporals(jira: JiraStandin, past: float, least: float, most: float) -> None:
    """Each look comes after twice the time, the last when the window of 2 + 0.2 + 120 seconds is over."""
    tickets = connect(jira, settle=120, hold=0.2)
    begun = time.monotonic()
    with pytest.raises(Uncertain) as caught:
        tickets.ensure_ticket(draft(), uncertain_since=ago(past))
    assert time.monotonic() - begun < 2
    assert not caught.value.sent
    assert least <= (caught.value.retry_after or 0) <= most
    assert jira.issues() == []
    failure = to_temporal(caught.value)
    assert (failure.type, failure.non_retryable) == ("UNCERTAIN", False)
    assert failure.next_retry_delay == timedelta(seconds=max(1.0, caught.value.retry_after or 0))


def test_a_window_that_is_over_ends_the_doubt(jira: JiraStandin) -> None:
    assert connect(jira, settle=120).ensure_ticket(draft(), uncertain_since=ago(123)).key == "MOBP-1"


def test_what_comes_up_within_the_window_is_taken(jira: JiraStandin) -> None:
    connect(jira).ensure_ticket(draft())
    jira.index_lag = 1.0
    tickets = connect(jira, settle=120, hold=0)
    with pytest.raises(Uncertain):
        tickets.ensure_ticket(draft(), uncertain_since=ago(1))
    time.sleep(1.1)
    assert tickets.ensure_ticket(draft(), uncertain_since=ago(2)).key == "MOBP-1"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_servicenow_waits_the_same_way(transport: str) -> None:
    with ServiceNowStandin() as now:
        tickets = connect_now(now, transport=transport, settle=60, hold=0)
        with pytest.raises(Uncertain):
            tickets.ensure_ticket(draft(), uncertain_since=ago(5))
        assert now.records() == []


@pytest.mark.parametrize("seconds", [0, -5, 0.2])
def test_at_once_is_never_a_loop(seconds: float) -> None:
    assert to_temporal(RetrySafe("slow down", retry_after=seconds)).next_retry_delay == timedelta(seconds=1)


UNSURE = [[], [None], ["text"], [{"attempt": "open", "sent": ""}], [{"attempt": "ended", "sent": "x"}]]


@pytest.mark.parametrize("details", UNSURE)
def test_after_an_attempt_that_was_killed_nothing_earlier_is_believed(details: list[object]) -> None:
    from dataclasses import replace

    info = replace(ActivityEnvironment.default_info(), attempt=4, heartbeat_details=details)
    assert Doubt(info).since == info.current_attempt_scheduled_time
