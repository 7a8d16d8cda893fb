"""The first scanner that can judge a finding does; what it needs beyond the view comes from the newest report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from glue import CASE, HOST, NOW, Glue, job, scene

from activities._run import perform
from activities.rescan import IMPLEMENTATIONS
from stanch.errors import Rejected, RetrySafe
from stanch.ports import Look
from stanch.records import FindingRow
from stanch.views import ApiView, FindingView

FINDING = FindingView(id="F-1", source="own", api=ApiView(host=HOST, path="/orders/17", method="GET"))


class Scanner:
    """A scanner that answers as it is told, and keeps what it was given."""

    def __init__(self, answer: Look | Exception) -> None:
        self.answer = answer
        self.given: list[Mapping[str, Any]] = []

    def rescan(self, finding: Mapping[str, Any]) -> Look:
        self.given.append(finding)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def look(
    tmp_path: Path, *scanners: tuple[Scanner, dict[str, Any]], row: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Outputs of the action with these scanners, in their order."""
    sections = {f"s{number}": {"kind": "http", **more} for number, (_, more) in enumerate(scanners)}
    with Glue(tmp_path, scanners=sections) as glue:
        for number, (scanner, _) in enumerate(scanners):
            glue.world._built["scanner", f"s{number}"] = scanner
        if row is not None:
            glue.records.add_finding(FindingRow(CASE, "F-1", "own", NOW, row))
        todo = job("scanner.rescan", {}, scene=scene(finding=FINDING))
        return perform(glue.world, todo, IMPLEMENTATIONS["scanner.rescan"], lambda *_: None).outputs


GONE = Look(clean=True, why="gone")
NOT_MINE = Rejected("not for me", code="V024")


def test_the_first_that_can_judge_is_believed(tmp_path: Path) -> None:
    first, second, third = Scanner(NOT_MINE), Scanner(GONE), Scanner(Look(clean=False))
    found = look(tmp_path, (first, {}), (second, {}), (third, {}))
    assert found == {"clean": True, "why": "gone", "scanner": "s1"}
    assert [len(item.given) for item in (first, second, third)] == [1, 1, 0]


def test_a_scanner_for_other_hosts_is_not_asked(tmp_path: Path) -> None:
    other, own = Scanner(GONE), Scanner(Look(clean=False))
    assert not look(tmp_path, (other, {"serves": ["*.elsewhere"]}), (own, {"serves": ["api.*"]}))["clean"]
    assert other.given == []


def test_where_none_can_judge_the_last_reason_is_said(tmp_path: Path) -> None:
    with pytest.raises(Rejected) as error:
        look(tmp_path, (Scanner(NOT_MINE), {}), (Scanner(Rejected("nor I", code="V024")), {}))
    assert (error.value.code, error.value.message) == ("V024", "nor I")


@pytest.mark.parametrize("error", [RetrySafe("later"), Rejected("no program", code="V025")])
def test_one_that_fails_is_not_replaced_by_an_easier_one(tmp_path: Path, error: Exception) -> None:
    easier = Scanner(GONE)
    with pytest.raises(type(error)):
        look(tmp_path, (Scanner(error), {}), (easier, {}))
    assert easier.given == []


def test_without_a_scanner_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(Rejected) as error:
        look(tmp_path)
    assert error.value.code == "V023"


def test_what_the_tool_said_is_handed_over(tmp_path: Path) -> None:
    scanner = Scanner(GONE)
    body = {
        "finding_info": {"analytic": {"uid": "40018"}},
        "metadata": {"adapter": {"id": "zap"}},
        "api": {"parameter": "q"},
        "evidence": [{"status_code": 200}] * 9,
    }
    look(tmp_path, (scanner, {}), row=body)
    (given,) = scanner.given
    assert given["tool"] == {
        "adapter": "zap",
        "rule": "40018",
        "parameter": "q",
        "evidence": [{"status_code": 200}] * 5,
    }
    assert (given["id"], given["api"]["path"]) == ("F-1", "/orders/17")
