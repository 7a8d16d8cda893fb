"""Runs the tests that stand in a playbook file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stanch.durations import format_duration
from stanch.errors import ConfigError, StanchError
from stanch.playbooks.compile import compile_plan
from stanch.playbooks.examples import Example, Expected
from stanch.playbooks.fixtures import finding_of
from stanch.playbooks.inlining import Callee
from stanch.playbooks.model import Playbook
from stanch.shapes import is_mapping
from stanch.simulate.driver import Setting, TooLong, default_route, simulate
from stanch.simulate.report import Report
from stanch.views import FindingView, RouteView


@dataclass(frozen=True)
class Result:
    """How one test ended; no mismatches means it passed."""

    playbook: str
    name: str
    mismatches: tuple[str, ...]
    report: Report | None = None

    @property
    def ok(self) -> bool:
        return not self.mismatches


def run_example(
    playbook: Playbook, example: Example, *, folder: Path, callees: Mapping[str, Callee] = MappingProxyType({})
) -> Result:
    """Run one test; paths of fixtures are relative to `folder`, the folder of the playbook.

    Args:
        playbook: the whole file.
        example: one of its tests.
        folder: where it stands.
        callees: the playbooks that it calls, as `stanch.playbooks.calling.callees_of` finds them.
    """
    try:
        finding = finding_of(example.finding, folder)
        plan = compile_plan(playbook, inputs=example.inputs, callees=callees)
        setting = Setting(
            mocks=example.mocks,
            timeline=example.timeline,
            people=example.people,
            requested_by=example.requested_by,
        )
        report = simulate(plan, finding, route_of(example.route, finding), setting=setting)
    except (StanchError, TooLong) as error:
        return Result(playbook.id, example.name, (_words(error),))
    return Result(playbook.id, example.name, tuple(_mismatches(report, example.expect)), report)


def _words(error: Exception) -> str:
    if isinstance(error, ConfigError) and error.problems:
        return "; ".join(str(problem) for problem in error.problems)
    return str(error)


def route_of(words: Mapping[str, Any], finding: FindingView) -> RouteView:
    """The default route with the words of a test in place of its own."""
    base = default_route(finding).model_dump()
    merged: dict[str, Any] = {
        key: {**base[key], **value} if is_mapping(value) else value for key, value in words.items()
    }
    return RouteView.model_validate({**base, **merged})


def _mismatches(report: Report, expect: Expected) -> Iterator[str]:
    yield from report.checks
    yield from _flow(report, expect)
    if expect.ticket is not None and report.ticket != expect.ticket:
        yield f"ticket is {report.ticket}, not {expect.ticket}"
    if expect.open_changes is not None and len(report.open_changes) != expect.open_changes:
        names = ", ".join(change.step for change in report.open_changes) or "none"
        yield f"{len(report.open_changes)} changes stand ({names}), not {expect.open_changes}"
    if len(report.refused) != expect.refused:
        reasons = "; ".join(f"{vote.by}: {vote.reason}" for vote in report.refused) or "none"
        yield f"{len(report.refused)} votes were refused ({reasons}), not {expect.refused}"
    for name, value in expect.counted.items():
        if report.counted.get(name) != value:
            yield f"counted {name} is {report.counted.get(name)!r}, not {value!r}"
    for name, value in expect.outputs.items():
        if report.outputs.get(name) != value:
            yield f"output {name} is {report.outputs.get(name)!r}, not {value!r}"


def _rest(report: Report) -> Iterator[str]:
    """What it waits for where the timeline has ended: time goes on only to the last moment that is written."""
    if report.waiting_on:
        after = format_duration(report.elapsed)
        yield f"after {after} it waits on {', '.join(report.waiting_on)}; a later moment in the timeline lets time pass"


def _flow(report: Report, expect: Expected) -> Iterator[str]:
    if expect.status is not None and report.status != expect.status:
        why = "; ".join((report.reason, *report.problems, *_rest(report))).strip("; ")
        yield f"status is {report.status}, not {expect.status}{f' ({why})' if why else ''}"
    if expect.effects is not None and report.told != expect.effects:
        yield f"effects are {', '.join(report.told) or 'none'}; expected {', '.join(expect.effects) or 'none'}"
    ran = {effect.action for effect in report.effects}
    for action in expect.never:
        if action in ran:
            yield f"{action} ran and never should"
    if expect.waiting_on is not None and expect.waiting_on not in report.waiting_on:
        yield f"waits on {', '.join(report.waiting_on) or 'nothing'}, not on {expect.waiting_on}"
