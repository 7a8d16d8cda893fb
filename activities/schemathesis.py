"""Schemathesis as a command with fixed arguments: one operation of the API's own description, tested again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from activities._command import Done, run, usable
from activities._scan_places import ScanPlaces, Target, cannot, rule_of, target_of
from activities._section import read_section
from stanch.errors import RetrySafe
from stanch.ports import Check, Connector, Look
from stanch.shapes import is_dict, is_list

TOOL = "schemathesis"
REPORT = "report.json"
_RULE = re.compile(r"ST\d{3}|[A-Z][A-Za-z]{2,60}", re.ASCII)  # a code, or the name of the failure
_FIXED = (
    "--no-color",
    "--workers=1",
    "--max-redirects=0",
    "--generation-deterministic",
    "--report=json",
    f"--report-json-path={REPORT}",
)
_CLEAN, _FAILED = 0, 1  # other statuses: it could not test


class SchemathesisConfig(ScanPlaces):
    """Section of a `schemathesis` scanner.

    Args:
        binary: full path of the program.
        schema_file: the API's OpenAPI description, a file.
        max_examples: test cases of the operation.
        args: further arguments of the operator's; never anything from a finding.
        timeout: seconds a run may take.
    """

    binary: str
    schema_file: Path
    max_examples: int = Field(default=50, ge=1, le=1000)
    args: tuple[str, ...] = ()
    timeout: float = Field(default=300.0, gt=0, le=540)


class Schemathesis:
    """Implements ScannerPort."""

    def __init__(self, config: SchemathesisConfig) -> None:
        self._config = config

    def rescan(self, finding: Mapping[str, Any]) -> Look:
        """Test the finding's operation again, and see whether the same check fails.

        Raises:
            Rejected: V024, the finding is not for this scanner; V025, there is no such program.
            RetrySafe: the run proved nothing.
        """
        target = target_of(self._config, finding, tool=TOOL)
        rule = rule_of(finding)
        if not target.template or not _RULE.fullmatch(rule):
            raise cannot("the finding names no operation of an API description")
        done = run(self.command(target), seconds=self._config.timeout, wanted=[REPORT])
        return _look(done, rule, f"{target.method} {target.template}", cases=self._config.max_examples)

    def command(self, target: Target) -> list[str]:
        """Every argument; what comes from the finding is behind an equals sign and of a strict form."""
        config = self._config
        own = [f"--url={target.base}", f"--include-path={target.template}"]
        more = [f"--max-examples={config.max_examples}", *config.args]
        return [config.binary, "run", *_FIXED, *more, *own, str(config.schema_file.absolute())]

    def doctor(self) -> Sequence[Check]:
        there = self._config.schema_file.is_file()
        fix = "set `schema_file` to an OpenAPI file"
        return [
            usable(self._config.binary),
            Check("schema", ok=there, detail=str(self._config.schema_file), fix=fix),
        ]


def _look(done: Done, rule: str, operation: str, *, cases: int) -> Look:
    report = _report(done)
    failures = report.get("failures")
    if done.status not in (_CLEAN, _FAILED) or not is_list(failures):
        hint = "see whether the description has this operation"
        raise RetrySafe(f"schemathesis ended with status {done.status}", code="V027", hint=hint)
    if any(_is_it(item, rule, operation) for item in failures):
        return Look(clean=False, why=f"schemathesis still finds {rule} in {operation}")
    tested = report.get("operations")
    counts: Mapping[str, Any] = tested if is_dict(tested) else {}
    if report.get("complete") is not True or counts.get("errored") != 0 or not counts.get("tested"):
        raise RetrySafe("schemathesis did not test the operation to its end, which proves nothing", code="V027")
    return Look(clean=True, why=f"schemathesis no longer finds {rule} in {operation}, with at most {cases} cases")


def _is_it(item: Any, rule: str, operation: str) -> bool:
    if not is_dict(item) or rule not in (item.get("code"), item.get("type")):
        return False
    operations = item.get("operations")
    return not is_list(operations) or operation in operations


def _report(done: Done) -> Mapping[str, Any]:
    try:
        report = json.loads(done.files[REPORT])
    except (ValueError, RecursionError):
        return {}
    return report if is_dict(report) else {}


def build(name: str, section: Mapping[str, Any]) -> Schemathesis:
    """The scanner from its section of stanch.toml."""
    return Schemathesis(read_section(SchemathesisConfig, name, section))


CONNECTOR = Connector(port="scanner", kind="schemathesis", build=build)
