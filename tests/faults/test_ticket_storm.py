"""Thirty cases (three hundred in the long profile) through faulty trackers, working people and killed workers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.storm import storm

LONG = os.environ.get("STANCH_PROFILE") == "long"
CASES, KILLS = (300, 10) if LONG else (12, 1)
SEED = os.environ.get("STANCH_STORM_SEED", "s1")


@pytest.mark.timeout(1800)
def test_no_ticket_is_lost_doubled_or_at_odds_with_its_case(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    report = storm(tmp_path, cases=CASES, kills=KILLS, seed=SEED)
    print(report.text())
    record_property("figures", report.text())
    assert not report.missed, "people waited for what never came"
    assert report.kills == KILLS
    assert report.calls > 10 * CASES
    assert 0.1 < report.faults.total() / (report.calls + report.callbacks) < 0.5
    assert len(report.faults) >= (15 if LONG else 8), "many kinds of fault were met"
    assert report.verdict.counted["findings accepted"] == CASES
    assert report.verdict.clean, {kind: found for kind, found in report.verdict.harm.items() if found}
