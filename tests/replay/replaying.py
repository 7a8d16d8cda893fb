"""Replays recorded histories in a process of its own and says which modules that took."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from workflows import WORKFLOWS

HISTORIES = Path(__file__).parent / "histories"
PASSED_THROUGH = ("stanch", "pydantic", "pydantic_core", "cel_expr_python")  # as in worker.py, which is not loaded here


async def replay(texts: dict[str, str]) -> dict[str, str]:
    """What went wrong with each history; empty where it replays."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    replayer = Replayer(
        workflows=WORKFLOWS,
        data_converter=pydantic_data_converter,
        workflow_runner=SandboxedWorkflowRunner(restrictions=restrictions),
    )
    found: dict[str, str] = {}
    for name, text in texts.items():
        history = WorkflowHistory.from_json(name, text)
        result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
        found[name] = "" if result.replay_failure is None else str(result.replay_failure)
    return found


if __name__ == "__main__":
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else HISTORIES
    histories = {path.stem: path.read_text(encoding="utf-8") for path in sorted(given.glob("*.json"))}
    results = asyncio.run(replay(histories))
    print(json.dumps({"results": results, "modules": sorted(sys.modules)}))
