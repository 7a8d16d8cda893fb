"""A worker that may kill itself, under a supervisor that has everything loaded and starts it again at once.

Run as `python -m tests.faults.crash_worker FOLDER`. The supervisor forks before any Temporal runtime exists.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import worker
from stanch.catalog import Queue
from tests.faults.crashing import Crashing, install_hooks


def work(folder: Path) -> None:
    """Serve all queues until killed."""
    install_hooks()
    asyncio.run(worker.serve([queue.value for queue in Queue], interceptors=[Crashing(folder)]))


def supervise(work: Callable[[], None]) -> None:
    """Keep one worker running, whatever kills it; end when asked to end, or when it fails by itself."""
    for queue in Queue:  # loads everything, so that a restart costs only what starting Temporal's workers costs
        worker.activities_of(worker.make_world(), queue)
    child = 0

    def stop(*_: object) -> None:
        if child:
            os.kill(child, signal.SIGKILL)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    while True:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            work()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            os._exit(1)


if __name__ == "__main__":
    supervise(lambda: work(Path(sys.argv[1])))
