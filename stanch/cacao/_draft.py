"""The pieces of a draft, and the file they become; every foreign text is a quoted literal in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from stanch.cacao._read import Foreign
from stanch.shapes import is_dict, is_list
from stanch.sinks.text import one_line, shorten

Words = dict[str, Any]
_WORD = re.compile(r"[^a-z0-9]+")
_KEPT = "_"
_NOTES = 50


class Slugs:
    """Names for steps, each given once."""

    def __init__(self) -> None:
        self._given: set[str] = {"ticket", "tell"}

    @staticmethod
    def plain(text: str) -> str:
        """Lower-case letters, digits and _, beginning with a letter; empty where nothing is left."""
        word = _WORD.sub(_KEPT, text.lower()).strip(_KEPT)[:40].strip(_KEPT)
        return word if not word or word[0].isalpha() else f"s_{word}"

    def of(self, text: str) -> str:
        base = self.plain(text) or "step"
        name, number = base, 2
        while name in self._given:
            name, number = f"{base}_{number}", number + 1
        self._given.add(name)
        return name


def task(name: str, text: str, *, owner: str) -> list[Words]:
    """Work for a person: noted on the ticket, and waited for until somebody says that it is done."""
    note = {"key": "${{ steps.ticket.outputs.key }}", "text": literal(text)}
    asked = _approval(f"Is this done? {shorten(text, 600)}", ["done", "not_done"], "30d", owner)
    return [{"id": name, "do": "ticket.comment", "with": note}, {"id": f"{name}_done", "approve": asked}]


def _approval(asked: str, options: list[str], expires: str, owner: str) -> Words:
    """People choose; silence chooses the last option, which is the one that does least."""
    need = [{"from": [owner], "count": 1}]
    words: Words = {"ask": literal(asked), "need": need, "options": options}
    return words | {"expires": expires, "on_timeout": options[-1]}


def question(slugs: Slugs, title: str, asked: str, branches: Mapping[str, list[Words]], *, owner: str) -> list[Words]:
    """People choose a branch."""
    name = slugs.of(f"{title} ask")
    found: list[Words] = [{"id": name, "approve": _approval(asked, list(branches), "7d", owner)}]
    taken = {option: steps for option, steps in branches.items() if steps}
    if taken:
        choices = [_choice(name, option, steps) for option, steps in taken.items()]
        found.append({"id": slugs.of(f"{title} choice"), "choose": choices})
    return found


def _choice(name: str, option: str, steps: list[Words]) -> Words:
    return {"when": f"steps.{name}.ok && steps.{name}.outputs.choice == '{option}'", "steps": steps}


def group(slugs: Slugs, steps: list[Words]) -> list[Words]:
    """Steps that belong together."""
    return [{"id": slugs.of("group"), "choose": [{"otherwise": steps}]}]


def literal(text: str) -> str:
    """The text as a literal: nothing in it is an expression."""
    return text.replace("${{", "$${{")


def drafted(foreign: Foreign, steps: Sequence[Words], *, owner: str, notes: Sequence[str]) -> str:
    """The whole file."""
    slug = Slugs.plain(foreign.name) or "playbook"
    ticket: Words = {
        "id": "ticket",
        "do": "ticket.create",
        "with": {"summary": literal(foreign.name), "text": literal(foreign.description), "assignee": owner},
        "hold": True,
    }
    lines = [
        f"# Imported from CACAO 2.0: {one_line(foreign.id, limit=100)}",
        "# A draft. It is for no finding until somebody has read every step, written tests, and named its place below.",
        *(f"# Look at {one_line(note, limit=200)}" for note in notes[:_NOTES]),
        "version: playbook/v1",
        f"id: cacao_{slug}",
        f"title: {_quoted(foreign.name)}",
        "mode: manual",
        f"owner: {_quoted(owner)}",
        "on:",
        f"  match: {{host: {_quoted(slug.replace('_', '-') + '.draft.invalid')}}}",
        "steps:",
        *_listed([ticket, *steps], 2),
    ]
    return "\n".join(lines) + "\n"


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _listed(steps: Sequence[Words], indent: int) -> list[str]:
    return [line for step in steps for line in _step(step, indent)]


def _step(step: Words, indent: int) -> list[str]:
    lines: list[str] = []
    for number, (key, value) in enumerate(step.items()):
        start = " " * indent + ("- " if number == 0 else "  ")
        if key == "choose":
            lines += [f"{start}{key}:", *(line for choice in value for line in _branch(choice, indent + 4))]
        elif is_dict(value):
            lines += [f"{start}{key}:", *(f"{' ' * (indent + 4)}{name}: {_flow(item)}" for name, item in value.items())]
        else:
            lines.append(f"{start}{key}: {_flow(value)}")
    return lines


def _branch(choice: Words, indent: int) -> list[str]:
    start = " " * indent
    if "otherwise" in choice:
        return [f"{start}- otherwise:", *_listed(choice["otherwise"], indent + 4)]
    return [f"{start}- when: {_quoted(choice['when'])}", f"{start}  steps:", *_listed(choice["steps"], indent + 4)]


def _flow(value: Any) -> str:
    if is_dict(value):
        return "{" + ", ".join(f"{name}: {_flow(item)}" for name, item in value.items()) + "}"
    if is_list(value):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if isinstance(value, str) and re.fullmatch(r"[a-z][a-z0-9_.]*|\d+[smhdw]", value) and value not in _NOT_PLAIN:
        return value
    return _quoted(value)


_NOT_PLAIN = ("yes", "no", "on", "off", "true", "false", "null")
