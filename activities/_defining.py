"""How an activity of ours is defined: it runs to its own end, also when nobody waits for it any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from temporalio import activity

Work = TypeVar("Work", bound=Callable[..., Any])


def defined(name: str) -> Callable[[Work], Work]:
    """Define an activity of this name.

    By default the SDK raises an exception in the thread of an activity that is cancelled or has missed its heartbeat,
    wherever that thread is: between a write and the note of its outcome, inside a commit, or holding a lock that nobody
    gives back, after which the whole worker stands still. Each call of ours has a time limit of its own instead.
    """
    return activity.defn(name=name, no_thread_cancel_exception=True)
