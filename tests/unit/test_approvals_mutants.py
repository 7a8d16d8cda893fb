"""The tests of consent find each deliberate mistake in what decides, some of them by the machine alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from mutating import MUTANTS, QUICK, made
from test_approvals_consent_machine import Consent

HERE = Path(__file__).parent
SUITE = ("test_approvals.py", "test_interpreter_approvals.py", "test_approvals_machine.py")
SUITE += ("test_approvals_consent_machine.py", "test_assigning.py", "test_seats.py")
ENOUGH = settings(
    max_examples=600,
    stateful_step_count=30,
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)
FEW = ("ends-twice", "any-parameters")


def _found_by_the_machine(name: str) -> bool:
    with made(MUTANTS[name]):
        try:
            run_state_machine_as_test(Consent, settings=ENOUGH)
        except AssertionError:
            return True
    return False


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in FEW else pytest.mark.long) for name in QUICK])
def test_the_machine_finds_a_grave_mistake(name: str) -> None:
    assert _found_by_the_machine(name)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["", *MUTANTS])
def test_the_suite_finds_every_mistake(name: str) -> None:
    guard = str(HERE.parent / "activities" / "test_guard_check.py")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "mutating"]
    environment = {**os.environ, "STANCH_MUTANT": name, "PYTHONPATH": str(HERE), "STANCH_PROFILE": ""}
    files = [str(HERE / file) for file in SUITE]
    done = subprocess.run([*command, *files, guard], env=environment, capture_output=True, text=True, check=False)
    told = f"{done.stdout[-2000:]}{done.stderr[-500:]}"
    assert done.returncode == bool(name), told
    assert ("FAILED tests" in done.stdout) is bool(name), told


def test_a_mistake_is_undone_afterwards() -> None:
    with pytest.raises(ZeroDivisionError), made(MUTANTS["no-is-yes"]):
        raise ZeroDivisionError
    run_state_machine_as_test(Consent, settings=settings(ENOUGH, max_examples=20))
