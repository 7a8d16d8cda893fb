"""Golden files: one scenario each, with everything that comes of it written down for reviewers."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from stanch.documents import Document, load, validate
from stanch.durations import format_duration
from stanch.errors import ConfigError
from stanch.plan import Plan
from stanch.playbooks.examples import Moment, Told
from stanch.playbooks.fixtures import finding_of
from stanch.simulate.driver import Setting, TooLong, simulate
from stanch.simulate.examples import Result, route_of
from stanch.simulate.report import Report

VERSION = "scenario/v1"
_GOLDEN = re.compile(r"^golden:", re.MULTILINE)
_HEAD = "golden:   # written by `stanch playbook test --update`; whoever reviews a change reads the difference\n"


class Scenario(Told):
    """A finding, what the world answers and does, and what came of it the last time.

    Args:
        playbook, finding: files relative to this one; a finding may stand here itself.
        golden: written by the command, never by hand.
    """

    version: Literal["scenario/v1"]
    name: str
    playbook: str
    finding: str | dict[str, Any]
    route: dict[str, Any] = Field(default_factory=dict)
    inputs: dict[str, Any] = Field(default_factory=dict)
    people: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    requested_by: str = ""
    mocks: dict[str, Any] = Field(default_factory=dict)
    timeline: tuple[Moment, ...] = ()
    golden: dict[str, Any] | None = None


def load_scenario(text: str, file: str = "") -> tuple[Scenario, Document]:
    """Read a scenario.

    Raises:
        ConfigError: with every mistake.
    """
    document = load(text, file)
    return validate(Scenario, document), document


def run_scenario(scenario: Scenario, plan: Plan, *, folder: Path) -> Report:
    """Simulate it.

    Raises:
        ConfigError, IntakeError: the finding is not there or is none.
        TooLong: the run does not come to rest.
    """
    finding = finding_of(scenario.finding, folder)
    setting = Setting(
        mocks=scenario.mocks,
        timeline=scenario.timeline,
        people=scenario.people,
        requested_by=scenario.requested_by,
    )
    return simulate(plan, finding, route_of(scenario.route, finding), setting=setting)


def judged(scenario: Scenario, text: str, plan: Plan, *, folder: Path) -> Result:
    """Compare what comes of a scenario with what is written down."""
    try:
        report = run_scenario(scenario, plan, folder=folder)
    except TooLong as error:
        return Result(plan.playbook, scenario.name, (str(error),))
    if scenario.golden is None:
        return Result(plan.playbook, scenario.name, ("nothing is written down yet; run with --update",), report)
    written, now = text[_start(text) :].splitlines(), golden_text(report).splitlines()
    if scenario.golden == load(golden_text(report)).data["golden"]:
        return Result(plan.playbook, scenario.name, (), report)
    return Result(plan.playbook, scenario.name, tuple(_differences(written, now)), report)


def updated(text: str, report: Report) -> str:
    """The file with the golden part as it is now; what people wrote stays to the letter.

    Raises:
        ConfigError: P112, people wrote something below the golden part, which would be lost.
    """
    above = text[: _start(text)].rstrip("\n") + "\n\n"
    made = above + golden_text(report)
    before, after = load(text).data, load(made).data
    if {key: value for key, value in before.items() if key != "golden"} != {
        k: after[k] for k in after if k != "golden"
    }:
        raise ConfigError("the golden part must be the last of the file", code="P112", hint="move the rest above it")
    return made


def golden_text(report: Report) -> str:
    """What came of it, one effect on a line."""
    lines = [_HEAD.rstrip("\n"), *(f"  {line}" for line in _lines(report))]
    return "\n".join(lines) + "\n"


def _start(text: str) -> int:
    found = _GOLDEN.search(text)
    return found.start() if found else len(text)


def _lines(report: Report) -> Iterator[str]:
    yield f"status: {_json(report.status)}"
    yield f"reason: {_json(report.reason)}"
    yield f"ticket: {_json(report.ticket)}"
    yield f"elapsed: {_json(format_duration(report.elapsed))}"
    yield "effects:" if report.effects else "effects: []"
    for effect in report.effects:
        params = {name: value for name, value in effect.params.items() if value and name != "lease_id"}
        words = {"at": format_duration(effect.at), "step": effect.step, "do": effect.action, "for": effect.purpose}
        words |= {} if effect.ok else {"failed": effect.reason}
        yield f"  - {_json({**words, 'with': params})}"
    yield f"approvals: {_json([f'{line.step}: {line.outcome}' for line in report.approvals])}"
    yield f"open_changes: {_json([f'{line.step}: {line.action}' for line in report.open_changes])}"
    yield f"waiting_on: {_json(list(report.waiting_on))}"
    yield f"refused: {_json([f'{line.by}: {line.code}' for line in report.refused])}"
    yield f"outputs: {_json(report.outputs)}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str, sort_keys=False)


def _differences(before: list[str], after: list[str]) -> Iterator[str]:
    for line in difflib.unified_diff(before, after, n=0, lineterm=""):
        if not line.startswith(("---", "+++", "@@")):
            yield line
