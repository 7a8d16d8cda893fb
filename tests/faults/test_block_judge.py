"""The judge of blocks sees each wrong that it is there for, in histories that were doctored to hold it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.block_judge import Change, Claim, Figures, Intent, judge

START = datetime(2026, 3, 1, tzinfo=UTC)
THEIRS = {"customer": "theirs"}
LATER = START + timedelta(seconds=200)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


CHANGES = [Change(at(1), "a", True), Change(at(101), "a", False)]
CLAIMS = [Claim("a", at(100), held=at(2))]
INTENTS = [Intent(at(0.5), "a", "hold"), Intent(at(100.5), "a", "lift")]


def figures(
    changes: list[Change] = CHANGES,
    claims: list[Claim] = CLAIMS,
    intents: list[Intent] = INTENTS,
    *,
    found: dict[str, object] | None = None,
    now: datetime = LATER,
) -> Figures:
    return judge(changes, claims, intents, foreign=(THEIRS, THEIRS if found is None else found), now=now)


def wrong(found: Figures) -> set[str]:
    return {name for name, value in vars(found).items() if value and name != "worst"}


def test_a_history_without_wrongs_is_clean() -> None:
    assert (figures().clean, figures().worst) == (True, 1.0)


@pytest.mark.parametrize(("down", "seen"), [(160, False), (161, True)])
def test_a_lift_more_than_a_minute_late_is_an_overrun(down: float, seen: bool) -> None:
    found = figures([CHANGES[0], Change(at(down), "a", False)])
    assert (wrong(found), found.worst) == ({"overrun"} if seen else set(), down - 100)


def test_a_block_given_back_early_that_stays_is_an_overrun_too() -> None:
    assert wrong(figures(claims=[replace(CLAIMS[0], released=at(20))])) == {"overrun"}


def test_what_stands_without_a_claim_is_orphaned() -> None:
    assert wrong(figures(CHANGES[:1], now=at(130))) == {"orphaned"}
    assert wrong(figures(CHANGES[:1], now=at(99))) == set()
    assert wrong(figures(CHANGES[:1], claims=[], now=at(30))) == {"orphaned"}
    assert wrong(figures(CHANGES[:1], now=at(170))) == {"orphaned", "overrun"}


def test_a_block_that_comes_again_after_its_end_is_orphaned() -> None:
    assert wrong(figures([*CHANGES, Change(at(120), "a", True)])) == {"orphaned", "overrun"}


def test_a_lift_while_somebody_holds_it() -> None:
    other = Claim("a", at(300), held=at(50))
    assert wrong(figures(claims=[*CLAIMS, other])) == {"lifted_while_held"}
    assert wrong(figures(claims=[*CLAIMS, replace(other, held=None)])) == set(), "nobody was told that it stands"
    assert wrong(figures(claims=[*CLAIMS, replace(other, released=at(90))])) == set()


def test_a_freeze_moves_the_end_of_what_it_keeps() -> None:
    kept = [replace(CLAIMS[0], kept=at(180))]
    assert wrong(figures(claims=kept)) == {"lifted_while_held"}, "nothing goes while a freeze is in force"
    found = figures([CHANGES[0], Change(at(185), "a", False)], kept)
    assert (wrong(found), found.worst) == (set(), 5.0)
    assert wrong(figures([CHANGES[0], Change(at(250), "a", False)], kept, now=at(300))) == {"overrun"}
    assert figures(claims=[replace(CLAIMS[0], kept=at(50))]).clean, (
        "a freeze that was over before its end keeps nothing"
    )


@pytest.mark.parametrize("found", [{}, {"customer": "ours"}, {**THEIRS, "new": 1}])
def test_entries_of_others(found: dict[str, object]) -> None:
    assert wrong(figures(found=found)) == {"foreign_changed"}


@pytest.mark.parametrize(
    "intents",
    [INTENTS[:1], INTENTS[1:], [replace(INTENTS[0], at=at(1.5)), INTENTS[1]], [replace(INTENTS[0], target="b")]],
)
def test_a_write_that_nothing_announced_is_unguarded(intents: list[Intent]) -> None:
    assert wrong(figures(intents=intents)) == {"unguarded"}


def test_a_reaping_is_a_lift_and_a_restoring_a_hold() -> None:
    assert figures(intents=[replace(INTENTS[0], verb="restore"), replace(INTENTS[1], verb="reap")]).clean
