"""No activity is broken off from outside, in the middle of a write or with a lock in its hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio import activity

import worker
from stanch.catalog import Queue


def test_no_exception_is_thrown_into_a_running_activity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANCH_DATA_DIR", str(tmp_path))
    world = worker.make_world()
    try:
        every = [each for queue in Queue for each in worker.activities_of(world, queue)]
        found = [activity._Definition.must_from_callable(each) for each in every]  # pyright: ignore[reportPrivateUsage]
    finally:
        world.records.close()
    assert len(found) > 30
    assert [each.name for each in found if not each.is_async and not each.no_thread_cancel_exception] == []
