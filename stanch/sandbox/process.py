"""A child process on a leash: it says when it is ready, ends with us, and never outlives us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stanch.errors import DependencyError
from stanch.sinks.terminal import safe_text

_LEASH = Path(__file__).with_name("_leash.py")
READY_SECONDS = 60.0
GRACE_SECONDS = 35.0


class Process:
    """One program of ours.

    Args:
        name: for messages and the log file.
        command: program and arguments.
        ready: true for the line of output that says it serves.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        ready: Callable[[str], bool],
    ) -> None:
        self.name = name
        self._command = list(command)
        self._environment = dict(environment)
        self._log = log
        self._ready = ready
        self._is_ready = threading.Event()
        self._ended = threading.Event()
        self._child: subprocess.Popen[str] | None = None
        self._last = ""

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start it; `wait_ready` tells when it serves."""
        self._let_go()
        self._last = ""
        # Events of its own: the reader of an earlier child may still be about to say that that one has ended.
        self._is_ready, self._ended = threading.Event(), threading.Event()
        self._child = subprocess.Popen(  # noqa: S603 - our own programs
            [sys.executable, "-I", "-S", str(_LEASH), *self._command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        events = (self._is_ready, self._ended)
        threading.Thread(target=self._read, args=(self._child, *events), daemon=True).start()

    def _read(self, child: subprocess.Popen[str], is_ready: threading.Event, ended: threading.Event) -> None:
        if child.stdout is None:
            return
        with child.stdout, self._log.open("a", encoding="utf-8") as log:
            for line in child.stdout:
                log.write(line)
                log.flush()
                self._last = line.strip() or self._last
                if self._ready(line):
                    is_ready.set()
        ended.set()

    def wait_ready(self) -> None:
        """Wait until it says so.

        Raises:
            DependencyError: D013, it ended first or took too long; its log is named.
        """
        for _ in range(int(READY_SECONDS * 20)):
            if self._is_ready.wait(0.05):
                return
            if self._ended.is_set():
                break
        last = f": {safe_text(self._last, limit=300)}" if self._last else ""
        raise DependencyError(f"{self.name} did not start{last}", code="D013", hint=f"see {self._log}")

    def wait_ended(self, seconds: float) -> bool:
        """True when it ended by itself in that time."""
        return self._ended.wait(seconds)

    def kill(self) -> None:
        """End it without a word, as a crash would (SIGKILL to the whole session)."""
        if self._child is not None and self._child.poll() is None:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait(timeout=10)
        self._let_go()

    def _let_go(self) -> None:
        """Close our end of the leash."""
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.close()

    def stop(self) -> None:
        """Ask it to end, and wait."""
        child, self._child = self._child, None
        if child is None:
            return
        if child.stdin is not None:
            child.stdin.close()
        try:
            child.wait(timeout=GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait(timeout=10)
