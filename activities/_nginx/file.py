"""The rules file of one nginx: written, tested, loaded, and seen to be loaded, or put back."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import AbstractContextManager
from pathlib import Path

import httpx

from activities._edge.rules import Entries
from activities._http import http_client
from activities._nginx.rules import GENERATION_HEADER, GENERATION_STATUS, generation_of, parse, render
from activities._own_file import locked, put_back, replace
from stanch.errors import Rejected, RetrySafe, Uncertain

_LOCK_SECONDS = 20.0
_COMMAND_SECONDS = 15.0
_POLL_SECONDS = 0.02
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


class NginxRules:
    """Implements Rules with a file and a running nginx.

    Args:
        path: the file; it holds nothing but rules of ours.
        test, reload: commands, run without a shell; with no `reload`, SIGHUP goes to the process in `pid_file`.
        probe: address and host of a request that these rules see.
        settle: how long nginx may take to load the file, seconds.
        calm: for how long every new connection must meet the new rules; workers with the old ones accept for a while.
    """

    def __init__(
        self,
        path: Path,
        *,
        first_id: int,
        secret: bytes,
        test: tuple[str, ...],
        reload: tuple[str, ...],
        pid_file: Path | None,
        probe: tuple[str, str],
        settle: float,
        calm: float,
    ) -> None:
        self.path = path
        self._first_id = first_id
        self._secret = secret
        self._test = test
        self._reload = reload
        self._pid_file = pid_file
        self._probe = probe
        self._settle = settle
        self._calm = calm

    def held(self) -> AbstractContextManager[None]:
        """See Rules."""
        return locked(self.path, what="the ModSecurity rules file", seconds=_LOCK_SECONDS)

    def read(self) -> Entries:
        """See Rules.

        Raises:
            Rejected: the file is missing or not ours.
        """
        return parse(self._data(), first_id=self._first_id, secret=self._secret)

    def publish(self, entries: Entries) -> bool:
        """See Rules: nginx reloads only what its own test has passed."""
        before, data = self._data(), self._render(entries)
        if data == before and self.loaded(data):
            return True
        replace(self.path, data)
        try:
            passed = self.tested()
        except RetrySafe:
            put_back(self.path, before)
            raise
        if not passed:
            return self._refused(before, data)
        self._load()
        self._wait(data)
        return True

    def tested(self) -> bool:
        """Nginx accepts its configuration as it lies on disk.

        Raises:
            RetrySafe: it did not say, which speaks for no rule and against none.
        """
        passed = _ended_well(self._test)
        if passed is None:
            hint = "run `test` by hand, as the worker's user"
            raise RetrySafe("the test of nginx's configuration cannot be run, or did not end in time", hint=hint)
        return passed

    def loaded(self, data: bytes | None = None) -> bool:
        """The running nginx has exactly this file (default: the one on disk)."""
        content = self._data() if data is None else data
        if not content:
            return False
        url, host = self._probe
        try:
            with http_client(seconds=5.0) as client:
                answer = client.get(url, headers={"host": host, GENERATION_HEADER: generation_of(content)})
        except httpx.HTTPError:
            return False
        return answer.status_code == GENERATION_STATUS

    def _refused(self, before: bytes, data: bytes) -> bool:
        """Put the old file back; where nginx refuses it without our new rules, too, the fault is not in them.

        Raises:
            RetrySafe: its configuration is broken elsewhere, or its test does not end.
        """
        put_back(self.path, before if before != data else b"")
        try:
            elsewhere = not self.tested()
        finally:
            put_back(self.path, before)
        if elsewhere:
            hint = "see what `nginx -t` says; it runs the last good configuration"
            raise RetrySafe("nginx refuses its configuration as it stands", hint=hint)
        return False

    def _render(self, entries: Entries) -> bytes:
        return render(entries, first_id=self._first_id, secret=self._secret)

    def _data(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError:
            hint = f"make an empty file {self.path} that nginx includes by modsecurity_rules_file"
            raise Rejected("the ModSecurity rules file cannot be read", hint=hint) from None

    def _load(self) -> None:
        done = _ended_well(self._reload) if self._reload else _hang_up(self._pid_file)
        if not done:
            raise Uncertain("nginx could not be told to load the rules", hint="check `reload` or `pid_file`")

    def _wait(self, data: bytes) -> None:
        """Until no worker with the old rules accepts a connection any more."""
        began = time.monotonic()
        since = began
        while time.monotonic() - since < self._calm:
            if not self.loaded(data):
                since = time.monotonic()
            if since - began > self._settle:
                hint = "check base_url, hosts, and that the file is included where they are served"
                raise Uncertain("nginx did not show that it loaded the rules", hint=hint)
            time.sleep(_POLL_SECONDS)


def _ended_well(command: tuple[str, ...]) -> bool | None:
    """None where it could not be started or did not end in time."""
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own words, no shell, nothing from a finding in it
            command, env=_ENVIRONMENT, capture_output=True, timeout=_COMMAND_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.returncode == 0


def _hang_up(pid_file: Path | None) -> bool:
    try:
        os.kill(int(pid_file.read_text()), signal.SIGHUP) if pid_file else None
    except (OSError, ValueError):
        return False
    return pid_file is not None
