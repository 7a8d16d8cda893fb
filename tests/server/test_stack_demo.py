"""`stanch demo` as people run it: four cases to their end, and nothing left behind, also when interrupted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from stack_support import listening, listens, of_session, soon

ROOT = Path(__file__).parents[2]
STANCH = str(Path(sysconfig.get_path("scripts")) / "stanch")
SCENARIOS = ("manual", "semi", "auto", "attack")


class Demo:
    """A running `stanch demo`; what it says goes to a file, as with a pipe."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.folder = folder / "demo"
        self.said = folder / "said.txt"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "STANCH_"))}
        self.begun = time.monotonic()
        with self.said.open("wb") as out:
            self.process = subprocess.Popen(
                [STANCH, "demo", "--folder", str(self.folder), "--port", "0", *more],
                cwd=ROOT,
                env={**kept, "HOME": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        return self.said.read_text(encoding="utf-8")

    def processes(self) -> set[int]:
        return {pid for pid, _ in of_session(self.folder)}


@contextmanager
def demo(folder: Path, *more: str) -> Iterator[Demo]:
    running = Demo(folder, *more)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            os.killpg(running.process.pid, signal.SIGKILL)
            running.process.wait(10)


def test_all_four_cases_and_then_nothing_is_left(tmp_path: Path) -> None:
    with demo(tmp_path, "--exit") as running:
        ports: set[int] = set()
        while running.process.poll() is None:
            ports |= listening(running.processes())
            assert time.monotonic() < running.begun + 150, running.text[-3000:]
            time.sleep(0.5)
        took = re.search(r"all scenarios took (\d+) s", running.text)
    assert running.process.returncode == 0, running.text[-3000:]
    for name in SCENARIOS:
        assert re.search(rf"{name} +as expected", running.text), running.text[-3000:]
    assert took is not None
    crowded = os.getloadavg()[0] > (os.cpu_count() or 1)
    assert int(took[1]) < (120 if crowded else 60)
    assert len(ports) >= 8, "it ran Temporal, stand-ins, Envoy and the web service"
    assert of_session(running.folder) == []
    assert [port for port in ports if listens(port)] == []
    assert (running.folder / "env").stat().st_mode & 0o777 == 0o600
    assert "Traceback" not in running.text


@pytest.mark.parametrize("moment", ["starting Temporal", "finding sent by signed webhook"])
def test_ctrl_c_stops_everything(tmp_path: Path, moment: str) -> None:
    with demo(tmp_path) as running:
        assert soon(lambda: moment in running.text, seconds=120), running.text
        if moment.startswith("starting"):
            assert soon(lambda: len(running.processes()) > 2)
        before = listening(running.processes())
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(45) in (0, 130), running.text
    assert of_session(running.folder) == []
    assert [port for port in before if listens(port)] == []
    assert "Traceback" not in running.text


def test_a_folder_that_holds_something_else_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    kept = tmp_path / "demo" / "thesis.tex"
    kept.write_text("two years of work")
    with demo(tmp_path, "--exit") as running:
        assert running.process.wait(30) == 3
    assert kept.read_text() == "two years of work"
    assert "C014" in running.text


def test_a_killed_demo_leaves_nothing_either(tmp_path: Path) -> None:
    with demo(tmp_path) as running:
        assert soon(lambda: len(running.processes()) > 3, seconds=120), running.text
        running.process.send_signal(signal.SIGKILL)
        running.process.wait(10)
    assert soon(lambda: of_session(running.folder) == [], seconds=20), of_session(running.folder)
