"""A file that Stanch writes and a gateway reads: one writer at a time, replaced whole and durably."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from activities._fence import before_write
from stanch.errors import RetrySafe

_LOCK = ".stanch.lock"


@contextlib.contextmanager
def locked(path: Path, *, what: str, seconds: float) -> Iterator[None]:
    """Hold a file for one read-change-write.

    Raises:
        RetrySafe: another writer held it all the time.
    """
    with (path.parent / _LOCK).open("a") as lock:
        deadline = time.monotonic() + seconds
        while not _try_lock(lock.fileno()):
            if time.monotonic() > deadline:
                raise RetrySafe(f"another writer holds {what}", retry_after=2.0)
            time.sleep(0.01)
        yield


def replace(path: Path, data: bytes) -> None:
    """Replace a file by rename, durably and under the lock; its mode is kept: what it holds may be secret."""
    before_write()
    put_back(path, data)


def put_back(path: Path, data: bytes) -> None:
    """The same with what stood before, while the lock is still held: a refused file must not stay."""
    temporary = path.with_name(f".{path.name}.tmp")
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    with temporary.open("wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
