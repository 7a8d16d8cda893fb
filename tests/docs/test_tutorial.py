"""The first hour as it is written, block by block, in one shell, against a running Stanch."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import facts
import pytest
from blocks import Block, blocks_of

from stanch.cli.demo import write_environment
from stanch.sandbox.stack import Stack

PATIENCE_SECONDS = 60.0


class Terminal:
    """A second terminal: what a block exports is there in the next."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept = folder / ".terminal"
        self._kept.touch()

    def run(self, text: str) -> subprocess.CompletedProcess[str]:
        script = f"set -a; source {self._kept}; {text}\nexport -p > {self._kept}\n"
        own = {name: value for name, value in os.environ.items() if not name.startswith(("STANCH_", "TEMPORAL_"))}
        return subprocess.run(
            ["bash", "-eu", "-c", script], cwd=self._folder, env=own, capture_output=True, text=True, check=False
        )


def copied(folder: Path) -> Path:
    """The root of a checkout, as far as the page needs it."""
    for name in ("policy", "playbooks"):
        shutil.copytree(facts.ROOT / name, folder / name)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return copied(tmp_path)


@pytest.fixture
def stack(place: Path) -> Iterator[Stack]:
    variables = {"STANCH_POLICY_DIR": str(place / "policy"), "STANCH_PLAYBOOKS_DIR": str(place / "playbooks")}
    with Stack(place / ".stanch/demo", variables=variables) as running:
        write_environment(running)
        yield running


@pytest.mark.timeout(420)
def test_the_first_hour(stack: Stack, place: Path) -> None:
    terminal = Terminal(place)
    for block in blocks_of(facts.DOCS / "tutorial.md"):
        if block.deed == "kill worker":
            assert stack.worker is not None
            stack.worker.kill()
            stack.revive()
        elif block.is_shell and not block.not_run:
            _follow(terminal, block)


def _follow(terminal: Terminal, block: Block) -> None:
    """Run a block until it shows what it says; only a patient one is run again."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        ran = terminal.run(block.text)
        told = f"{block}\n{ran.stdout}\n{ran.stderr}"
        shown = all(words in ran.stdout for words in block.shows)
        if shown or not block.patient or time.monotonic() > deadline:
            break
        time.sleep(0.3)
    assert ran.returncode == 0, told
    assert shown, told
    assert "Traceback" not in ran.stderr, told
