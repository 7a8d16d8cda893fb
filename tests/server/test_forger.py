"""A forger against a whole Stanch, judged by ledgers alone; and the judge against ledgers that are wrong."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from forge_judge import Ledgers, findings
from forging import Battlefield, Forger, battlefield
from web_support import SECRET

from stanch.sandbox.temporal import EmbeddedTemporal

SAID = ("slack.pressed", "slack.responded")
LONG = os.environ.get("STANCH_PROFILE") == "long"
SEEDS, CASES = ((1, 2, 3, 4, 5), 20) if LONG else ((1,), 6)


@pytest.fixture(scope="module")
def field(temporal: EmbeddedTemporal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Battlefield]:
    with (
        pytest.MonkeyPatch.context() as patch,
        battlefield(tmp_path_factory.mktemp("battle"), temporal.address) as made,
    ):
        patch.setenv("STANCH_TEST_OWN", SECRET)
        yield made


@pytest.mark.parametrize("seed", SEEDS)
def test_a_forger_gets_nothing_and_no_decision_is_lost(field: Battlefield, seed: int) -> None:
    forger = Forger(field, seed=seed, cases=CASES)
    forger.fight()
    deadline = time.monotonic() + 60
    while (found := findings(forger.ledgers())) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert found == [], [line for line in field.slack.ledger.entries() if line["event"] in SAID]
    kinds = {click["kind"] for click in forger.clicks}
    assert len(kinds) >= 5, kinds
    assert forger.ledgers().vendor, "nothing was ever done, so nothing was shown"
    assert field.records.verify().ok


# -- the judge --------------------------------------------------------------------------------------------------------

CLICK = {"case": "c1", "who": "user:maria", "verdict": "approve", "kind": "genuine"}
VOTE: dict[str, Any] = {"principal": "user:maria", "verdict": "approve", "accepted": True}
GOOD = Ledgers(
    forger=[CLICK, CLICK | {"case": "c2", "kind": "outsider", "who": "user:eve"}],
    slack=[
        {"event": "slack.pressed", "user": "U1", "status": 200},
        {"event": "slack.responded", "to": "U1", "message": {"text": "Approved by Maria."}},
        {"event": "slack.pressed", "user": "U9", "status": 401},
    ],
    vendor=[{"event": "put", "case": "c1", "lease": "l1", "path": "/one"}],
    ours=[{"case": "c1", "event": "approval.vote", "data": VOTE}],
    asked={"c1": "/one", "c2": "/two"},
)


def with_lines(name: str, *lines: dict[str, Any]) -> Callable[[Ledgers], Ledgers]:
    return lambda good: replace(good, **{name: [*getattr(good, name), *copy.deepcopy(lines)]})


def without(name: str, index: int) -> Callable[[Ledgers], Ledgers]:
    return lambda good: replace(good, **{name: [one for at, one in enumerate(getattr(good, name)) if at != index]})


PUT: dict[str, Any] = dict(GOOD.vendor[0])
DOCTORED: dict[str, tuple[Callable[[Ledgers], Ledgers], str]] = {
    "a change nobody meant": (with_lines("vendor", PUT | {"case": "c2", "path": "/two"}), "nobody meant it"),
    "a change by a forged click": (without("forger", 0), "nobody meant it"),
    "a change without a vote": (without("ours", 0), "without consent"),
    "a change against a no": (
        with_lines("ours", {"case": "c1", "event": "approval.vote", "data": VOTE | {"verdict": "deny"}}),
        "without consent",
    ),
    "a wider change": (lambda good: replace(good, vendor=[PUT | {"path": "/**"}]), "was asked"),
    "a lost click": (with_lines("forger", CLICK | {"case": "c2"}), "no vote was counted"),
    "a lost change": (without("vendor", 0), "nothing was done"),
    "a second change": (with_lines("vendor", PUT | {"lease": "l2"}), "changed twice"),
    "a vote from nowhere": (
        with_lines("ours", {"case": "c1", "event": "approval.vote", "data": VOTE | {"principal": "user:eve"}}),
        "nobody meant",
    ),
    "a second decision": (
        with_lines("ours", {"case": "c1", "event": "approval.vote", "data": VOTE}),
        "more than once",
    ),
    "silence": (without("slack", 1), "was told 0 times"),
    "an empty answer": (
        lambda good: replace(good, slack=[good.slack[0], good.slack[1] | {"message": {"text": ""}}]),
        "was told 0 times",
    ),
    "an error": (with_lines("slack", {"event": "slack.pressed", "user": "U2", "status": 500}), "answered with 500"),
}


def test_the_judge_has_nothing_against_what_is_right() -> None:
    assert findings(GOOD) == []


@pytest.mark.parametrize("wrong", DOCTORED)
def test_the_judge_finds_what_is_wrong(wrong: str) -> None:
    doctor, words = DOCTORED[wrong]
    assert any(words in found for found in findings(doctor(GOOD))), findings(doctor(GOOD))
