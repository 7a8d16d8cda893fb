"""Playbooks that call each other: read together, and compiled from the innermost out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stanch.errors import ConfigError
from stanch.playbooks.checks.calls import called_by
from stanch.playbooks.compile import compile_plan
from stanch.playbooks.inlining import Callee
from stanch.playbooks.loader import Form, check_form, read_form
from stanch.playbooks.model import Playbook

CALL = "playbook:"  # no text without it calls anything
NO_INPUTS: Mapping[str, Mapping[str, Any]] = MappingProxyType({})


def innermost_first(playbooks: Mapping[str, Playbook]) -> list[Playbook]:
    """Each after those that it calls; where calls go in a circle, which the loader refuses, in any order."""
    ordered: dict[str, Playbook] = {}
    for start in playbooks:
        pending = [(start, False)]
        seen: set[str] = set()
        while pending:
            name, done = pending.pop()
            if done:
                ordered.setdefault(name, playbooks[name])
            elif name in playbooks and name not in ordered and name not in seen:
                seen.add(name)
                pending += [(name, True), *((inner, False) for inner in called_by(playbooks[name]))]
    return list(ordered.values())


def compiled_all(
    playbooks: Mapping[str, Playbook],
    *,
    others: Mapping[str, Callee] = MappingProxyType({}),
    inputs: Mapping[str, Mapping[str, Any]] = NO_INPUTS,
    failed: Callable[[ConfigError, str], None],
) -> dict[str, Callee]:
    """Every playbook with its plan, beside `others`.

    One that cannot be compiled is told to `failed`, with its id, and left out together with those that call it.
    """
    found = dict(others)
    for playbook in innermost_first(playbooks):
        if not all(name in found for name in called_by(playbook)):
            continue
        try:
            plan = compile_plan(playbook, inputs=inputs.get(playbook.id), callees=found)
        except ConfigError as error:
            failed(error, playbook.id)
            continue
        found[playbook.id] = Callee(playbook, plan)
    return found


def callees_of(playbook: Playbook, file: Path) -> dict[str, Callee]:
    """What a playbook may call from its file; nothing is read where it calls nothing."""
    return beside(file.parent, without=(file.name,)) if called_by(playbook) else {}


def library_for(text: str, file: Path) -> dict[str, Playbook]:
    """The readable playbooks beside a file; nothing is read where its text calls nothing."""
    return _library(_forms(file.parent, without=(file.name,))) if CALL in text else {}


def beside(
    folder: Path, *, without: Collection[str], inputs: Mapping[str, Mapping[str, Any]] = NO_INPUTS
) -> dict[str, Callee]:
    """The usable playbooks of a folder, some files left out: what those may call."""
    forms = _forms(folder, without=without)
    library = _library(forms)
    good = {
        form.playbook.id: form.playbook
        for form in forms
        if form.playbook is not None and check_form(form, library=library).ok
    }
    return compiled_all(good, inputs=inputs, failed=lambda _error, _name: None)


def _library(forms: list[Form]) -> dict[str, Playbook]:
    return {form.playbook.id: form.playbook for form in forms if form.playbook is not None}


def _forms(folder: Path, *, without: Collection[str]) -> list[Form]:
    paths = [path for path in sorted(folder.glob("*.y*ml")) if path.name not in without]
    return [read_form(_text(path), str(path)) for path in paths]


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
