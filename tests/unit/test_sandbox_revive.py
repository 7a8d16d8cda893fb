"""Worker and web of a stack are started again where they ended, each whatever becomes of the other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stanch.errors import DependencyError
from stanch.sandbox.process import Process
from stanch.sandbox.stack import OUTSIDE, Stack

SERVES = "import time; print('ready', flush=True); time.sleep(600)"


class Silent(Process):
    """It lives, and never says in time that it serves."""

    def wait_ready(self) -> None:
        raise DependencyError(f"{self.name} did not start", code="D013")


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    for name in OUTSIDE:
        monkeypatch.delenv(name, raising=False)
    made = Stack(tmp_path)
    yield made
    for process in (made.worker, made.web):
        if process is not None:
            process.kill()


def process(folder: Path, name: str, *, serves: bool = True) -> Process:
    kind = Process if serves else Silent
    command = [sys.executable, "-I", "-S", "-c", SERVES]
    return kind(name, command, environment={}, log=folder / f"{name}.log", ready=lambda line: "ready" in line)


@pytest.mark.parametrize("silent", ["worker", "web"])
def test_one_that_does_not_serve_keeps_the_other_from_nothing(stack: Stack, silent: str) -> None:
    stack.worker = process(stack.folder, "worker", serves=silent != "worker")
    stack.web = process(stack.folder, "web", serves=silent != "web")
    for _ in range(2):  # it is tried again, and again told; a life without serving is not taken for serving
        with pytest.raises(DependencyError, match=f"{silent} did not start"):
            stack.revive()
        assert (stack.worker.running, stack.web.running) == (silent != "worker", silent != "web")


def test_both_are_tried_and_the_last_failure_is_told(stack: Stack) -> None:
    stack.worker = process(stack.folder, "worker", serves=False)
    stack.web = process(stack.folder, "web", serves=False)
    with pytest.raises(DependencyError, match="web did not start"):
        stack.revive()
    stack.web = process(stack.folder, "web")
    stack.worker = process(stack.folder, "worker")
    stack.revive()
    assert (stack.worker.running, stack.web.running) == (True, True)
