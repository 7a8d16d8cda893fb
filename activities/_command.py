"""Runs a program of the operator: no shell, no inherited environment, bounded in time and output, nothing left over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from stanch.errors import Rejected, RetrySafe
from stanch.ports import Check
from stanch.sandbox import _leash

MAX_OUTPUT = 8 * 1024 * 1024
_POLL = 0.05
_GRACE = 2.0


@dataclass(frozen=True)
class Done:
    """A program that has ended by itself; `files` are those it was asked for, by name, "" where it wrote none."""

    status: int
    stdout: str = field(repr=False)
    stderr: str = field(repr=False)
    files: dict[str, str] = field(default_factory=dict[str, str], repr=False)


def run(argv: Sequence[str], *, seconds: float, wanted: Sequence[str] = (), limit: int = MAX_OUTPUT) -> Done:
    """Run a program in an empty folder of its own and wait for it.

    Args:
        argv: program and arguments, each handed over as it is.
        seconds: after which it is ended, with all it has started.
        wanted: names of files it is to write, relative to the folder.
        limit: bytes of output and of each file.

    Raises:
        Rejected: V025, the program cannot be started.
        RetrySafe: V026, it took too long or wrote too much.
    """
    with TemporaryDirectory(prefix="stanch-scan-") as folder:
        here = Path(folder)
        out, err = here / ".stdout", here / ".stderr"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            status = _supervised(argv, here, stdout.fileno(), stderr.fileno(), seconds=seconds, limit=limit)
        files = {name: _text(here / name, limit) for name in wanted}
        return Done(status, _text(out, limit), _text(err, limit), files)


def usable(program: str) -> Check:
    """Whether a program is there, for `stanch doctor`."""
    path = Path(program)
    ok = path.is_absolute() and path.is_file() and os.access(path, os.X_OK)
    return Check("program", ok=ok, detail=program if ok else "not a program that can be run", fix="set `binary`")


def _supervised(argv: Sequence[str], here: Path, out: int, err: int, *, seconds: float, limit: int) -> int:
    """Held on a leash, so that a killed worker leaves no scanner behind; ended as a group, so that no child stays."""
    if not usable(argv[0]).ok:
        raise Rejected("the scanner's program cannot be run", code="V025", hint="set `binary` to its full path")
    leash = [sys.executable, "-I", "-S", _leash.__file__, *argv]
    deadline = time.monotonic() + seconds
    process = subprocess.Popen(  # noqa: S603 - arguments are checked, and no shell reads them
        leash,
        stdin=subprocess.PIPE,
        stdout=out,
        stderr=err,
        cwd=here,
        env={"PATH": "/usr/bin:/bin", "HOME": str(here), "LANG": "C.UTF-8", "NO_COLOR": "1"},
        start_new_session=True,
    )
    try:
        while process.poll() is None:
            if time.monotonic() > deadline:
                raise RetrySafe("the scanner took too long", code="V026", hint="raise `timeout` of the scanner")
            if _written(here) > limit:
                raise RetrySafe("the scanner wrote more than is allowed", code="V026")
            time.sleep(_POLL)
        return process.returncode
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole group; it is gone already where everything went well."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):
            break
        if number is signal.SIGTERM:
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                continue
    if process.stdin is not None:
        process.stdin.close()
    process.wait(_GRACE)


def _written(here: Path) -> int:
    return sum(path.stat().st_size for path in here.iterdir() if path.is_file() and not path.is_symlink())


def _text(path: Path, limit: int) -> str:
    if not path.is_file() or path.is_symlink():
        return ""
    with path.open("rb") as file:
        return file.read(limit).decode("utf-8", "replace")
