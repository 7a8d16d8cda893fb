"""Runs one program and ends it when standard input closes, so that no child outlives a killed parent.

Run as a script: `python -I -S _leash.py PROGRAM ARGS...`. A parent-death signal would be simpler, but it fires when the
starting *thread* ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading

GRACE_SECONDS = 5.0


def main(command: list[str]) -> int:
    """Hold the program until it ends by itself (its status) or the parent lets go (terminated, then killed)."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603

    def hold() -> None:
        while os.read(0, 1024):
            pass
        child.terminate()
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()

    threading.Thread(target=hold, daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
