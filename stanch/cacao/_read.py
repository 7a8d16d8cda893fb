"""Reads a foreign CACAO playbook with care: bounded, checked for loops and loose ends, nothing believed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from stanch.errors import ConfigError
from stanch.shapes import is_list, is_mapping
from stanch.sinks.text import one_line

MAX_BYTES = 1_000_000
MAX_STEPS = 500
LEADING = ("on_completion", "on_success", "on_failure", "on_true", "on_false")


@dataclass(frozen=True)
class Foreign:
    """The part of a CACAO playbook that is imported."""

    id: str
    name: str
    description: str
    start: str
    workflow: Mapping[str, Mapping[str, Any]]
    names: Mapping[str, str]  # of agents and targets


def read(text: str) -> Foreign:
    """The playbook.

    Raises:
        ConfigError: P501, it is no CACAO 2.0 playbook; P502, its steps lead nowhere or in a circle.
    """
    data = _parsed(text)
    if data.get("type") != "playbook" or data.get("spec_version") != "cacao-2.0":
        told = one_line(str(data.get("spec_version", "nothing")), limit=40)
        _wrong(f"it is no CACAO 2.0 playbook: spec_version is {told}", hint="CACAO 1.x and bundles are not imported")
    workflow = _workflow(data)
    start = str(data.get("workflow_start", ""))
    if start not in workflow:
        _loose(f"workflow_start names {one_line(start, limit=80) or 'nothing'}, and there is no such step")
    _check(workflow, start)
    return Foreign(
        id=str(data.get("id", "")),
        name=one_line(str(data.get("name", "")), limit=120) or "CACAO playbook",
        description=one_line(str(data.get("description", "")), limit=500),
        start=start,
        workflow=workflow,
        names=_names(data),
    )


def _wrong(message: str, *, hint: str = "") -> NoReturn:
    raise ConfigError(message, code="P501", hint=hint)


def _loose(message: str) -> NoReturn:
    raise ConfigError(message, code="P502", hint="mend it where it comes from")


def _parsed(text: str) -> Mapping[str, Any]:
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        _wrong(f"it is larger than {MAX_BYTES:,} bytes", hint="split it")
    try:
        data = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        _wrong("it is nested too deeply")
    except ValueError as error:
        _wrong(f"it is not JSON: {one_line(str(error), limit=120)}")
    if not is_mapping(data):
        _wrong("it is not a JSON object")
    return data


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _workflow(data: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    given = data.get("workflow")
    if not is_mapping(given) or not given:
        _wrong("it has no workflow")
    if len(given) > MAX_STEPS:
        _wrong(f"it has {len(given)} steps; at most {MAX_STEPS} are read", hint="split it")
    found: dict[str, Mapping[str, Any]] = {}
    for name, step in given.items():
        if not is_mapping(step):
            _wrong(f"step {one_line(str(name), limit=80)} is not an object")
        found[str(name)] = step
    return found


def targets(step: Mapping[str, Any]) -> list[str]:
    """Every step that this one may lead to."""
    found = [str(step[name]) for name in LEADING if step.get(name)]
    cases = step.get("cases")
    found += [str(value) for value in cases.values()] if is_mapping(cases) else []
    following = step.get("next_steps")
    return found + ([str(item) for item in following] if is_list(following) else [])


def _check(workflow: Mapping[str, Mapping[str, Any]], start: str) -> None:
    """Every way leads to a step that is there, and none in a circle; without recursion, so that depth does no harm."""
    done: set[str] = set()
    path: dict[str, None] = {}
    waiting: list[tuple[str, bool]] = [(start, False)]
    while waiting:
        name, left = waiting.pop()
        if left:
            path.pop(name, None)
            done.add(name)
            continue
        if name in path:
            _loose(f"the steps go in a circle at {one_line(name, limit=80)}")
        if name in done:
            continue
        path[name] = None
        waiting.append((name, True))
        for target in targets(workflow[name]):
            if target not in workflow:
                _loose(f"{one_line(name, limit=80)} leads to {one_line(target, limit=80)}, and there is no such step")
            waiting.append((target, False))


def _names(data: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for kind in ("agent_definitions", "target_definitions"):
        given = data.get(kind)
        for name, words in given.items() if is_mapping(given) else ():
            if is_mapping(words):
                found[str(name)] = one_line(str(words.get("name", "")), limit=80)
    return found
