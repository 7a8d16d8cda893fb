"""Many case reports as one text: nothing is lost on the way, repeats are joined, order is kept, sizes are bounded."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.contract import FindingReport
from stanch.intake import packing
from stanch.intake.packing import folded, packed, parts, unpacked
from stanch.views import FindingView
from stanch.wire_intake import CaseReport


def told(
    case: str, delivery: str, *, content: str = "c", status: str = "open", count: int = 1, title: str = ""
) -> CaseReport:
    finding = FindingView(id=delivery, title=title, count=count, last_seen=datetime(2026, 1, 1, tzinfo=UTC))
    report = FindingReport(delivery_id=delivery, source="s", finding=finding, content=content, status=status)  # type: ignore[arg-type]
    return CaseReport(case_id=case, report=report)


@given(st.lists(st.text(max_size=40), max_size=30))
def test_what_is_packed_comes_out_again(titles: list[str]) -> None:
    reports = [told(f"case-{number}", f"d{number}", title=title) for number, title in enumerate(titles)]
    assert unpacked(packed(reports)) == reports


def test_equal_reports_of_one_case_are_one_that_speaks_for_all() -> None:
    found = folded([told("a", "1", count=2), told("b", "2"), told("a", "3", count=5), told("a", "4")])
    assert [(item.case_id, item.report.delivery_id) for item in found] == [("a", "1"), ("b", "2")]
    assert (found[0].report.finding.count, found[0].report.folded) == (8, ("3", "4"))


def test_a_fix_between_two_reports_keeps_its_place() -> None:
    said = [told("a", "1"), told("a", "2", status="resolved"), told("a", "3"), told("a", "4")]
    assert [(item.report.status, item.report.delivery_id) for item in folded(said)] == [
        ("open", "1"),
        ("resolved", "2"),
        ("open", "3"),
    ]


@pytest.mark.parametrize("other", [told("a", "2", content="d"), told("a", "2", content="")])
def test_what_says_something_else_is_not_joined(other: CaseReport) -> None:
    assert len(folded([told("a", "1", content=other.report.content and "c"), other])) == 2


def test_the_list_of_joined_deliveries_stays_bounded_and_the_count_right() -> None:
    (found,) = folded([told("a", str(number)) for number in range(500)])
    assert (found.report.finding.count, len(found.report.folded)) == (500, packing.MAX_FOLDED)


def test_texts_stay_within_what_a_server_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MAX_PACKED", 2000)
    reports = [
        told(f"case-{number}", f"d{number}", title=base64.b64encode(bytes([number] * 90)).decode())
        for number in range(100)
    ]
    made = list(parts(reports))
    assert len(made) > 1
    assert all(len(text) <= 2000 for text, _ in made)
    assert [item for text, _ in made for item in unpacked(text)] == reports
    assert sum(count for _, count in made) == 100


def test_one_report_is_never_too_large_for_a_call_of_its_own() -> None:
    assert len(packed([told("a", "1", title="x" * 4096)])) < packing.MAX_PACKED


@pytest.mark.parametrize("text", ["", "no base64!", base64.b64encode(b"no zlib").decode()])
def test_what_nobody_packed_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of three libraries
        unpacked(text)


def test_a_text_that_would_fill_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MAX_UNPACKED", 1000)
    with pytest.raises(ValueError, match="too large"):
        unpacked(packed([told("a", "1", title="x" * 4000)]))
