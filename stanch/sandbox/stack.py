"""A whole Stanch on one machine: embedded Temporal, the estate around it, a worker and the web service."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from stanch.errors import DependencyError
from stanch.sandbox.estate import Estate
from stanch.sandbox.process import Process
from stanch.sandbox.temporal import EmbeddedTemporal, free_port
from stanch.schedules import schedule_all
from stanch.temporal import connect, connect_config, register_search_attributes

OUTSIDE = ("TEMPORAL_ADDRESS", "TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE")


class Stack:
    """Started and stopped as one; the worker can be killed and started again.

    Args:
        folder: everything is kept here.
        durable: SQLite settings of Temporal for data that is to be kept.
        web_port: 0 takes a free one.
        more: settings beside those of the estate.
        variables: environment of worker and web besides our own.
        worker: program and arguments of the worker; tests bring one that crashes on purpose.
        scheduled: have an embedded server start by the clock what `stanch bootstrap` has a deployment start.
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
        scheduled: bool = False,
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.data_dir = folder / "data"
        self.data_dir.mkdir(exist_ok=True, mode=0o700)
        self.web_port = web_port or free_port()
        self.estate = Estate(folder)
        self.external = external_temporal()
        self.temporal = EmbeddedTemporal(database=folder / "temporal.db", durable=durable, ui=True)
        self._with_web = web
        self._more = more
        self._variables = variables
        self._command = list(worker)
        self._scheduled = scheduled
        self.worker: Process | None = None
        self.web: Process | None = None

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def temporal_address(self) -> str:
        """The embedded server, or the one outside."""
        return self.external or self.temporal.address

    def environment(self) -> dict[str, str]:
        """What worker, web and commands need to find this stack."""
        given = {"STANCH_CONFIG": str(self.folder / "stanch.toml"), **self._temporal_variables()}
        kept = {name: value for name, value in os.environ.items() if self.external or not name.startswith("TEMPORAL_")}
        return {**kept, **given, **self.estate.environment(), **self._variables}

    def _temporal_variables(self) -> dict[str, str]:
        """No profile of the caller gets in the way of our own server; an outside one is reached by it."""
        if self.external:
            return {}
        empty = self.folder / "temporal.toml"
        empty.touch()
        return {"TEMPORAL_ADDRESS": self.temporal.address, "TEMPORAL_CONFIG_FILE": str(empty.absolute())}

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
        if self.external:
            asyncio.run(_bootstrap())
        else:
            self.temporal.start()
            if self._scheduled:
                asyncio.run(_scheduled(self.temporal.address))
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
        """Start worker and web again where they ended; one that does not serve keeps the other from nothing.

        Raises:
            DependencyError: one does not come up; it is not left running, so that the next call tries it again.
        """
        failed: DependencyError | None = None
        for process in (self.worker, self.web):
            try:
                _revived(process)
            except DependencyError as error:
                failed = error
        if failed is not None:
            raise failed

    def stop(self) -> None:
        """Stop all of it, the newest first."""
        with contextlib.ExitStack() as parts:  # all of them, whatever one of them says
            parts.callback(self.temporal.stop)
            parts.callback(self.estate.stop)
            for process in (self.worker, self.web):
                if process is not None:
                    parts.callback(process.stop)

    def __enter__(self) -> Stack:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


def _revived(process: Process | None) -> None:
    if process is None or process.running:
        return
    process.start()
    try:
        process.wait_ready()
    except DependencyError:
        process.kill()
        raise


def external_temporal() -> str:
    """The address of a server that the caller's environment names; "" where we are to bring our own.

    Raises:
        ConfigError: C013, the environment names one that cannot be made out.
    """
    return connect_config().get("target_host", "") if any(os.environ.get(name) for name in OUTSIDE) else ""


async def _scheduled(address: str) -> None:
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    await schedule_all(client, {})


async def _bootstrap() -> None:
    client = await connect()
    await register_search_attributes(client)
    await schedule_all(client, {})
