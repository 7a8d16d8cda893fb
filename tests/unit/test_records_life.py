"""Full reports close what is gone and nothing else; what is put away ends; attack and weakness find each other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.affinity import compatible, operation
from stanch.records import CaseRow, FindingRow, Records, Suppression, link_entries
from stanch.records.links import uses

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
_COUNT = itertools.count()


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    made = Records(f"sqlite:///{tmp_path_factory.mktemp('life')}/records.db", b"0123456789abcdef")
    yield made
    made.close()


# -- full reports


def reported(
    records: Records, scope: str, number: int, *present: str, source: str = "zap", name: str = ""
) -> list[str]:
    at = NOW + number * HOUR
    return list(records.full_report(source, scope, delivery_id=name or f"d{number}", present=present, at=at))


@pytest.fixture
def scope() -> str:
    return f"scope-{next(_COUNT)}"


def test_only_the_second_report_without_it_in_a_row_closes(records: Records, scope: str) -> None:
    assert reported(records, scope, 1, "a", "b") == []
    assert reported(records, scope, 2, "a") == []
    assert reported(records, scope, 3, "a") == ["b"]
    assert reported(records, scope, 4, "a") == []  # told once


def test_coming_back_in_between_starts_the_count_again(records: Records, scope: str) -> None:
    for number, present in enumerate([("a",), (), ("a",), ()]):
        assert reported(records, scope, number, *present) == []
    assert reported(records, scope, 9) == ["a"]


def test_a_clean_scan_counts_as_a_full_report(records: Records, scope: str) -> None:
    reported(records, scope, 1, "a", "b")
    assert reported(records, scope, 2) == []
    assert reported(records, scope, 3) == ["a", "b"]


def test_a_repeated_delivery_counts_once_and_gives_its_answer_again(records: Records, scope: str) -> None:
    reported(records, scope, 1, "a")
    for _ in range(3):
        assert reported(records, scope, 2, name="same") == []
    assert reported(records, scope, 3) == ["a"]
    assert reported(records, scope, 3) == ["a"]


def test_an_older_report_that_comes_late_changes_nothing(records: Records, scope: str) -> None:
    reported(records, scope, 5, "a")
    assert reported(records, scope, 6) == []
    assert reported(records, scope, 4, "a", name="late with it") == []
    assert reported(records, scope, 3, name="late without it") == []
    assert reported(records, scope, 6, name="of the same moment") == []
    assert reported(records, scope, 7) == ["a"]


def test_scopes_and_sources_are_apart(records: Records, scope: str) -> None:
    reported(records, scope, 1, "a")
    reported(records, scope, 2, source="other")
    reported(records, f"{scope}x", 2)
    assert reported(records, scope, 3) == []
    assert reported(records, scope, 4) == ["a"]


def test_a_full_report_is_part_of_the_callers_transaction(records: Records, scope: str) -> None:
    reported(records, scope, 1, "a")

    def broken_off() -> None:
        with records._write() as db:
            records.full_report("zap", scope, delivery_id="half", present=(), at=NOW + 2 * HOUR, db=db)
            raise RuntimeError

    for _ in range(2):
        with pytest.raises(RuntimeError):
            broken_off()
    assert reported(records, scope, 3) == []
    assert reported(records, scope, 4) == ["a"]


def test_answers_are_forgotten_and_counts_are_not(records: Records, scope: str) -> None:
    reported(records, scope, 1, "a")
    reported(records, scope, 2)
    assert records.forget_full_reports(NOW + timedelta(days=60)) >= 2
    assert reported(records, scope, 2) == []  # no newer than what was counted
    assert reported(records, scope, 3) == ["a"]


@given(st.lists(st.tuples(st.sets(st.sampled_from("abc")), st.integers(0, 8)), max_size=12))
def test_closing_follows_the_plain_rule(records: Records, sent: list[tuple[set[str], int]]) -> None:
    """Against a model: of the reports that were newest when they came, a case is missing from two in a row."""
    scope, newest, misses = f"scope-{next(_COUNT)}", -1, dict[str, int]()
    for place, (present, moment) in enumerate(sent):
        wanted: list[str] = []
        if moment > newest:
            newest = moment
            misses |= dict.fromkeys(present, 0)
            for case_id in sorted(set(misses) - present):
                misses[case_id] += 1
                if misses[case_id] == 2:
                    wanted.append(case_id)
                    del misses[case_id]
        assert reported(records, scope, moment, *present, name=f"n{place}") == wanted


# -- what is put away


def away(case_id: str, **more: Any) -> Suppression:
    given_ = {"kind": "risk_accepted", "until": NOW + 24 * HOUR, "reason": "planned", "by": "user:ana", "at": NOW}
    return Suppression(case_id, **{**given_, **more})


def test_what_is_put_away_ends_on_its_day(records: Records) -> None:
    assert records.suppress(away("s-1"))
    found = records.suppressions_of(["s-1", "s-2"], NOW + HOUR)
    assert list(found) == ["s-1"]
    assert found["s-1"].words == "risk accepted until 2026-05-06 by user:ana"
    assert records.suppressions_of(["s-1"], NOW + 24 * HOUR) == {}


def test_an_accepted_risk_covers_no_attack() -> None:
    assert [away("s").covers(kind) for kind in ("attack", "weakness")] == [False, True]
    assert away("s", kind="false_positive").covers("attack")


def test_a_later_word_replaces_an_earlier_one_and_not_the_other_way(records: Records) -> None:
    records.suppress(away("s-3", at=NOW + HOUR, kind="false_positive"))
    assert not records.suppress(away("s-3"))
    assert records.suppressions_of(["s-3"], NOW)["s-3"].kind == "false_positive"


def test_writing_it_again_does_not_forget_the_attack(records: Records) -> None:
    records.suppress(away("s-4"))
    assert records.contradict("s-4", by="attack-1", at=NOW)
    assert not records.contradict("s-4", by="attack-2", at=NOW)
    records.suppress(away("s-4"))
    assert records.suppressions_of(["s-4"], NOW)["s-4"].contradicted_by == "attack-1"


def test_taking_it_back_cannot_be_undone_by_who_still_knows_it(records: Records) -> None:
    records.suppress(away("s-5"))
    assert records.unsuppress("s-5", by="user:tom", at=NOW + HOUR)
    assert not records.suppress(away("s-5"))
    assert records.suppressions_of(["s-5"], NOW + 2 * HOUR) == {}
    assert not records.unsuppress("s-5", by="user:tom", at=NOW + 2 * HOUR)


# -- links


def finding(case_id: str, kind: str = "weakness", **more: Any) -> FindingRow:
    api = {"host": more.pop("host"), "method": "GET", "path": "/users/7", "path_template": "/users/{id}"}
    body = {"kind": kind, "api": api | more.pop("api", {}), "owasp_api": ["API1:2023"], **more.pop("body", {})}
    return FindingRow(case_id, f"f-{case_id}", "own", more.pop("at", NOW), body)


@pytest.fixture
def host() -> str:
    return f"h{next(_COUNT)}.example.com"


def others(records: Records, case_id: str, now: datetime = NOW) -> list[str]:
    return [link.other for link in records.links(case_id, now)]


def close(records: Records, case_id: str, *, closed: datetime | None = NOW) -> None:
    row = CaseRow(case_id, 1, opened=NOW, updated=NOW, closed=closed, title="t", owner="team:shop", state="closed")
    records.put_case(row)


@pytest.mark.parametrize("kind", ["weakness", "exposure", "policy_gap"])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_attack_and_weakness_on_one_operation_are_linked_once(
    records: Records, host: str, kind: str, order: tuple[int, int]
) -> None:
    rows = [finding(f"w-{host}", kind, host=host), finding(f"a-{host}", "attack", host=host)]
    assert records.connect_findings([rows[order[0]]]) == []
    new = records.connect_findings([rows[order[1]]])
    assert {(link.case_id, link.other) for link in new} == {(f"w-{host}", f"a-{host}"), (f"a-{host}", f"w-{host}")}
    assert records.connect_findings(rows) == []
    assert others(records, f"a-{host}") == [f"w-{host}"]


def test_both_in_one_delivery_are_linked(records: Records, host: str) -> None:
    rows = [finding(f"w-{host}", host=host), finding(f"a-{host}", "attack", host=host)]
    assert len(records.connect_findings(rows)) == 2


@pytest.mark.parametrize(
    ("api", "linked"),
    [
        ({}, True),
        ({"path_template": "/users/{p}"}, True),
        ({"method": ""}, True),
        ({"method": "POST"}, False),
        ({"path_template": "/orders/{id}"}, False),
        ({"path_template": "/users/{id}/x"}, False),
        ({"host": "elsewhere.example.com"}, False),
    ],
)
def test_the_operation_decides(records: Records, host: str, api: dict[str, str], linked: bool) -> None:
    records.connect_findings([finding(f"w-{host}", host=host)])
    records.connect_findings([finding(f"a-{host}", "attack", host=host, api=api)])
    assert others(records, f"a-{host}") == ([f"w-{host}"] if linked else [])


def test_two_attacks_or_two_weaknesses_are_not_linked(records: Records, host: str) -> None:
    rows = [finding(f"{kind}{n}-{host}", kind, host=host, at=NOW) for kind in ("attack", "weakness") for n in (1, 2)]
    records.connect_findings(rows)
    assert sorted(others(records, f"attack1-{host}")) == [f"weakness1-{host}", f"weakness2-{host}"]


def test_what_is_a_test_is_linked_to_nothing(records: Records, host: str) -> None:
    records.connect_findings([finding(f"w-{host}", host=host, body={"is_test": True})])
    assert records.connect_findings([finding(f"a-{host}", "attack", host=host)]) == []


@pytest.mark.parametrize(
    ("closed", "accepted", "linked"),
    [(NOW, False, False), (None, False, True), (NOW, True, True)],
)
def test_after_a_day_only_what_is_still_there_is_linked(
    records: Records, host: str, closed: datetime | None, accepted: bool, linked: bool
) -> None:
    weak = f"w-{host}"
    records.connect_findings([finding(weak, host=host)])
    close(records, weak, closed=closed)
    if accepted:
        records.suppress(away(weak, until=NOW + timedelta(days=90)))
    later = NOW + timedelta(days=3)
    records.connect_findings([finding(f"a-{host}", "attack", host=host, at=later)])
    found = records.links(f"a-{host}", later)
    assert [link.other for link in found] == ([weak] if linked else [])
    if linked:
        assert bool(found[0].accepted) is accepted
        assert uses(found[0], "API1:2023")


def test_a_fixed_weakness_is_not_being_used(records: Records, host: str) -> None:
    records.connect_findings([finding(f"w-{host}", host=host), finding(f"a-{host}", "attack", host=host)])
    close(records, f"w-{host}")
    (found,) = records.links(f"a-{host}", NOW)
    assert not uses(found, "API1:2023")


def test_one_attacked_operation_has_a_bounded_number_of_links(records: Records, host: str) -> None:
    rows = [finding(f"a{n}-{host}", "attack", host=host) for n in range(120)]
    records.connect_findings(rows)
    new = records.connect_findings([finding(f"w-{host}", host=host)])
    assert len(new) == 100  # 50 pairs


def test_lines_of_links_are_written_once(records: Records, host: str) -> None:
    new = records.connect_findings([finding(f"w-{host}", host=host), finding(f"a-{host}", "attack", host=host)])
    for _ in range(2):
        records.append(link_entries(new))
    for case_id, other in ((f"a-{host}", f"w-{host}"), (f"w-{host}", f"a-{host}")):
        (line,) = records.timeline(case_id)
        assert (line.event, line.data["to"]) == ("case.linked", other)
        assert records.verify(case_id).ok


@pytest.mark.parametrize(
    ("attack", "weakness", "wanted"),
    [
        ("API1:2023", "API1:2023", True),
        ("API1:2023", "API5:2023", True),
        ("API5:2023", "API1:2023", True),
        ("API1:2023", "API8:2023", True),
        ("API8:2023", "API1:2023", False),
        ("API1:2023", "API4:2023", False),
        ("", "API8:2023", False),
        ("API1:2023", "", False),
        ("", "", False),
    ],
)
def test_categories_that_belong_together(attack: str, weakness: str, wanted: bool) -> None:
    assert compatible(attack, weakness) is wanted


def test_parameter_names_do_not_matter(tmp_path: Path) -> None:
    assert operation("/users/{id}/x/{y}") == operation("/users/{userId}/x/{p}") != operation("/users/x/x/y")
