"""Ledger lines on their way to records; those of lifts wait on local disk while records are down."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from activities._world import World
from stanch.errors import DependencyError
from stanch.records import Entry
from stanch.records.spool import Spool

TAKEN = "taken"


def write(world: World, entries: Sequence[Entry], *, lifting: bool) -> None:
    """Append to records; what lifts goes on without them, with its lines fsynced here and merged later.

    Raises:
        DependencyError: records are down and this is no lift.
    """
    if not entries:
        return
    try:
        merge(world)
        world.records.append(entries)
    except DependencyError:
        if not lifting:
            raise
        _keep(world, entries)


def merge(world: World) -> None:
    """Carry to records what was kept while they were down, also by a process that is gone."""
    folder = _folder(world)
    if not folder.is_dir():
        return
    with _locked(folder):
        for path in folder.glob("lifts-*.jsonl"):
            path.rename(path.with_name(f"{TAKEN}-{time.time_ns():020}-{secrets.token_hex(4)}.jsonl"))
    # Nobody adds to a taken file, so it may be read and removed while others go on adding to new ones.
    for path in sorted(folder.glob(f"{TAKEN}-*.jsonl")):
        Spool(path).merge(world.records)


def _keep(world: World, entries: Sequence[Entry]) -> None:
    folder = _folder(world)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(folder):
        spool = Spool(folder / f"lifts-{os.getpid()}.jsonl")
        for entry in entries:
            spool.add(entry)


def _folder(world: World) -> Path:
    return world.settings.data_dir / "spool"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One thread of one process at a time."""
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
