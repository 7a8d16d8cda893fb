"""The ledger of a stand-in: what it did, one entry a line, for a judge that trusts nobody else."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

START = "0" * 64

# The request whose handler runs now; what it does is entered under it.
CAUSE: ContextVar[dict[str, Any] | None] = ContextVar("cause", default=None)


class LedgerError(ValueError):
    """A ledger file in which a line is missing, doubled or altered."""


class Ledger:
    """Append-only record of what a stand-in did, in memory and, where a path is given, as JSON lines.

    The judge of a test reads this, never the product's own database. Each line goes to the file in one write before
    the caller is answered, so it outlives a killed process; it is not synced to the disk, since no test cuts the power.
    A file that is there already is continued: its numbers go on, and `prev` of each line is the SHA-256 of the line
    before.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._entries: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._count, self._last = _end_of(path) if path is not None and path.is_file() else (0, START)

    def append(self, event: str, fields: dict[str, Any]) -> None:
        with self._lock:
            self._count += 1
            at = datetime.now(UTC).isoformat()
            entry = {"n": self._count, "at": at, "event": event, **(CAUSE.get() or {}), **fields}
            self._entries.append(entry)
            if self.path is not None:
                self._write(self.path, entry)

    def _write(self, path: Path, entry: dict[str, Any]) -> None:
        line = json.dumps({**entry, "prev": self._last}, sort_keys=True).encode()
        self._last = hashlib.sha256(line).hexdigest()
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line + b"\n")
        finally:
            os.close(file)

    def entries(self, event: str = "") -> list[dict[str, Any]]:
        """The entries of one event; without it every effect, but not the requests (`NAME.request`) they came by."""
        with self._lock:
            found = [entry for entry in self._entries if entry["event"] == event or not event]
        return [dict(entry) for entry in found if event or not entry["event"].endswith(".request")]

    def everything(self) -> list[dict[str, Any]]:
        """What the file holds, in order."""
        with self._lock:
            return [dict(entry) for entry in self._entries]

    def count(self, event: str) -> int:
        return len(self.entries(event))


def _end_of(path: Path) -> tuple[int, str]:
    """Number and digest of the last line."""
    lines = path.read_bytes().splitlines()
    return (int(json.loads(lines[-1])["n"]), hashlib.sha256(lines[-1]).hexdigest()) if lines else (0, START)


def read_ledger(path: Path) -> list[dict[str, Any]]:
    """Every entry of a ledger file.

    Raises:
        LedgerError: a line is not JSON, out of sequence, or does not follow the line before.
    """
    entries: list[dict[str, Any]] = []
    last = START
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            entry: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise LedgerError(f"line {number} is not JSON") from error
        if (entry.get("n"), entry.get("prev")) != (number, last):
            raise LedgerError(f"line {number} does not follow the line before")
        last = hashlib.sha256(line).hexdigest()
        entries.append(entry)
    return entries
