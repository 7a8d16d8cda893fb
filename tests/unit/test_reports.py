"""When a delivery shows everything, of which scope, and what is said to a case that was missing from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stanch.errors import ConfigError
from stanch.findings import Assurance, Finding
from stanch.intake.config import FullReport, parse_sources
from stanch.intake.reports import Scope, absent, scope_of, shown
from stanch.views import FindingView

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)
HEADERS = {"Stanch-Report-Scope": "nightly"}
ZAP = {"site": [{"@name": "https://b.example"}, {"@name": "https://a.example"}], "created": "2026-05-05T10:00:00Z"}


def full(**words: Any) -> FullReport:
    return FullReport.model_validate(words)


def name(words: FullReport | None, *documents: Any, headers: dict[str, str] | None = None, held: int = 0) -> str:
    found = scope_of(words, headers or {}, documents or (ZAP,), quarantined=held, received=NOW)
    return found.name if found is not None else ""


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ({"scope": "shop"}, "shop"),
        ({"from": 'site[]."@name"'}, "https://a.example https://b.example"),
        ({"from": 'site[0]."@name"'}, "https://b.example"),
        ({"from": "nothing.here"}, ""),
        ({"from": "site"}, ""),
        ({"from": '[site[0]."@name", `7`]'}, ""),
        ({"header": True}, ""),
    ],
)
def test_the_scope_is_what_the_source_declares(words: dict[str, Any], wanted: str) -> None:
    assert name(full(**words)) == wanted


def test_a_source_that_declares_nothing_has_no_scope() -> None:
    assert name(None, headers=HEADERS) == ""


def test_a_header_counts_only_where_it_may() -> None:
    assert name(full(scope="shop"), headers=HEADERS) == "shop"
    assert name(full(scope="shop", header=True), headers=HEADERS) == "nightly"
    assert name(full(header=True), headers={"stanch-report-scope": " nightly "}) == "nightly"
    assert name(full(header=True), headers={"stanch-report-scope": "  "}) == ""


def test_what_was_not_understood_to_its_end_is_no_full_report() -> None:
    assert name(full(scope="shop"), held=1) == ""


def test_a_clean_scan_is_one() -> None:
    assert scope_of(full(scope="shop"), {}, [], quarantined=0, received=NOW) == Scope("shop", NOW)


def test_lines_of_one_report_are_one_scope() -> None:
    assert name(full(**{"from": "host"}), {"host": "b"}, {"host": "a"}, {"host": "b"}) == "a b"
    assert name(full(**{"from": "host"}), {"host": "b"}, {}) == ""


def test_the_order_of_names_does_not_matter_and_long_ones_are_cut() -> None:
    turned = {"site": list(reversed(ZAP["site"]))}
    words = full(**{"from": 'site[]."@name"'})
    assert name(words, turned) == name(words, ZAP)
    long = name(words, {"site": [{"@name": "x" * 500}]})
    assert (long[:6], len(long)) == ("scope-", 38)


@pytest.mark.parametrize(
    ("at", "wanted"),
    [
        ("created", datetime(2026, 5, 5, 10, tzinfo=UTC)),
        ("nothing", NOW),
        ("site", NOW),
        ('`"2099-01-01T00:00:00Z"`', NOW),
    ],
)
def test_the_reports_own_time_orders_it_and_never_lies_in_the_future(at: str, wanted: datetime) -> None:
    found = scope_of(full(scope="shop", at=at), {}, [ZAP], quarantined=0, received=NOW)
    assert found == Scope("shop", wanted)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("{}", "S030"),
        ("{at: created}", "S030"),
        ("{scope: a, from: b}", "S030"),
        ("{from: 'site['}", "S004"),
        ("{scope: a, at: 'f(x)'}", "S005"),
        ("{scop: a}", "S002"),
    ],
)
def test_mistakes_are_told_at_their_line(words: str, code: str) -> None:
    text = (
        f"version: sources/v1\nsources:\n  z:\n    adapter: zap\n    auth: {{scheme: none}}\n    full_report: {words}\n"
    )
    with pytest.raises(ConfigError) as error:
        parse_sources(text, "s.yaml")
    (problem,) = error.value.problems
    assert (problem.code, problem.line) == (code, 6)


def test_what_a_tool_has_suppressed_is_shown_and_what_is_resolved_is_not() -> None:
    found = [Finding(uid=str(status), status_id=status) for status in (1, 3, 4, 5)]
    assert [item.uid for item in shown(found)] == ["1", "3", "5"]


def test_word_of_absence_is_the_same_again_and_adds_no_sighting() -> None:
    scope = Scope("shop", NOW)
    view = FindingView(id="f", count=7, last_seen=NOW - timedelta(days=9))
    words = {"source": "zap", "delivery_id": "d2", "assurance": Assurance.B}
    one, two = (absent("case-1", scope, view, **words) for _ in range(2))  # type: ignore[arg-type]
    assert one == two
    assert (one.status, one.basis, one.assurance, one.finding.count, one.finding.last_seen) == (
        *("resolved", "absence", "B", 0),
        NOW,
    )
    other = absent("case-2", scope, view, **words)  # type: ignore[arg-type]
    assert other.delivery_id != one.delivery_id
