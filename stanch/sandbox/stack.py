"""A whole Stanch on one machine: embedded Temporal, the estate around it, a worker and the web service."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stanch.sandbox.estate import Estate
from stanch.sandbox.process import Process
from stanch.sandbox.temporal import EmbeddedTemporal, free_port


class Stack:
    """Started and stopped as one; the worker can be killed and started again.

    Args:
        folder: everything is kept here.
        durable: SQLite settings of Temporal for data that is to be kept.
        web_port: 0 takes a free one.
        more: settings beside those of the estate.
        variables: environment of worker and web besides our own.
        worker: program and arguments of the worker; tests bring one that crashes on purpose.
    """

    def __init__(
        self,
        folder: Path,
        *,
        durable: bool = False,
        web_port: int = 0,
        web: bool = True,
        more: Mapping[str, Any] = MappingProxyType({}),
        variables: Mapping[str, str] = MappingProxyType({}),
        worker: Sequence[str] = (sys.executable, "-m", "worker"),
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.data_dir = folder / "data"
        self.data_dir.mkdir(exist_ok=True)
        self.web_port = web_port or free_port()
        self.estate = Estate(folder)
        self.external = os.environ.get("TEMPORAL_ADDRESS", "")
        self.temporal = EmbeddedTemporal(database=folder / "temporal.db", durable=durable, ui=True)
        self._with_web = web
        self._more = more
        self._variables = variables
        self._command = list(worker)
        self.worker: Process | None = None
        self.web: Process | None = None

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def temporal_address(self) -> str:
        """The embedded server, or the one that TEMPORAL_ADDRESS names."""
        return self.external or self.temporal.address

    def environment(self) -> dict[str, str]:
        """What worker, web and commands need to find this stack."""
        given = {"STANCH_CONFIG": str(self.folder / "stanch.toml"), "TEMPORAL_ADDRESS": self.temporal_address}
        return {**os.environ, **given, **self.estate.environment(), **self._variables}

    def start(self) -> None:
        """Start everything and wait until it serves.

        Raises:
            DependencyError: a part does not come up; what was started is stopped again.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        if not self.external:
            self.temporal.start()
        self.estate.start()
        self.estate.write_settings(data_dir=self.data_dir, web_port=self.web_port, more=self._more)
        self.estate.connect_callbacks(self.web_url)
        self.worker = self._process("worker", self._command, "worker ready")
        self.worker.start()
        if self._with_web:
            stanch = str(Path(sysconfig.get_path("scripts")) / "stanch")
            self.web = self._process("web", [stanch, "serve"], "web ready")
            self.web.start()
            self.web.wait_ready()
        self.worker.wait_ready()

    def _process(self, name: str, command: list[str], word: str) -> Process:
        return Process(
            name,
            command,
            environment=self.environment(),
            log=self.folder / f"{name}.log",
            ready=lambda line: word in line,
        )

    def restart_worker(self, variables: Mapping[str, str] = MappingProxyType({})) -> None:
        """A new worker process, after a kill or with other variables."""
        if self.worker is not None:
            self.worker.kill()
        self._variables = {**self._variables, **variables}
        self.worker = self._process("worker", self._command, "worker ready")
        self.worker.start()
        self.worker.wait_ready()

    @property
    def login_token(self) -> str:
        """What the web service printed at its start; good once."""
        log = self.folder / "web.log"
        lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
        found = [line.partition("login token: ")[2] for line in lines if line.startswith("login token: ")]
        return found[-1] if found else ""

    def revive(self) -> None:
        """Start worker and web again where they ended."""
        for process in (self.worker, self.web):
            if process is not None and not process.running:
                process.start()
                process.wait_ready()

    def stop(self) -> None:
        """Stop all of it, the newest first."""
        for process in (self.web, self.worker):
            if process is not None:
                process.stop()
        self.estate.stop()
        self.temporal.stop()

    def __enter__(self) -> Stack:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
