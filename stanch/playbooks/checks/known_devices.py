"""Can every webhook step work with the section it names? Apart from all other checks, since it needs settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stanch.actions.webhooks import Call
from stanch.devices import Declared
from stanch.playbooks.model import Step
from stanch.playbooks.report import Report, did_you_mean
from stanch.playbooks.tree import Path, Tree
from stanch.playbooks.words import is_template
from stanch.shapes import is_dict

VERBS = ("webhook.call", "webhook.once")
_SUBJECTS = Call.model_fields.keys() - {"to", "values"}
_Said = tuple[Path, str, str]  # where, what, what to do


def check_devices(tree: Tree, devices: Mapping[str, Declared], report: Report) -> None:
    """P211: a section that is not there, that cannot take back, that declares other values, or that drops one.

    Args:
        tree: of the playbook.
        devices: the sections under `[webhooks]`, by name.
        report: takes the problems.
    """
    for place in tree.placed:
        step, to = place.step, place.step.with_.get("to")
        if step.do not in VERBS or not isinstance(to, str) or is_template(to):
            continue  # which section it is will be known when it runs
        known = devices.get(to)
        said = [_nowhere(to, devices)] if known is None else _unfit(step, to, known)
        for path, message, hint in said:
            report.add("P211", (*place.path, *path), message, hint=hint)


def _nowhere(to: str, devices: Mapping[str, Declared]) -> _Said:
    hint = did_you_mean(to, devices) or "add the section to stanch.toml"
    return ("with", "to"), f"settings have no section [webhooks.{to}]", hint


def _unfit(step: Step, to: str, known: Declared) -> Iterator[_Said]:
    if step.do == "webhook.call" and not known.inverse:
        hint = "declare its `inverse`, or use webhook.once, which says that it cannot be taken back"
        yield ("do",), f"{to} declares no inverse, so this cannot be taken back", hint
    yield from _dropped(step, to, known)
    values: Any = step.with_.get("values", {})
    if not is_dict(values):
        return
    for name in values:
        if name not in known.parameters:
            hint = did_you_mean(str(name), known.parameters) or "declare it under `parameters` of the section"
            yield ("with", "values", name), f"{to} declares no parameter {name!r}", hint
    for name in sorted(known.needed - values.keys() - (step.with_.keys() & _SUBJECTS)):
        yield ("with",), f"the requests of {to} need {name!r}, and the step does not give it", f"add {name} to its with"


def _dropped(step: Step, to: str, known: Declared) -> Iterator[_Said]:
    """Who or what the step names and the device never hears of: it would change more than the step says."""
    given = {name for name in step.with_.keys() & _SUBJECTS if step.with_[name] != ""}
    for name in sorted(given - known.sent):
        hint = f"pass {name} on in `apply` of the section, or leave it out of the step"
        yield ("with", name), f"{to} never sends {name!r}, so it would change more than the step says", hint
