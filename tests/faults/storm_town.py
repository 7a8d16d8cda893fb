"""A Stanch in real processes with two trackers and a chat around it, and nothing else that would cost time to start."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx

from stanch.sandbox._toml import to_toml
from stanch.sandbox.client import StanchClient
from stanch.sandbox.estate import Estate
from stanch.sandbox.scanner import Scanner
from stanch.sandbox.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
SOURCES = """
version: sources/v1
sources:
  own:
    adapter: own
    auth: {scheme: standard_webhooks, secrets: [secret://env/STANCH_SOURCE_OWN]}
    storm_limit: 1000000
"""
PLAYBOOK = """
version: playbook/v1
id: followed
title: A ticket that is followed until a rescan proves the fix
mode: manual
owner: team:appsec
on: {match: {host: "*", path: /**}, when: finding.severity != 'info'}
steps:
  - id: ticket
    do: ticket.create
    with: {system: "${{ route.ticket.system }}", summary: "${{ finding.title }}", assignee: "${{ route.assignee }}"}
  - {id: tell, do: chat.message, with: {to: "${{ route.assignee }}", template: finding}}
  - id: fixed
    wait:
      until: all
      for:
        - {event: ticket.resolved, key: "${{ steps.ticket.outputs.key }}"}
        - {event: finding.rescan_clean, finding: "${{ finding.id }}"}
      reassigned: follow
      timeout: 30d
      on_timeout: escalate
  - {id: close, do: ticket.close, with: {key: "${{ steps.ticket.outputs.key }}", resolution: fixed_and_verified}}
"""
# Shorter than a deployment's, in the same proportions: a hang outlasts `timeout`, what is late comes within `settle`.
WAITS = MappingProxyType({"timeout": 1.0, "connect_timeout": 0.5, "settle": 1.5, "poll": 0.1})


class Around(Estate):
    """Trackers, chat and a scanner."""

    def start(self) -> None:
        for standin in (self.jira, self.servicenow, self.slack, self.api):
            standin.start()
        self.scanner = Scanner(api_url=self.api.url, ledger=self.folder / "ledgers" / "scanner.jsonl")
        self.scanner.start()

    def write_settings(self, *, data_dir: Path, web_port: int, more: Mapping[str, Any] = MappingProxyType({})) -> Path:
        self.secret("source_own", prefix="whsec_")
        scanner = {"kind": "http", "url": self.scanner.url if self.scanner else ""}
        values: dict[str, Any] = {
            "data_dir": str(data_dir.absolute()),
            "policy_dir": str(self.folder / "policy"),
            "playbooks_dir": str(self.folder / "playbooks"),
            "web": {"host": "127.0.0.1", "port": web_port},
            "trackers": {"jira": {**self._jira(), **WAITS}, "servicenow": {**self._servicenow(), **WAITS}},
            "chat": {"slack": self._slack()},
            "scanners": {"sandbox": scanner},
            **more,
        }
        path = self.folder / "stanch.toml"
        path.write_text(to_toml(values), encoding="utf-8")
        return path

    def environment(self) -> dict[str, str]:
        return {"STANCH_SOURCE_OWN": self.secret("source_own")}


class Town:
    """The stack, whose worker can be killed (its supervisor starts it again at once)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = (sys.executable, "-m", "tests.faults.storm_worker", str(folder))
        self.stack = Stack(folder, worker=command, variables={"PYTHONPATH": str(ROOT)})
        self.around = Around(folder)
        self.stack.estate = self.around
        self.client: StanchClient
        self.kills = 0

    def start(self) -> None:
        _write_policy(self.folder)
        self.stack.start()
        self.client = self._client()

    def _client(self) -> StanchClient:
        return StanchClient(
            self.stack.web_url,
            data_dir=self.stack.data_dir,
            secret_of=lambda name: self.around.secret(f"source_{name}"),
        )

    def stop(self) -> None:
        self.client.close()
        self.stack.stop()

    async def kill_worker(self) -> None:
        """SIGKILL to the worker of this moment; returns when another one has taken its place."""
        note = self.folder / "worker.pid"
        before = note.read_text(encoding="utf-8")
        os.kill(int(before), signal.SIGKILL)
        self.kills += 1
        while note.read_text(encoding="utf-8") == before:  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.05)

    def reconcile(self) -> bool:
        """`stanch ticket reconcile`; true where no difference is left, and none was found."""
        stanch = str(Path(sysconfig.get_path("scripts")) / "stanch")
        command = [stanch, "ticket", "reconcile", "--json"]
        done = subprocess.run(
            command, env=self.stack.environment(), capture_output=True, text=True, timeout=300, check=False
        )
        with (self.folder / "reconcile.log").open("a", encoding="utf-8") as log:
            log.write(done.stdout + done.stderr)
        return done.returncode == 0 and not done.stdout.strip()

    # -- what a stranger can read -----------------------------------------------------------------------------------

    def tickets(self) -> list[dict[str, Any]]:
        """Every ticket as its tracker's own API shows it to the integration user."""
        return [*self._issues(), *self._incidents()]

    def _issues(self) -> list[dict[str, Any]]:
        jira = self.around.jira
        keys = [entry["key"] for entry in jira.ledger.entries("jira.issue_created")]
        with httpx.Client(base_url=jira.url, trust_env=False, headers=_basic("stanch@example.com", jira.token)) as http:
            shown = [http.get(f"/rest/api/3/issue/{key}").raise_for_status().json() for key in keys]
        return [
            {
                "system": "jira",
                "key": each["key"],
                "summary": each["fields"]["summary"],
                "mark": next((label for label in each["fields"]["labels"] if label.startswith("stanch-")), ""),
                "done": each["fields"]["status"]["statusCategory"]["key"] == "done",
                "assignee": (each["fields"].get("assignee") or {}).get("accountId", ""),
            }
            for each in shown
        ]

    def _incidents(self) -> list[dict[str, Any]]:
        now = self.around.servicenow
        query = {"sysparm_exclude_reference_link": "true"}
        with httpx.Client(base_url=now.url, trust_env=False, headers=_basic("stanch", now.password)) as http:
            rows = http.get("/api/now/table/incident", params=query).raise_for_status().json()["result"]
            people = http.get("/api/now/table/sys_user").raise_for_status().json()["result"]
        names = {each["sys_id"]: each["user_name"] for each in people}
        return [
            {
                "system": "servicenow",
                "key": row["number"],
                "summary": row["short_description"],
                "mark": row["correlation_id"],
                "done": row["state"] in ("6", "7", "8"),
                "assignee": names.get(row["assigned_to"], ""),
            }
            for row in rows
        ]


def _basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def _write_policy(folder: Path) -> None:
    policy, playbooks = folder / "policy", folder / "playbooks"
    policy.mkdir(parents=True)
    playbooks.mkdir()
    for name in ("routes.yaml", "guards.yaml"):
        shutil.copy(ROOT / "policy" / name, policy / name)
    (policy / "sources.yaml").write_text(SOURCES, encoding="utf-8")
    (playbooks / "followed.yaml").write_text(PLAYBOOK, encoding="utf-8")
