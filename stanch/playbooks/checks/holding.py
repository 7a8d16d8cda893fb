"""Does every block end? What is held at an enforcement point needs a written, bounded time."""

from __future__ import annotations

import re
from datetime import timedelta

from stanch.durations import format_duration, parse_duration
from stanch.leases import MAX_TTL_SECONDS
from stanch.playbooks.checks.modes import changes
from stanch.playbooks.model import Input, Playbook
from stanch.playbooks.report import Report
from stanch.playbooks.tree import Placed, Tree
from stanch.playbooks.words import is_template

_MAX = timedelta(seconds=MAX_TTL_SECONDS)
_INPUT = re.compile(r"\$\{\{\s*inputs\.([a-z][a-z0-9_]*)\s*\}\}")


def check_holding(playbook: Playbook, tree: Tree, report: Report) -> None:
    """P208."""
    for place, spec in changes(tree):
        if spec.leased and "ttl" in spec.params.model_fields:
            _ttl(playbook, place, report)


def _ttl(playbook: Playbook, place: Placed, report: Report) -> None:
    value = place.step.with_.get("ttl")
    path = (*place.path, "with", "ttl")
    longest = f"at most {format_duration(_MAX)}"
    if value is None:
        path = (*place.path, "do")
        report.add("P208", path, f"step {place.step.id!r} does not say how long it holds", hint=f"add ttl, {longest}")
        return
    bound = _bound(playbook, value)
    if bound is None:
        hint = "write a duration, or ${{ inputs.NAME }} of type duration with a max"
        report.add("P208", path, "how long this holds is not known when the playbook is loaded", hint=hint)
    elif not timedelta(0) < bound <= _MAX:
        report.add("P208", path, f"a block holds {longest}, this one up to {format_duration(bound)}")


def _bound(playbook: Playbook, value: object) -> timedelta | None:
    """The longest the value can be; None where nothing bounds it."""
    if not isinstance(value, str):
        return None
    if not is_template(value):
        return _read(value)
    named = _INPUT.fullmatch(value)
    setting = playbook.inputs.get(named[1]) if named else None
    return _longest(setting) if setting is not None and setting.type == "duration" else None


def _longest(setting: Input) -> timedelta | None:
    """A deployment may give any value up to `max`, so the default bounds nothing."""
    return _read(setting.max)


def _read(value: object) -> timedelta | None:
    try:
        return parse_duration(value) if isinstance(value, str) else None
    except ValueError:
        return None
