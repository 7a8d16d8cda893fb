"""The timeline as people read it: shorter than the ledger, and never silent about what is not known."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from stanch.records import TimelineItem
from stanch.web.console.story import plain_duration, story

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def entry(seq: int, event: str, *, effect: str = "", uncertain: bool = False, **data: Any) -> TimelineItem:
    return TimelineItem(seq, AT, "stanch", event, "block", "e", effect, "", "", "", data, "", uncertain=uncertain)


def test_an_intent_is_told_by_its_outcome() -> None:
    entries = [
        entry(1, "block.scope.intent", effect="k"),
        entry(2, "block.scope.outcome", effect="k", outcome="CONFIRMED"),
    ]
    (line,) = story(entries)
    assert (line.title, line.brief) == ("block.scope", "confirmed")


def test_an_intent_without_an_outcome_stays_and_is_marked() -> None:
    (line,) = story([entry(1, "block.scope.intent", effect="k", uncertain=True)])
    assert line.title == "block.scope begun"
    assert line.uncertain


def test_an_uncertain_outcome_hides_nothing() -> None:
    lines = story(
        [
            entry(1, "ticket.create.intent", effect="k", uncertain=True),
            entry(2, "ticket.create.outcome", effect="k", uncertain=True, outcome="UNCERTAIN"),
        ]
    )
    assert [line.uncertain for line in lines] == [True, True]


def test_steps_are_told_only_where_they_did_not_go_well() -> None:
    lines = story([entry(1, "step.ok"), entry(2, "step.failed", reason="no answer")])
    assert [(line.title, line.brief) for line in lines] == [("Step failed", "no answer")]


def test_the_newest_line_comes_first_and_unknown_events_are_readable() -> None:
    lines = story([entry(1, "finding.accepted"), entry(2, "wait.over_due", reason="no\u202e answer")])
    assert [line.title for line in lines] == ["Wait over due", "Finding accepted"]
    assert "\u202e" not in lines[0].brief


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("PT2H", "2 h (PT2H)"),
        ("P1DT30M", "1 d 30 min (P1DT30M)"),
        ("P", "P"),
        ("PT", "PT"),
        ("/PT2H", "/PT2H"),
        ("2h", "2h"),
    ],
)
def test_durations_say_what_they_mean(text: str, shown: str) -> None:
    assert plain_duration(text) == shown
