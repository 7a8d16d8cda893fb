"""The first playbook as its page tells it, block by block, in one shell; the last part beside a running Stanch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import facts
import pytest
from blocks import blocks_of
from test_tutorial import Terminal, _follow, copied

from stanch.cli.demo import write_environment
from stanch.sandbox.stack import Stack


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return copied(tmp_path)


@pytest.fixture
def stack(place: Path) -> Iterator[Stack]:
    variables = {"STANCH_POLICY_DIR": str(place / "policy"), "STANCH_PLAYBOOKS_DIR": str(place / "playbooks")}
    with Stack(place / ".stanch/dev", variables=variables) as running:
        write_environment(running)
        yield running


@pytest.mark.timeout(420)
@pytest.mark.usefixtures("stack")
def test_the_first_playbook(place: Path) -> None:
    terminal = Terminal(place)
    for block in blocks_of(facts.DOCS / "tutorial-playbook.md"):
        if block.is_shell and not block.not_run:
            _follow(terminal, block)
