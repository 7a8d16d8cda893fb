"""Intents of lifts on local disk while records are down: a block still comes off, and is accounted for later."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from stanch.canonical import rfc3339
from stanch.records.chain import Entry


class Appends(Protocol):
    """What the spool is merged into."""

    def append(self, entries: list[Entry]) -> None: ...


class Spool:
    """An append-only file of entries; each is on disk before `add` returns.

    One process owns one file. A line cut off by a crash is skipped: its `add` never returned, so nothing was lifted on
    its word.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)

    def add(self, entry: Entry) -> None:
        """Write an entry and force it to disk.

        Raises:
            OSError: the disk refused; do not go on with the effect.
        """
        line = json.dumps(asdict(entry) | {"time": rfc3339(entry.time)}) + "\n"
        with self._lock:
            is_new = not self._path.exists()
            with self._path.open("ab") as out:
                out.write(b"\n" + line.encode())  # the newline first ends a line that a crash cut off
                out.flush()
                os.fsync(out.fileno())
            if is_new:
                self._sync_folder()

    def entries(self) -> list[Entry]:
        """What waits to be merged, oldest first."""
        with self._lock:
            return list(self._read())

    def merge(self, records: Appends) -> int:
        """Append everything to records and empty the spool; safe to repeat. Returns how many entries there were."""
        with self._lock:
            waiting = list(self._read())
            if waiting:
                records.append(waiting)
            self._path.unlink(missing_ok=True)
            self._sync_folder()
        return len(waiting)

    def _read(self) -> Iterator[Entry]:
        try:
            written = self._path.read_bytes()
        except FileNotFoundError:  # nothing was written, or somebody else has just merged it
            return
        for line in written.splitlines():
            entry = _entry(line)
            if entry is not None:
                yield entry

    def _sync_folder(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _entry(line: bytes) -> Entry | None:
    try:
        values: dict[str, Any] = json.loads(line)
        values["time"] = datetime.fromisoformat(values["time"])
        return Entry(**{item.name: values[item.name] for item in fields(Entry)})
    except (ValueError, KeyError, TypeError):
        return None
