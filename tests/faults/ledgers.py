"""What the gateway was told over time: a watcher of its rules file that remembers when policies came and went."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path

from stanch.sandbox.envoy import EnvoyGateway
from stanch.sandbox.estate import Estate

EVERY = 0.01


def edge_of(estate: Estate) -> EnvoyGateway:
    """The estate's gateway, once it runs."""
    assert estate.gateway is not None
    return estate.gateway


class RulesWatch:
    """Counts how often each policy of ours appears in the rules file and vanishes from it.

    Args:
        path: the file Envoy watches; writers replace it by rename.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._now: frozenset[str] = frozenset()
        self._came: list[str] = []
        self._went: list[str] = []
        self._seen = (0, 0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def appeared(self, case_id: str) -> int:
        return sum(_belongs(name, case_id) for name in self._came)

    def vanished(self, case_id: str) -> int:
        return sum(_belongs(name, case_id) for name in self._went)

    async def until_absent(self, case_id: str, *, seconds: float = 10.0) -> None:
        """Wait until no policy of the case stands; the caller's evidence tells when it still does."""
        deadline = time.monotonic() + seconds
        while any(_belongs(name, case_id) for name in self._now) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(EVERY)
        await asyncio.sleep(2 * EVERY)

    def _watch(self) -> None:
        while not self._stop.wait(EVERY):
            found = self._path.stat()
            if (found.st_ino, found.st_mtime_ns) != self._seen:
                self._seen = (found.st_ino, found.st_mtime_ns)
                self._take(frozenset(_names(json.loads(self._path.read_bytes()))))

    def _take(self, names: frozenset[str]) -> None:
        self._came += sorted(names - self._now)
        self._went += sorted(self._now - names)
        self._now = names


def _belongs(name: str, case_id: str) -> bool:
    return name.startswith(f"stanch-{case_id}-")


def _names(node: object) -> list[str]:
    if isinstance(node, list):
        return [name for child in node for name in _names(child)]
    if not isinstance(node, dict):
        return []
    own = [name for name in node.get("policies") or {} if str(name).startswith("stanch-")]
    return own + [name for child in node.values() for name in _names(child)]
