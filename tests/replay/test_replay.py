"""Recorded histories of the shipped playbooks replay on this code, in a process that has loaded no vendor SDK.

`python -m tests.replay.record` and `python -m tests.replay.record_groups` record them again.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HISTORIES = Path(__file__).parent / "histories"
CASES = {"case-manual", "case-semi", "case-auto", "case-attack", "grouped-case", "grouped-group"}
SDKS = {"boto3", "botocore", "jira", "slack_sdk", "pysnow", "fastapi", "httpx", "requests", "sqlalchemy", "worker"}


def replay(folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-W", "error", "-m", "tests.replay.replaying", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    return replay(HISTORIES)


def test_every_recorded_history_replays(answer: dict[str, Any]) -> None:
    results = answer["results"]
    assert set(results) >= CASES
    assert any(name.startswith("point-") for name in results)
    assert {name: problem for name, problem in results.items() if problem} == {}


def test_replaying_needs_no_vendor_sdk(answer: dict[str, Any]) -> None:
    assert SDKS & set(answer["modules"]) == set()


def test_a_history_of_other_code_is_noticed(tmp_path: Path) -> None:
    text = (HISTORIES / "case-semi.json").read_text(encoding="utf-8")
    assert '"name": "ticket.close"' in text
    (tmp_path / "changed.json").write_text(text.replace('"name": "ticket.close"', '"name": "ticket.assign"'), "utf-8")
    assert "ondeterminism" in replay(tmp_path)["results"]["changed"]
