"""What tests of whole stacks share: what runs, what listens, and an environment without anybody's Temporal."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def without_temporal(home: Path) -> Iterator[pytest.MonkeyPatch]:
    """No variable and no profile file of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("TEMPORAL_")]:
            patch.delenv(name)
        patch.setenv("HOME", str(home))
        yield patch


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def of_session(folder: Path, *, beside: int = 0) -> list[tuple[int, str]]:
    """Processes whose command line or environment names the folder; zombies and `beside` do not count."""
    wanted = str(folder).encode()
    found: list[tuple[int, str]] = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in (os.getpid(), beside):
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            known = command + (entry / "environ").read_bytes()
        except OSError:
            continue
        if command and wanted in known:
            found.append((int(entry.name), command.replace(b"\0", b" ").decode(errors="replace")))
    return found


def listening(pids: set[int]) -> set[int]:
    """TCP ports on which these processes listen."""
    inodes = {_inode(link) for pid in pids for link in _links(pid)}
    ports: set[int] = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[3] == "0A" and words[9] in inodes:
            ports.add(int(words[1].rpartition(":")[2], 16))
    return ports


def _links(pid: int) -> Iterator[str]:
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            yield str(link.readlink())
    except OSError:
        return


def _inode(link: str) -> str:
    return link.removeprefix("socket:[").removesuffix("]") if link.startswith("socket:[") else ""


def soon(true: Callable[[], object], *, seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
