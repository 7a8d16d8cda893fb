"""What shipped playbooks say in chat is really said: a template that has no place for a text would drop it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stanch.playbooks import compile_plan, load_playbook

ROOT = Path(__file__).parents[2]
BOOKS = sorted((ROOT / "playbooks").glob("*.yaml"))


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_each_text_of_a_message_has_a_place_in_its_template(path: Path) -> None:
    plan = compile_plan(load_playbook(path.read_text("utf-8")))
    said = [step for step in plan.walk().values() if step.action == "chat.message" and "text" in step.with_]
    for step in said:
        template = ROOT / "stanch/texts/templates" / f"{step.with_['template']}.j2"
        assert re.search(r"\btext\b", template.read_text("utf-8")), f"{step.id} says something that nobody reads"


@pytest.mark.parametrize("path", [path for path in BOOKS if "mode: manual" not in path.read_text("utf-8")])
def test_who_changes_production_says_in_chat_and_ticket_that_it_was_taken_back(path: Path) -> None:
    plan = compile_plan(load_playbook(path.read_text("utf-8")))
    proven = [step for step in plan.walk().values() if step.verify is not None]
    assert proven
    silent = [
        step.id for step in proven if {one.action for one in step.failure_steps} != {"chat.message", "ticket.comment"}
    ]
    assert silent in ([], ["outlive"]), "the block of a revoked token goes beside its bridge, which stands"
