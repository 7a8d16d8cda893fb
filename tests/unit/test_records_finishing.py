"""Answers of earlier deliveries that are kept together with new ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from arrival_support import KEYS

from stanch.errors import DependencyError
from stanch.records import Arrival, FindingRow, Finish, Item, Kept, Names, Placed, Quarantined, Records, Repeat, Taken
from stanch.records.columns import encoded

START = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
SOON = START + timedelta(seconds=5)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    made = Records(f"sqlite:///{tmp_path / 'r.db'}", b"k" * 32)
    yield made
    made.close()


def arrival(name: str, case: str, *, at: datetime = START, quarantined: tuple[Quarantined, ...] = ()) -> Arrival:
    row = FindingRow(case_id=case, finding_id=f"f-{name}", source="s", at=at, body={})
    item = Item(row, Names("s", calculated=(f"identity-{case}",)), "content", "open")
    return Arrival("s", name, "digest", at, (item,), quarantined, storm_limit=1)


def answer(name: str, case: str, *, at: datetime = START, storm: bool = False) -> Finish:
    return Finish("s", name, encoded({"case": case}), at, ((case, "content", "open"),), storm=storm)


def keep(records: Records, taken: list[Taken], *finished: Finish) -> list[Kept]:
    return records.keep(taken, keys=KEYS, keep=timedelta(days=1), finished=finished)


def test_they_are_what_a_repeat_is_told(records: Records) -> None:
    keep(records, records.look([arrival("d0", "a")]))
    keep(records, records.look([arrival("d1", "b")]), answer("d0", "a"))
    told = [taken.before for taken in records.look([arrival("d0", "a"), arrival("d1", "b")])]
    assert told == [Repeat({"case": "a"}, True), Repeat(None, False)]


def test_they_can_be_kept_with_nothing_new(records: Records) -> None:
    keep(records, records.look([arrival("d0", "a")]))
    assert keep(records, [], answer("d0", "a")) == []
    assert records.look([arrival("d0", "a")])[0].before == Repeat({"case": "a"}, True)


def test_the_first_answer_stays(records: Records) -> None:
    keep(records, records.look([arrival("d0", "a")]))
    records.finish([answer("d0", "a")])
    keep(records, [], answer("d0", "other"))
    assert records.look([arrival("d0", "a")])[0].before == Repeat({"case": "a"}, True)


def test_what_their_cases_were_told_counts_for_the_deliveries_after_them(records: Records) -> None:
    keep(records, records.look([arrival("d0", "a")]))
    keep(records, records.look([arrival("d1", "b")]), answer("d0", "a"))
    (taken,) = records.look([arrival("d2", "a", at=SOON)])
    assert taken.placed == (Placed("a", signal=False, due=START + timedelta(seconds=30)),)
    keep(records, [taken], answer("d1", "b"))
    assert records.held("a")[0] == 1


def test_a_storm_they_told_of_is_not_told_again(records: Records) -> None:
    taken = records.look([arrival("d0", "a"), arrival("d1", "b")])
    assert [seen.storm for seen in keep(records, taken)] == [True, False]
    (seen,) = keep(records, records.look([arrival("d2", "c")]), answer("d0", "a", storm=True))
    assert (seen.storm, seen.fresh) == (False, 3)


def test_all_of_it_or_nothing(records: Records) -> None:
    keep(records, records.look([arrival("d0", "a")]))
    bad = Quarantined("q", "s", START, "invalid", "m", "{}")
    object.__setattr__(bad, "body", object())  # what no column takes
    taken = records.look([arrival("d1", "b", quarantined=(bad,))])
    with pytest.raises(DependencyError):
        keep(records, taken, answer("d0", "a"))
    assert records.look([arrival("d0", "a")])[0].before == Repeat(None, False)
