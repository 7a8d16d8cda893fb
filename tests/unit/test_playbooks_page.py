"""The complete playbooks of docs/playbooks.md load together and pass their own tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stanch.playbooks import load_playbook
from stanch.playbooks.calling import compiled_all
from stanch.playbooks.library import PlaybookSet
from stanch.simulate import run_example

PAGE = (Path(__file__).parents[2] / "docs" / "playbooks.md").read_text()
TEXTS = [text for text in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.M | re.S) if text.startswith("version:")]
BOOKS = PlaybookSet.of_texts({f"{number}.yaml": text for number, text in enumerate(TEXTS)}).entries


def test_the_page_has_examples_of_what_playbooks_do_together() -> None:
    roles = {entry.playbook.on.role for entry in BOOKS.values()}
    assert roles == {"primary", "companion", "called"}


@pytest.mark.parametrize("name", sorted(BOOKS))
def test_an_example_passes_its_own_tests(name: str, tmp_path: Path) -> None:
    callees = compiled_all({key: entry.playbook for key, entry in BOOKS.items()}, failed=lambda *_: None)
    playbook = BOOKS[name].playbook
    assert playbook.tests
    for example in playbook.tests:
        result = run_example(playbook, example, folder=tmp_path, callees=callees)
        assert result.mismatches == ()


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_an_example_is_right_by_itself_too(text: str) -> None:
    assert load_playbook(text).tests
