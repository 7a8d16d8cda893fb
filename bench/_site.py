"""A whole Stanch in processes of its own for benchmarks and crash tests: durable Temporal, web service, worker."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError

from stanch.contract import REPORT
from stanch.sandbox.process import Process
from stanch.sandbox.temporal import EmbeddedTemporal, free_port

ROOT = Path(__file__).parent.parent
SECRET = "whsec_" + base64.b64encode(b"a bench secret of 24 byte").decode()
SOURCES = """
version: sources/v1
sources:
  own: {adapter: own, auth: {scheme: standard_webhooks, secrets: [secret://env/BENCH_OWN]}, storm_limit: 1000000}
"""
PATIENCE = 300.0


class Site:
    """The processes, each of which can be killed and started again."""

    def __init__(self, folder: Path, *, with_worker: bool) -> None:
        self.folder = folder
        self.port = free_port()
        self.temporal = EmbeddedTemporal(database=folder / "temporal.db", durable=True)
        self._with_worker = with_worker
        stanch = (sys.executable, "-c", "import worker; worker.cli()")
        self.web = self._process("web", (*stanch, "serve"), ready="web ready")
        self.worker = self._process("worker", (sys.executable, str(ROOT / "worker.py")), ready="worker ready")

    def _process(self, name: str, command: tuple[str, ...], *, ready: str) -> Process:
        return Process(
            name,
            command,
            environment=self._environment(),
            log=self.folder / f"{name}.log",
            ready=lambda line: ready in line,
        )

    def _environment(self) -> dict[str, str]:
        policy = self.folder / "policy"
        policy.mkdir(exist_ok=True)
        (policy / "sources.yaml").write_text(SOURCES, encoding="utf-8")
        for name in ("routes.yaml", "guards.yaml"):
            (policy / name).write_text((ROOT / "policy" / name).read_text(encoding="utf-8"), encoding="utf-8")
        given = {
            "STANCH_DATA_DIR": str(self.folder / "data"),
            "STANCH_POLICY_DIR": str(policy),
            "STANCH_PLAYBOOKS_DIR": str(ROOT / "playbooks"),
            "STANCH_WEB__PORT": str(self.port),
            "TEMPORAL_ADDRESS": self.temporal.address,
            "BENCH_OWN": SECRET,
            "PYTHONPATH": str(ROOT),
        }
        return dict(os.environ) | given

    def __enter__(self) -> Site:
        self.temporal.start()
        self.web.start()
        self.web.wait_ready()
        if self._with_worker:
            self.worker.start()
            self.worker.wait_ready()
        return self

    def __exit__(self, *exc: object) -> None:
        self.worker.stop()
        self.web.stop()
        self.temporal.stop()

    async def drained(self, client: Client, accepted: Mapping[str, str]) -> None:
        """Wait until every accepted finding is in its case's history; without a worker there is nothing to wait for.

        Raises:
            AssertionError: some never came.
        """
        if not self._with_worker:
            return
        missing, deadline = dict(accepted), time.monotonic() + PATIENCE
        while missing and time.monotonic() < deadline:
            await asyncio.sleep(1.0)
            missing = await _missing(client, missing)
        assert not missing, f"{len(missing)} accepted findings never reached their cases"


async def _missing(client: Client, accepted: Mapping[str, str]) -> dict[str, str]:
    """Those whose case has not been told of them; the first that is missing ends a look, to leave the server alone."""
    left = dict(accepted)
    for uid, case in accepted.items():
        if not await _reported(client, case):
            break
        del left[uid]
    return left


async def _reported(client: Client, case_id: str) -> bool:
    try:
        async for event in client.get_workflow_handle(case_id).fetch_history_events():
            if event.workflow_execution_signaled_event_attributes.signal_name == REPORT:
                return True
    except RPCError:
        return False
    return False
