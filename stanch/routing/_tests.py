"""The tests inside an ownership file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from stanch.routing._model import Expect, Test
from stanch.routing._pause import collection_paused
from stanch.routing._table import Decision, RouteTable
from stanch.shapes import is_dict, is_tuple
from stanch.views import FindingView

_WHEN = datetime(2026, 1, 7, 10, tzinfo=UTC)  # for tests without a time: a Wednesday morning


@dataclass(frozen=True)
class TestResult:
    """One test of the file; `differences` are (what, expected, got)."""

    __test__ = False

    name: str
    differences: tuple[tuple[str, str, str], ...]
    decision: Decision

    @property
    def ok(self) -> bool:
        return not self.differences


@collection_paused()
def check(table: RouteTable) -> list[TestResult]:
    """Run the tests that the file carries."""
    return [run(table, test) for test in table.file.tests]


def run(table: RouteTable, test: Test) -> TestResult:
    decision = table.route(FindingView.model_validate(test.finding), test.at or _WHEN)
    return TestResult(test.name, tuple(_differences(test.expect, decision)), decision)


def met_by_default(table: RouteTable, test: Test, result: TestResult) -> bool:
    """Whether a test that reaches a rule, branch or overlay would pass as well if there were none of them."""
    default, api = table.file.default, test.finding.get("api")
    if result.decision.rule == default.id:
        return False
    named = is_dict(api) and bool(api.get("owner"))
    if test.expect.owner not in (None, default.owner) and not named:
        return False  # without rules it is the default owner's
    bare = table.without_rules.route(FindingView.model_validate(test.finding), test.at or _WHEN)
    return not any(_differences(test.expect, bare))


def _differences(expect: Expect, decision: Decision) -> Iterator[tuple[str, str, str]]:
    got = _words(decision)
    for name, wanted in expect.model_dump(exclude_none=True).items():
        found = got[name]
        if _plain(wanted) != _plain(found):
            yield name, _shown(wanted), _shown(found)


def _plain(value: object) -> object:
    """Lists of people are compared without their order."""
    return frozenset(value) if is_tuple(value) else value


def _words(decision: Decision) -> dict[str, object]:
    view = decision.view
    return {
        "rule": decision.rule,
        "owner": view.owner.id,
        "assignee": view.assignee,
        "cc": view.cc,
        "notify": view.notify,
        "ticket": view.ticket.system,
        "severity": view.severity,
        "lane": view.lane,
        "legal_clock": view.legal_clock,
        "tags": view.tags,
        "due": view.due,
    }


def _shown(value: object) -> str:
    if is_tuple(value):
        return ", ".join(str(each) for each in value) or "nobody"
    return str(value) if value not in ("", None) else "nothing"
