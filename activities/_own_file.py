"""A file that Stanch writes and a gateway reads: one writer at a time, replaced whole and durably."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from activities._fence import before_write
from stanch.errors import RetrySafe, Uncertain

_LOCK = ".stanch.lock"


@contextlib.contextmanager
def locked(path: Path, *, what: str, seconds: float) -> Iterator[None]:
    """Hold a file for one read-change-write.

    Raises:
        RetrySafe: another writer held it all the time, or its folder cannot be written.
    """
    with _lock_of(path, what) as lock:
        deadline = time.monotonic() + seconds
        while not _try_lock(lock.fileno()):
            if time.monotonic() > deadline:
                raise RetrySafe(f"another writer holds {what}", retry_after=2.0)
            time.sleep(0.01)
        yield


def replace(path: Path, data: bytes) -> None:
    """Replace a file by rename, durably and under the lock; its mode is kept: what it holds may be secret.

    Raises:
        RetrySafe: it cannot be written, and is as it was; or the attempt was given up.
        Uncertain: it is written, and a power cut may lose that.
    """
    before_write()
    _write(path, data)


def put_back(path: Path, data: bytes) -> None:
    """The same with what stood before, while the lock is still held: a refused file must not stay.

    Raises:
        Uncertain: it could not be written, and the refused file stays.
    """
    try:
        _write(path, data)
    except RetrySafe as error:
        raise Uncertain(f"{error.message}; what was refused is still in it", hint=error.hint) from None


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        with temporary.open("wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        message, hint = _unwritable(path, path.name, error)
        raise RetrySafe(message, hint=hint) from None
    _settle(path)


def _settle(path: Path) -> None:
    """Have the folder remember the new file, too."""
    try:
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        message, hint = _unwritable(path, path.name, error)
        raise Uncertain(message, hint=hint) from None


def _lock_of(path: Path, what: str) -> IO[str]:
    try:
        return (path.parent / _LOCK).open("a")
    except OSError as error:
        message, hint = _unwritable(path, what, error)
        raise RetrySafe(message, hint=hint) from None


def _unwritable(path: Path, what: str, error: OSError) -> tuple[str, str]:
    """What keeps a file from being written, and what to do; both of our own making."""
    why = os.strerror(error.errno) if error.errno else "no reason given"
    return f"{what} cannot be written: {why}", f"let the worker's account write in {path.parent}, and see that disk"


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
