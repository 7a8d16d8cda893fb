"""Calls to the chat system, in threads of their own: while it hangs, records, console and API go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

THREADS = 16
_T = TypeVar("_T")
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="chat")


async def chat_call(work: Callable[[], _T]) -> _T:
    """Run one blocking call; whoever stops waiting for it leaves it to its own timeout."""
    return await asyncio.get_running_loop().run_in_executor(_threads, work)
