"""A foreign CACAO playbook as a draft of ours: mode manual, every command a task for a person, never run by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stanch.cacao._draft import Slugs, drafted, group, question, task
from stanch.cacao._instructions import instruction_of
from stanch.cacao._read import Foreign, read
from stanch.errors import ConfigError
from stanch.shapes import is_list, is_mapping
from stanch.sinks.text import one_line

MAX_TASKS = 60  # each becomes three steps; a playbook may have two hundred
_DEEPEST = 7
Words = dict[str, Any]


@dataclass(frozen=True)
class Draft:
    """What came of a foreign playbook.

    Args:
        text: our file, which loads.
        notes: what could not be taken over as it was.
    """

    text: str
    notes: tuple[str, ...]


def import_playbook(text: str, *, owner: str) -> Draft:
    """Make a draft.

    Args:
        text: CACAO 2.0 JSON.
        owner: the team that answers for the draft, and whose people say what is true.

    Raises:
        ConfigError: P501, no CACAO 2.0 playbook; P502, loose ends or circles; P503, too much for one playbook.
    """
    foreign = read(text)
    made = _Import(foreign, owner)
    steps = made.sequence(foreign.start, 0)
    made.unreached()
    return Draft(drafted(foreign, steps, owner=owner, notes=made.notes), tuple(made.notes))


class _Import:
    def __init__(self, foreign: Foreign, owner: str) -> None:
        self._foreign, self._owner = foreign, owner
        self._slugs = Slugs()
        self._seen: set[str] = set()
        self._tasks = 0
        self.notes: list[str] = []

    def sequence(self, name: str, depth: int) -> list[Words]:
        """The steps from here to the end of the branch; a step that stands elsewhere already is only referred to."""
        found: list[Words] = []
        while name:
            step = self._foreign.workflow[name]
            kind = str(step.get("type", ""))
            if kind == "end":
                break
            if name in self._seen:
                found += self._task(f"Go on with {self._title(name)}, which is described in another branch.", name)
                break
            self._seen.add(name)
            found += [] if kind == "start" else self._step(name, step, kind, depth)
            name = str(step.get("on_completion") or step.get("on_success") or "")
        return found

    def _title(self, name: str) -> str:
        return one_line(str(self._foreign.workflow[name].get("name", "")), limit=60) or name.partition("--")[0]

    def unreached(self) -> None:
        """Note what no way from the start leads to."""
        for name, step in self._foreign.workflow.items():
            if name not in self._seen and step.get("type") != "end":
                self.notes.append(f"{self._title(name)}: no way from the start leads there, so it is left out")

    def _count(self) -> None:
        self._tasks += 1
        if self._tasks > MAX_TASKS:
            message = f"it has more than {MAX_TASKS} tasks and questions"
            raise ConfigError(message, code="P503", hint="import its parts one by one")

    def _task(self, text: str, name: str) -> list[Words]:
        self._count()
        return task(self._slugs.of(self._title(name)), text, owner=self._owner)

    def _step(self, name: str, step: Mapping[str, Any], kind: str, depth: int) -> list[Words]:
        if depth > _DEEPEST:
            raise ConfigError(f"its branches are nested deeper than {_DEEPEST}", code="P503", hint="flatten it")
        return self._kind(name, step, kind, depth) + self._failure(name, step, depth)

    def _kind(self, name: str, step: Mapping[str, Any], kind: str, depth: int) -> list[Words]:
        if kind == "if-condition":
            return self._decision(name, str(step.get("condition", "")), _ways(step), depth)
        if kind == "switch-condition":
            return self._switch(name, step, depth)
        if kind == "while-condition":
            return self._loop(name, step, depth)
        if kind == "parallel":
            return self._parallel(name, step, depth)
        return self._action(name, step, kind)

    def _failure(self, name: str, step: Mapping[str, Any], depth: int) -> list[Words]:
        """What is to be done where it has failed, whatever its kind."""
        failed = str(step.get("on_failure") or "")
        if not failed or self._foreign.workflow[failed].get("type") == "end":
            return []
        return self._decision(name, f"{self._title(name)} has failed", {"yes": failed, "no": ""}, depth)

    def _action(self, name: str, step: Mapping[str, Any], kind: str) -> list[Words]:
        if kind not in ("action", "playbook-action"):
            self.notes.append(f"{self._title(name)}: a step of the kind {one_line(kind, limit=40) or 'none'}")
        text, notes = instruction_of(step, self._foreign.names)
        self.notes += [f"{self._title(name)}: {note}" for note in notes]
        return self._task(f"{self._title(name)}: {text}", name)

    def _decision(self, name: str, condition: str, ways: Mapping[str, str], depth: int) -> list[Words]:
        """People say what CACAO would have computed."""
        self._count()
        asked = f"{self._title(name)}: is this so? {one_line(condition, limit=600)}"
        return self._asked(name, asked, ways, depth)

    def _asked(self, name: str, asked: str, ways: Mapping[str, str], depth: int) -> list[Words]:
        branches = {option: self.sequence(target, depth + 1) for option, target in ways.items()}
        return question(self._slugs, self._title(name), asked, branches, owner=self._owner)

    def _switch(self, name: str, step: Mapping[str, Any], depth: int) -> list[Words]:
        self._count()
        cases = step.get("cases")
        given: Mapping[Any, Any] = cases if is_mapping(cases) else {}
        ways: dict[str, str] = {}
        for number, (case, target) in enumerate(given.items(), start=1):
            word = Slugs.plain(str(case)) or f"case_{number}"
            ways[word if word not in ways else f"{word}_{number}"] = str(target)
        ways.setdefault("none", "")
        told = ", ".join(f"{word} = {one_line(str(case), limit=60)}" for word, case in zip(ways, given, strict=False))
        asked = f"{self._title(name)}: which case is it? {one_line(str(step.get('switch', '')), limit=200)} ({told})"
        return self._asked(name, asked, ways, depth)

    def _loop(self, name: str, step: Mapping[str, Any], depth: int) -> list[Words]:
        condition = one_line(str(step.get("condition", "")), limit=600)
        self.notes.append(f"{self._title(name)}: a loop, which people repeat by hand")
        found = self._task(f"Repeat the following as long as this is so: {condition}", name)
        return found + self.sequence(str(step.get("on_true") or ""), depth + 1)

    def _parallel(self, name: str, step: Mapping[str, Any], depth: int) -> list[Words]:
        following = step.get("next_steps")
        names: Sequence[Any] = following if is_list(following) else ()
        branches = [steps for target in names if (steps := self.sequence(str(target), depth + 1))]
        if len(branches) < 2:
            return branches[0] if branches else []
        self.notes.append(f"{self._title(name)}: branches at the same time, which stand one after the other here")
        first = self._task(f"The next {len(branches)} groups of tasks may be done at the same time.", name)
        return first + [step for steps in branches for step in group(self._slugs, steps)]


def _ways(step: Mapping[str, Any]) -> dict[str, str]:
    return {"yes": str(step.get("on_true") or ""), "no": str(step.get("on_false") or "")}
