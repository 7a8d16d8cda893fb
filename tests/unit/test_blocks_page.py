"""The playbook of docs/blocks.md loads and passes its own tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stanch.playbooks import load_playbook
from stanch.simulate import run_example

PAGE = (Path(__file__).parents[2] / "docs" / "blocks.md").read_text()
(TEXT,) = [text for text in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.M | re.S) if text.startswith("version:")]
PLAYBOOK = load_playbook(TEXT)


@pytest.mark.parametrize("number", range(4))
def test_a_canary_is_counted_promoted_watched_and_taken_back(number: int, tmp_path: Path) -> None:
    assert run_example(PLAYBOOK, PLAYBOOK.tests[number], folder=tmp_path).mismatches == ()
