"""Taking deliveries in: who is new, what is only counted, when a source storms; one transaction for many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from stanch.errors import DependencyError
from stanch.records import (
    Arrival,
    Conflict,
    FindingRow,
    Finish,
    Item,
    Kept,
    Names,
    New,
    Placed,
    Quarantined,
    Records,
    Repeat,
    Taken,
)
from stanch.records.columns import encoded
from stanch.records.places import Place
from stanch.sealing import MasterKeys, Original

START = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    made = Records(f"sqlite:///{tmp_path / 'r.db'}", b"k" * 32)
    yield made
    made.close()


KEYS = MasterKeys(b"m" * 32)


def take(records: Records, arrivals: Sequence[Arrival]) -> list[Taken]:
    taken = records.look(arrivals)
    records.keep([found for found in taken if found.arrival], keys=KEYS, keep=timedelta(days=1))
    return taken


def item(case: str, *, content: str = "c1", status: str = "open", count: int = 1, name: str = "") -> Item:
    row = FindingRow(case_id=case, finding_id=name or f"fnd-{case}", source="s", at=START, body={"a": 1})
    return Item(row, Names("s", calculated=(f"identity-{case}",)), content, status, count=count)


def arrival(name: str, *items: Item, at: datetime = START, **more: Any) -> Arrival:
    return Arrival("s", name, more.pop("digest", "digest"), at, items, **more)


def finished(
    records: Records, arrived: Arrival, taken: Taken, *, due: Sequence[tuple[str, datetime]] = (), storm: bool = False
) -> None:
    told = [
        (place.case_id, one.content, one.status)
        for one, place in zip(arrived.items, taken.placed, strict=True)
        if place.signal
    ]
    answer = Finish("s", arrived.delivery_id, encoded({"results": []}), arrived.at, tuple(told), tuple(due), storm)
    records.finish([answer])


def through(records: Records, arrived: Arrival) -> Taken:
    (taken,) = take(records, [arrived])
    finished(records, arrived, taken, due=[(place.case_id, place.due) for place in taken.placed if place.due])
    return taken


def test_a_delivery_is_new_once_then_a_repeat_and_with_another_body_a_conflict(records: Records) -> None:
    first = arrival("d", item("a"))
    taken = through(records, first)
    assert (taken.before, taken.placed) == (New(), (Placed("a"),))
    (again, other) = take(records, [first, arrival("d", item("a"), digest="another")])
    assert (again.before, again.placed) == (Repeat({"results": []}, True), ())
    assert isinstance(other.before, Conflict)


def test_of_equal_deliveries_in_one_batch_one_is_new_and_the_other_unfinished(records: Records) -> None:
    one, two = take(records, [arrival("d", item("a")), arrival("d", item("a"))])
    assert (one.before, two.before) == (New(), Repeat(None, False))
    assert len(records.findings("a")) == 1


def test_a_delivery_that_never_got_an_answer_is_placed_again(records: Records) -> None:
    take(records, [arrival("d", item("a"))])
    (again,) = take(records, [arrival("d", item("a"))])
    assert (again.before, again.placed) == (Repeat(None, False), (Placed("a"),))


def test_an_identical_repeat_is_counted_for_half_a_minute_and_told_when_that_ends(records: Records) -> None:
    through(records, arrival("d0", item("a")))
    soon = START + timedelta(seconds=10)
    (place,) = through(records, arrival("d1", item("a", count=4), at=soon)).placed
    assert place == Placed("a", signal=False, due=START + timedelta(seconds=30))
    (place,) = through(records, arrival("d2", item("a"), at=soon)).placed
    assert place == Placed("a", signal=False), "the timer is arranged already"
    assert records.held("a")[0] == 5
    (place,) = through(records, arrival("d3", item("a"), at=START + timedelta(seconds=31))).placed
    assert place == Placed("a", held=5)
    assert records.held("a")[0] == 0


@pytest.mark.parametrize("change", [{"content": "c2"}, {"status": "resolved"}])
def test_what_says_something_new_is_told_at_once(records: Records, change: dict[str, str]) -> None:
    through(records, arrival("d0", item("a")))
    assert through(records, arrival("d1", item("a", **change))).placed == (Placed("a"),)


def test_nothing_is_held_back_before_its_case_has_been_told_for_sure(records: Records) -> None:
    take(records, [arrival("d0", item("a"))])  # and then Temporal did not take it
    assert take(records, [arrival("d1", item("a"))])[0].placed == (Placed("a"),)


def test_a_timer_that_was_never_set_is_asked_for_again(records: Records) -> None:
    through(records, arrival("d0", item("a")))
    (taken,) = take(records, [arrival("d1", item("a"))])
    finished(records, arrival("d1", item("a")), taken)  # without the due time: it could not be arranged
    assert through(records, arrival("d2", item("a"))).placed[0].due is not None


def test_held_repeats_are_spoken_for_by_one_signal_only_and_given_back_when_it_fails(records: Records) -> None:
    through(records, arrival("d0", item("a")))
    through(records, arrival("d1", item("a", count=7)))
    one, two = take(records, [arrival("d2", item("a", content="x")), arrival("d3", item("a", content="y"))])
    assert [taken.placed[0].held for taken in (one, two)] == [7, 0]
    assert records.held("a")[0] == 0
    records.give_back(one.placed)
    assert records.held("a")[0] == 7


def kept(records: Records, *arrivals: Arrival) -> list[Kept]:
    return records.keep(records.look(arrivals), keys=KEYS, keep=timedelta(days=1))


def test_a_storm_is_told_once_and_ends_by_itself(records: Records) -> None:
    def batch(name: str, count: int, at: datetime) -> Kept:
        items = tuple(item(f"{name}-{number}") for number in range(count))
        arrived = arrival(name, *items, at=at, storm_limit=10)
        (taken,) = records.look([arrived])
        (seen,) = records.keep([taken], keys=KEYS, keep=timedelta(days=1))
        finished(records, arrived, taken, storm=seen.storm)
        return seen

    assert batch("a", 10, START) == Kept(storm=False, fresh=10)
    assert not records.storming("s", START)
    assert batch("b", 1, START) == Kept(storm=True, fresh=11)
    assert not batch("c", 20, START + timedelta(minutes=1)).storm, "it has been told"
    assert records.storming("s", START + timedelta(minutes=10))
    assert not records.storming("s", START + timedelta(minutes=12))
    assert batch("d", 11, START + timedelta(minutes=30)).storm


def test_of_deliveries_kept_together_one_tells_of_the_storm(records: Records) -> None:
    came = [arrival(f"d{number}", item(f"c{number}"), storm_limit=3) for number in range(5)]
    assert [seen.storm for seen in kept(records, *came)] == [True, False, False, False, False]


def test_known_problems_and_words_of_a_fix_are_no_storm(records: Records) -> None:
    items = tuple(item(f"k-{number}") for number in range(8))
    for name in ("a", "b", "c"):
        assert not kept(records, arrival(name, *items, storm_limit=10))[0].storm
    closed = tuple(replace(item(f"r-{n}"), status="resolved", opens=False) for n in range(50))
    assert not kept(records, arrival("d", *closed, storm_limit=10))[0].storm


def test_all_of_a_batch_or_nothing(records: Records) -> None:
    bad = Quarantined("q", "s", START, "invalid", "m", "{}")
    object.__setattr__(bad, "body", object())  # what no column takes
    with pytest.raises((DependencyError, TypeError, AttributeError)):
        take(records, [arrival("d0", item("a")), arrival("d1", item("b"), quarantined=(bad,))])
    assert records.findings("a") == []
    assert take(records, [arrival("d0", item("a"))])[0].before == New()


def test_the_body_is_kept_for_the_cases_it_turned_out_to_be_about(records: Records) -> None:
    original = Original("s", "d", b"the body", "application/json", START)
    kept(records, arrival("d", item("a"), item("b"), original=original))
    opened = records.open_original("s", "d", actor="user:ana", reason="test", at=START, keys=KEYS)
    assert (opened.body, opened.holders) == (b"the body", ("a", "b"))


def test_a_problem_keeps_its_case_when_its_template_or_its_id_changes(records: Records) -> None:
    through(records, arrival("d0", item("a")))
    moved = replace(
        item("b"), names=Names("s", stable="id-7", calculated=("identity-new", "identity-a"), guessed=False)
    )
    assert through(records, arrival("d1", moved)).placed[0].case_id == "a"
    known = replace(item("c"), names=Names("s", stable="id-7", calculated=("identity-c",)))
    assert through(records, arrival("d2", known)).placed[0].case_id == "a"
    assert len(records.findings("a")) == 3


def test_writing_the_same_down_twice_changes_nothing(records: Records) -> None:
    taken = records.look([arrival("d", item("a"))])
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: records.keep(taken, keys=KEYS, keep=timedelta(days=1)), range(8)))
    assert len(records.findings("a")) == 1
    assert records.look([arrival("d", item("a"))])[0].before == Repeat(None, False)


def test_looking_writes_nothing(records: Records) -> None:
    assert records.look([arrival("d", item("a"))])[0].before == New()
    assert records.look([arrival("d", item("a"))])[0].before == New()
    assert records.findings("a") == []


def test_both_sides_of_a_story_in_one_batch_are_near_each_other(records: Records) -> None:
    attack, weakness = (
        replace(item(kind), kind=kind, place=Place(kind, kind, "api.example.com", "GET", path, "", START))
        for kind, path in (("attack", "/o/{id}"), ("weakness", "/o/{order}"))
    )
    apart = replace(item("w2"), place=Place("w2", "weakness", "api.example.com", "GET", "/p", "", START))
    found = records.look([arrival("d0", attack), arrival("d1", weakness), arrival("d2", apart)])
    assert [taken.near for taken in found] == [True, True, False]
    records.keep(found[1:2], keys=KEYS, keep=timedelta(days=1))
    assert records.look([arrival("d3", replace(attack, names=Names("s", calculated=("other",))))])[0].near


@pytest.mark.parametrize(
    ("came", "level"),
    [
        (arrival("d", item("new")), "NORMAL"),
        (arrival("d", item("a")), "FULL"),  # only counted: no case knows of it
        (arrival("d", quarantined=(Quarantined("q", "s", START, "invalid", "m", "{}"),)), "FULL"),
    ],
)
def test_the_disk_is_waited_for_where_nobody_else_has_what_came(
    records: Records, came: Arrival, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    through(records, arrival("d0", item("a")))
    records.keep([], keys=KEYS, keep=timedelta(days=1))  # the connection is at NORMAL
    said: list[str] = []
    event.listen(records._engine, "before_cursor_execute", lambda *given: said.append(given[2]))
    taken = records.look([came])
    records.keep(taken, keys=KEYS, keep=timedelta(days=1))
    changes = [line.rpartition("=")[2] for line in said if "synchronous" in line]
    assert changes == ([level] if level == "FULL" else [])
